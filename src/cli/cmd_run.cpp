// run and create.
#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/cid_file.hpp"
#include "cli/commands.hpp"
#include "cli/older_forms.hpp"
#include "cli/output.hpp"
#include "cli/progress.hpp"
#include "cli/run_options.hpp"
#include "cli/streams.hpp"

#include <optional>

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

// The container's exit code; it is cleaned up after, and removed when it was to be. 0 when it runs on.
int run_attached(engine::Engine& engine, const engine::Container& container,
                 const runtime::ForegroundOptions& options) {
  std::optional<int> code;
  {
    runtime::Foreground foreground(options);
    auto created = engine.start_attached(container.id, foreground.streams());
    code = created.wait(foreground);
  }
  if (code) engine.settle(container.id);
  return code.value_or(0);
}

}  // namespace

int create(Invocation& call) {
  RunOptions wanted;
  std::optional<std::string> cid_path;
  std::vector<std::string> words;
  wanted.declare(call.options());
  call.options().option("--cidfile", cid_path, "write the id into that file, which must not exist", "FILE");
  call.options().refused("-a --attach --sig-proxy --detach-keys", "say it to start -a");
  call.options().rest("IMAGE [COMMAND...]", words, 1);
  call.parse();
  engine::ContainerConfig config = wanted.config(words);
  CidFile cid_file(cid_path);
  const engine::Container container = make(call.recovered_engine(), std::move(config), wanted);
  cid_file.write(container.id);
  print_line(container.id);
  return 0;
}

int run(Invocation& call) {
  RunOptions wanted;
  AttachOptions attach;
  bool detach = false;
  std::optional<std::string> cid_path;
  std::vector<std::string> words;
  call.options().flag("-d,--detach", detach, "run in the background and print the id");
  attach.declare_streams(call.options());
  attach.declare_signals(call.options());
  attach.declare_keys(call.options());
  call.options().option("--cidfile", cid_path, "write the id into that file, which must not exist", "FILE");
  wanted.declare(call.options());
  call.options().rest("IMAGE [COMMAND...]", words, 1);
  call.options().note("Also: conductor run IMAGE NAME -- [COMMAND...]");
  call.parse();

  if (detach && attach.names_streams())
    throw base::Error("options --attach and --detach exclude each other").with_exit_code(base::exit_usage);
  engine::ContainerConfig config = wanted.config(words);
  if (const auto older = older_run(words, !config.name.empty())) {
    config.name = older->name;
    config.command = older->command;
    if (!detach) config.open_stdin = true, config.terminal = on_terminal();
  }
  if (!detach && config.terminal && config.open_stdin) require_terminal();
  const auto foreground = attach.foreground(config.terminal, config.open_stdin);
  CidFile cid_file(cid_path);
  engine::Engine& engine = call.recovered_engine();
  const engine::Container container = make(engine, std::move(config), wanted);
  cid_file.write(container.id);
  try {
    if (!detach) return run_attached(engine, container, foreground);
    engine.start(container.id);
  } catch (...) {
    base::Collector ignored;  // why it did not start is what the user needs to know
    if (container.config.auto_remove) ignored.attempt([&] { engine.remove(container.id, false, true); });
    throw;
  }
  print_line(container.id);
  return 0;
}

}  // namespace conductor::cli
