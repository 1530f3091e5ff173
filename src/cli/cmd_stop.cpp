// stop, restart, kill and rm.
#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/each.hpp"
#include "engine/events.hpp"

#include <chrono>
#include <optional>

namespace conductor::cli {

namespace {

// The words `stop` and `restart` share.
class StopOptions {
 public:
  void declare(Options& options) {
    options.option("-t,--time,--timeout", time_, "seconds until it is killed, -1 for never", "SECONDS");
    options.option("-s,--signal", signal_, "signal instead of its stop signal", "SIGNAL");
  }
  void read() {
    if (time_ == "-1")
      grace_ = std::chrono::nanoseconds(-1);
    else if (time_)
      grace_ = std::chrono::nanoseconds(parse_seconds_ns("--time", *time_));
    if (signal_) number_ = signal_of(*signal_);
  }
  void stop(engine::Engine& engine, const std::string& id) const { engine.stop(id, grace_, number_); }

 private:
  std::optional<std::string> time_, signal_;
  std::optional<std::chrono::nanoseconds> grace_;
  int number_ = 0;
};

}  // namespace

int stop(Invocation& call) {
  StopOptions how;
  bool remove_too = false;
  std::vector<std::string> names;
  how.declare(call.options());
  call.options().flag("--rm", remove_too, "remove it as well");
  call.options().words("CONTAINER", names, 1);
  call.parse();
  how.read();
  engine::Engine& engine = call.recovered_engine();
  return for_each_name(names, [&](const std::string& name) {
    const std::string id = engine.resolve(name);
    how.stop(engine, id);
    if (remove_too) engine.remove(id, true, true);
  });
}

int restart(Invocation& call) {
  StopOptions how;
  std::vector<std::string> names;
  how.declare(call.options());
  call.options().words("CONTAINER", names, 1);
  call.parse();
  how.read();
  engine::Engine& engine = call.recovered_engine();
  return for_each_name(names, [&](const std::string& name) {
    const std::string id = engine.resolve(name);
    how.stop(engine, id);
    engine.start(id);
    engine::tell(engine.locations(), engine.find(id), "restart");
  });
}

int kill(Invocation& call) {
  std::string name_of_signal = "KILL";
  std::vector<std::string> names;
  call.options().option("-s,--signal", name_of_signal, "signal, KILL by default", "SIGNAL");
  call.options().words("CONTAINER", names, 1);
  call.parse();
  const int signal = signal_of(name_of_signal);
  engine::Engine& engine = call.recovered_engine();
  return for_each_name(names, [&](const std::string& name) { engine.kill(engine.resolve(name), signal); });
}

int remove(Invocation& call) {
  bool force = false;
  bool volumes = false;
  std::vector<std::string> names;
  call.options().flag("-f,--force", force, "running ones too; one that does not exist is fine");
  call.options().flag("-v,--volumes", volumes, "its unnamed volumes too");
  call.options().refused("-l --link", "links end with their containers; peer --remove takes one away");
  call.options().words("CONTAINER", names, 1);
  call.parse();
  engine::Engine& engine = call.recovered_engine();
  return for_each_name(names, [&](const std::string& name) {
    if (force && !engine.exists(name)) return;
    engine.remove(engine.resolve(name), force, volumes);
  });
}

}  // namespace conductor::cli
