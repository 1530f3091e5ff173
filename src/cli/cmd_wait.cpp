// wait.
#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"

namespace conductor::cli {

namespace {

enum class Condition { not_running, next_exit, removed };
constexpr auto enum_names(Condition) {
  return std::array{std::pair{Condition::not_running, "not-running"}, std::pair{Condition::next_exit, "next-exit"},
                    std::pair{Condition::removed, "removed"}};
}

Condition condition_of(const std::string& text) {
  Condition condition = Condition::not_running;
  if (base::enum_parse(text, condition)) return condition;
  throw base::Error("option --condition takes not-running, next-exit or removed, not '" + base::escape_control(text) +
                    "'")
      .with_exit_code(base::exit_usage);
}

}  // namespace

int wait(Invocation& call) {
  std::string condition_text = "not-running";
  std::vector<std::string> names;
  call.options().option("--condition", condition_text, "not-running, next-exit or removed", "CONDITION");
  call.options().words("CONTAINER", names, 1);
  call.parse();
  const Condition condition = condition_of(condition_text);
  engine::Engine& engine = call.engine();
  int result = 0;
  for (const auto& name : names) {
    try {
      const std::string id = engine.resolve(name);
      int code = 0;
      if (condition == Condition::not_running) code = engine.runtime().wait(id);
      if (condition == Condition::next_exit) code = engine.runtime().wait_for_exit(id);
      if (condition == Condition::removed) code = engine.runtime().wait_for_removal(id);
      print_line(std::to_string(code));
    } catch (const base::Error& e) {
      say(base::escape_control(e.message()));
      result = 1;
    }
  }
  return result;
}

}  // namespace conductor::cli
