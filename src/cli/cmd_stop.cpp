// stop, restart, kill, rm and wait.
#include "cli/commands.hpp"
#include "cli/each.hpp"
#include "linux/process.hpp"

#include <csignal>

namespace conductor::cli {

namespace {
std::optional<std::chrono::nanoseconds> grace_of(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  return std::chrono::nanoseconds(parse_seconds_ns("--time", *text));
}
}  // namespace

int stop(Invocation& call) {
  std::optional<std::string> time;
  bool remove_too = false;
  std::vector<std::string> names;
  call.options().option("-t,--time", time, "seconds until it is killed", "SECONDS");
  call.options().flag("--rm", remove_too, "remove it as well");
  call.options().unsupported("-s --signal");
  call.options().words("CONTAINER", names, 1);
  call.parse();
  const auto grace = grace_of(time);
  engine::Engine& engine = call.recovered_engine();
  return for_each_name(names, [&](const std::string& name) {
    const std::string id = engine.resolve(name);
    engine.stop(id, grace);
    if (remove_too) engine.remove(id, true, true);
  });
}

int restart(Invocation& call) {
  std::optional<std::string> time;
  std::vector<std::string> names;
  call.options().option("-t,--time", time, "seconds until it is killed", "SECONDS");
  call.options().unsupported("-s --signal");
  call.options().words("CONTAINER", names, 1);
  call.parse();
  const auto grace = grace_of(time);
  engine::Engine& engine = call.recovered_engine();
  return for_each_name(names, [&](const std::string& name) {
    const std::string id = engine.resolve(name);
    engine.stop(id, grace);
    engine.start(id);
  });
}

int kill(Invocation& call) {
  std::string name_of_signal = "KILL";
  std::vector<std::string> names;
  call.options().option("-s,--signal", name_of_signal, "signal, KILL by default", "SIGNAL");
  call.options().words("CONTAINER", names, 1);
  call.parse();
  const auto signal = linux::parse_signal(name_of_signal);
  if (!signal)
    throw base::Error("unknown signal '" + base::escape_control(name_of_signal) + "'").with_exit_code(base::exit_usage);
  engine::Engine& engine = call.recovered_engine();
  return for_each_name(names, [&](const std::string& name) { engine.kill(engine.resolve(name), *signal); });
}

int remove(Invocation& call) {
  bool force = false;
  bool volumes = false;
  std::vector<std::string> names;
  call.options().flag("-f,--force", force, "running ones too; one that does not exist is fine");
  call.options().flag("-v,--volumes", volumes, "its unnamed volumes too");
  call.options().unsupported("-l --link");
  call.options().words("CONTAINER", names, 1);
  call.parse();
  engine::Engine& engine = call.recovered_engine();
  return for_each_name(names, [&](const std::string& name) {
    if (force && !engine.exists(name)) return;
    engine.remove(engine.resolve(name), force, volumes);
  });
}

int wait(Invocation& call) {
  std::vector<std::string> names;
  call.options().words("CONTAINER", names, 1);
  call.parse();
  engine::Engine& engine = call.engine();
  int result = 0;
  for (const auto& name : names) {
    try {
      print_line(std::to_string(engine.runtime().wait(engine.resolve(name))));
    } catch (const base::Error& e) {
      say(base::escape_control(e.message()));
      result = 1;
    }
  }
  return result;
}

}  // namespace conductor::cli
