// stats.
#include "base/text.hpp"
#include "base/units.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "engine/directory.hpp"
#include "engine/usage.hpp"
#include "linux/events.hpp"
#include "linux/terminal.hpp"

#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <map>

namespace conductor::cli {

namespace {

constexpr std::chrono::seconds interval(1);

// The containers that are shown, as they are at present. What cannot have changed since the last look is not read
// again.
class Watched {
 public:
  Watched(engine::Engine& engine, const std::vector<std::string>& names, bool all) : engine_(engine), all_(all) {
    for (const auto& name : names) named_.push_back(engine.resolve(name));
  }

  std::vector<engine::Observed> look() {
    std::vector<engine::Observed> found;
    std::map<std::string, engine::Observed> next;
    for (const auto& id : named_.empty() ? engine::recorded_ids(engine_.locations()) : named_) {
      auto observed = look_at(id);
      if (!observed) continue;
      const bool runs = observed->status.process.pid != 0;
      if (runs || all_ || !named_.empty()) found.push_back(*observed);
      next.emplace(id, std::move(*observed));
    }
    known_ = std::move(next);
    return found;
  }

 private:
  std::optional<engine::Observed> look_at(const std::string& id) {
    const auto known = known_.find(id);
    if (known != known_.end()) {
      const auto status = engine_.runtime().status(id);
      if (status && status->process == known->second.status.process) return known->second;
    }
    const auto container = engine_.try_find(id);
    if (!container) return std::nullopt;
    return engine_.observe(*container);
  }

  engine::Engine& engine_;
  bool all_;
  std::vector<std::string> named_;  // ids; empty: every one there is
  std::map<std::string, engine::Observed> known_;
};

// docker's form of memory: four digits, powers of 1024.
std::string binary_size(std::int64_t bytes) {
  static constexpr std::array<const char*, 6> units{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < units.size()) value /= 1024, ++unit;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4g%s", value, units[unit]);
  return text.data();
}

std::string percent(double part, double whole) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f%%", whole > 0 ? 100 * part / whole : 0.0);
  return text.data();
}

std::string pair_of(const std::string& first, const std::string& second) { return first + " / " + second; }

// Of one core, since the measurement before; a container that was started anew in between begins at 0.
std::string cpu_percent(const engine::Usage& now, const engine::Usage* before) {
  if (before == nullptr || !before->running || now.group.cpu_ns < before->group.cpu_ns) return percent(0, 0);
  return percent(static_cast<double>(now.group.cpu_ns - before->group.cpu_ns),
                 static_cast<double>(now.time_ns - before->time_ns));
}

base::Json listed(const engine::Observed& observed, const engine::Usage& now, const engine::Usage* before, bool whole) {
  const auto& id = observed.container.id;
  const std::int64_t machine = now.running ? engine::memory_of_machine() : 0;
  const std::int64_t limit = std::min(now.group.memory_limit.value_or(machine), machine);
  base::Json row = base::Json::object();
  row.set("Container", whole ? id : base::short_id(id));
  row.set("ID", whole ? id : base::short_id(id));
  row.set("Name", observed.container.config.name);
  row.set("CPUPerc", cpu_percent(now, before));
  row.set("MemUsage", pair_of(binary_size(now.group.memory), binary_size(limit)));
  row.set("MemPerc", percent(static_cast<double>(now.group.memory), static_cast<double>(limit)));
  row.set("NetIO", pair_of(base::format_size(now.network.received), base::format_size(now.network.sent)));
  row.set("BlockIO", pair_of(base::format_size(now.group.block_read), base::format_size(now.group.block_written)));
  row.set("PIDs", std::to_string(now.group.pids));
  return row;
}

// Of each container by its id.
std::map<std::string, engine::Usage> by_id(const std::vector<engine::Observed>& containers,
                                           const std::vector<engine::Usage>& usages) {
  std::map<std::string, engine::Usage> all;
  for (std::size_t i = 0; i < containers.size(); ++i) all.emplace(containers[i].container.id, usages[i]);
  return all;
}

constexpr std::array columns = {Column{"CONTAINER ID", "ID"},   Column{"NAME", "Name"},
                                Column{"CPU %", "CPUPerc"},     Column{"MEM USAGE / LIMIT", "MemUsage"},
                                Column{"MEM %", "MemPerc"},     Column{"NET I/O", "NetIO"},
                                Column{"BLOCK I/O", "BlockIO"}, Column{"PIDS", "PIDs"}};

}  // namespace

int stats(Invocation& call) {
  bool all = false, once = false, whole = false;
  std::string format;
  std::vector<std::string> names;
  call.options().flag("-a,--all", all, "those that do not run, too");
  call.options().flag("--no-stream", once, "one measurement, over a second");
  call.options().flag("--no-trunc", whole, "whole ids");
  call.options().option("--format", format, "table, json or a template", "FORMAT");
  call.options().words("CONTAINER", names);
  call.parse();
  engine::Engine& engine = call.engine();
  Watched watched(engine, names, all);
  const bool redraw = !once && linux::is_terminal(STDOUT_FILENO);
  const auto timer = linux::make_timer();

  auto containers = watched.look();
  auto before = by_id(containers, engine::measure(engine, containers));
  for (;;) {
    linux::arm_timer(timer, interval);
    linux::wait_readable(timer.get(), -1);
    linux::clear_timer(timer);
    containers = watched.look();
    const auto usages = engine::measure(engine, containers);
    std::vector<base::Json> rows;
    for (std::size_t i = 0; i < containers.size(); ++i) {
      const auto earlier = before.find(containers[i].container.id);
      rows.push_back(listed(containers[i], usages[i], earlier == before.end() ? nullptr : &earlier->second, whole));
    }
    before = by_id(containers, usages);
    constexpr const char* clear_screen = "\033[H\033[J";
    print((redraw ? clear_screen : "") + render_list({columns.begin(), columns.end()}, rows, format));
    if (once) return 0;
  }
}

}  // namespace conductor::cli
