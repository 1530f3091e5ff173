// run and create.
#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/older_forms.hpp"
#include "cli/output.hpp"
#include "cli/progress.hpp"
#include "cli/run_options.hpp"
#include "cli/streams.hpp"

#include <unistd.h>

namespace conductor::cli {

namespace {

// A peer may come later; a misspelt one never does.
void tell_of_missing_peers(engine::Engine& engine, const engine::ContainerConfig& config) {
  for (const auto& link : config.endpoint.links)
    if (link.peer.find('/') == std::string::npos && !engine.exists(link.peer))
      say("note: there is no container '" + base::escape_control(link.peer) + "' yet; the link opens when there is");
}

engine::Container make(engine::Engine& engine, engine::ContainerConfig config, const RunOptions& wanted) {
  Progress progress;
  wanted.complete(engine, config, progress.reporter());
  tell_of_missing_peers(engine, config);
  return engine.create(std::move(config), progress.reporter());
}

// The container's exit code; it is cleaned up after, and removed when it was to be.
int run_attached(engine::Engine& engine, const engine::Container& container) {
  const auto streams = foreground_streams(container.config.terminal, container.config.open_stdin);
  int code = 0;
  {
    auto created = engine.start_attached(container.id, streams);
    code = created.wait(container.config.terminal ? STDIN_FILENO : -1);
  }
  engine.settle(container.id);
  return code;
}

}  // namespace

int create(Invocation& call) {
  RunOptions wanted;
  std::vector<std::string> words;
  wanted.declare(call.options());
  call.options().rest("IMAGE [COMMAND...]", words, 1);
  call.parse();
  engine::ContainerConfig config = wanted.config(words);
  print_line(make(call.recovered_engine(), std::move(config), wanted).id);
  return 0;
}

int run(Invocation& call) {
  RunOptions wanted;
  bool detach = false;
  std::vector<std::string> words;
  call.options().flag("-d,--detach", detach, "run in the background and print the id");
  wanted.declare(call.options());
  call.options().rest("IMAGE [COMMAND...]", words, 1);
  call.options().note("Also: conductor run IMAGE NAME -- [COMMAND...]");
  call.parse();

  engine::ContainerConfig config = wanted.config(words);
  if (const auto older = older_run(words, !config.name.empty())) {
    config.name = older->name;
    config.command = older->command;
    if (!detach) config.open_stdin = true, config.terminal = on_terminal();
  }
  if (!detach && config.terminal && config.open_stdin) require_terminal();
  engine::Engine& engine = call.recovered_engine();
  const engine::Container container = make(engine, std::move(config), wanted);
  try {
    if (!detach) return run_attached(engine, container);
    engine.start(container.id);
  } catch (...) {
    base::Collector ignored;  // why it did not start is what the user needs to know
    if (container.config.auto_remove) ignored.attempt([&] { engine.remove(container.id, true, true); });
    throw;
  }
  print_line(container.id);
  return 0;
}

}  // namespace conductor::cli
