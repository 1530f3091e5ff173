// attach.
#include "cli/commands.hpp"
#include "cli/streams.hpp"

namespace conductor::cli {

int attach(Invocation& call) {
  AttachOptions attach;
  bool no_input = false;
  std::string name;
  call.options().flag("--no-stdin", no_input, "do not pass standard input on");
  attach.declare_signals(call.options());
  attach.declare_keys(call.options());
  call.options().word("CONTAINER", name);
  call.parse();
  engine::Engine& engine = call.recovered_engine();
  const engine::Container container = engine.find(name);
  const bool input = container.config.open_stdin && !no_input;
  if (input && container.config.terminal) require_terminal();
  runtime::Foreground foreground(attach.foreground(container.config.terminal, input));
  return engine.attach(container.id, foreground).value_or(0);
}

}  // namespace conductor::cli
