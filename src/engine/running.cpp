// What is done with a container that runs: commands in it, attaching to it, pauses.
#include "engine/engine.hpp"
#include "engine/launch.hpp"
#include "engine/state.hpp"

namespace conductor::engine {

namespace {

std::string first_of(std::initializer_list<std::string> texts) {
  for (const auto& text : texts)
    if (!text.empty()) return text;
  return {};
}

base::Error not_running(const Container& container) {
  return base::Error("container '" + container.config.name + "' is not running");
}

// Throws Error when it is paused or has no process.
void require_responsive(const Container& container, const std::optional<monitor::Status>& status) {
  if (!status || status->phase != monitor::Phase::running) throw not_running(container);
  if (status->paused)
    throw base::Error("container '" + container.config.name + "' is paused")
        .with_hint("let it go on first: conductor unpause " + container.config.name);
}

// Without confinement but for its namespaces.
void set_free(monitor::Process& process) {
  process.capabilities = linux::all_capabilities();
  process.filter.clear();
  process.no_new_privileges = false;
}

}  // namespace

std::optional<int> Engine::exec(const std::string& id, const ExecOptions& options) {
  const Container container = find(id);
  require_responsive(container, runtime_.status(id));
  const auto& image = container.image_config;
  monitor::Process process = confined_process(container, locations_);
  if (options.privileged) set_free(process);
  process.arguments = options.command;
  auto environment = options.environment;
  if (options.terminal && !container.config.terminal) environment.insert(environment.begin(), "TERM=xterm");
  process.environment = environment_of(container, environment);
  process.user = first_of({options.user, container.config.user, image.user});
  process.working_directory =
      first_of({options.working_directory, container.config.working_directory, image.working_dir, "/"});
  process.terminal = options.terminal;
  if (options.detach) {
    runtime_.exec_detached(id, process);
    return 0;
  }
  runtime::ForegroundOptions wanted;
  if (!options.input) wanted.streams.input = -1;
  wanted.terminal = options.terminal;
  wanted.detach_keys = options.detach_keys;
  runtime::Foreground foreground(wanted);
  return runtime_.exec(id, process, foreground);
}

std::optional<int> Engine::attach(const std::string& id, runtime::Foreground& foreground) {
  require_responsive(find(id), runtime_.status(id));
  const auto code = runtime_.attach(id, foreground);
  if (code && *code < 0) throw base::Error("how it ended is not known: its monitor had died");
  return code;
}

void Engine::pause(const std::string& id) {
  const Container container = find(id);
  const auto status = runtime_.status(id);
  if (!status || status->phase != monitor::Phase::running) throw not_running(container);
  if (status->paused) throw base::Error("container '" + container.config.name + "' is paused already");
  const base::Context context("pausing container " + container.config.name);
  runtime_.pause(id);
}

void Engine::unpause(const std::string& id) {
  const Container container = find(id);
  const auto status = runtime_.status(id);
  if (!is_active(status)) throw not_running(container);
  if (!status->paused) throw base::Error("container '" + container.config.name + "' is not paused");
  const base::Context context("letting container " + container.config.name + " go on");
  runtime_.resume(id);
}

}  // namespace conductor::engine
