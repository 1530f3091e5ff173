// container prune.
#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "cli/commands.hpp"
#include "cli/each.hpp"
#include "cli/filters.hpp"

#include <unistd.h>

namespace conductor::cli {

namespace {

bool confirmed(std::size_t count) {
  print_error("This removes " + std::to_string(count) + (count == 1 ? " container" : " containers") +
              " with what is written in them. Go on? [y/N]");
  std::string answer;
  char letter = 0;
  while (read(STDIN_FILENO, &letter, 1) == 1 && letter != '\n') answer += letter;
  const auto word = base::lower(base::trim(answer));
  return word == "y" || word == "yes";
}

std::int64_t time_before_now(const std::string& age) {
  const auto duration = base::parse_duration(age);
  if (!duration)
    throw base::Error("filter until takes an age such as 24h or 30m, not '" + base::escape_control(age) + "'")
        .with_exit_code(base::exit_usage);
  return base::now_unix_ns() - duration->count();
}

bool holds(const std::string& key, const std::string& value, const engine::Container& container) {
  if (key == "label") return has_label(container.config.labels, value);
  if (key == "label!") return !has_label(container.config.labels, value);
  return container.created < time_before_now(value);
}

}  // namespace

int container_prune(Invocation& call) {
  bool force = false;
  std::vector<std::string> filter_texts;
  call.options().flag("-f,--force", force, "do not ask");
  call.options().option("--filter", filter_texts, "only those, until=24h, label=NAME[=VALUE] or label!=…", "FILTER");
  call.parse();
  const Filters filters(filter_texts, {"until", "label", "label!"});
  engine::Engine& engine = call.recovered_engine();
  std::vector<std::string> ids;
  for (const auto& observed : engine.list()) {
    const auto phase = observed.status.phase;
    if (phase == monitor::Phase::running || phase == monitor::Phase::restarting) continue;
    const auto accepted = [&](const auto& key, const auto& value) { return holds(key, value, observed.container); };
    if (filters.accept(accepted)) ids.push_back(observed.container.id);
  }
  if (ids.empty()) return 0;
  if (!force && !confirmed(ids.size()))
    throw base::Error("nothing is removed: it was not confirmed").with_exit_code(1).with_hint("-f does not ask");
  print_line("Deleted Containers:");
  return for_each_name(ids, [&](const std::string& id) { engine.remove(id, false); });
}

}  // namespace conductor::cli
