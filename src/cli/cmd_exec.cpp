// exec.
#include "cli/commands.hpp"
#include "cli/exec_options.hpp"
#include "cli/older_forms.hpp"
#include "cli/streams.hpp"

namespace conductor::cli {

int exec(Invocation& call) {
  ExecOptions options;
  AttachOptions attach;
  bool interactive = false, terminal = false;
  std::vector<std::string> words;
  options.declare(call.options());
  attach.declare_keys(call.options());
  call.options().flag("-i,--interactive", interactive, "pass standard input on");
  call.options().flag("-t,--tty", terminal, "give the command a terminal");
  call.options().rest("CONTAINER [--] [COMMAND...]", words, 1);
  call.parse();

  auto wanted = options.read();
  const ExecWords said = exec_words(words);
  if (said.older && !wanted.detach) {
    interactive = true;
    terminal = terminal || on_terminal();
  }
  wanted.command = said.command;
  wanted.input = interactive;
  wanted.terminal = terminal;
  wanted.detach_keys = attach.keys();
  if (terminal && interactive && !wanted.detach) require_terminal();
  engine::Engine& engine = call.engine();
  return engine.exec(engine.resolve(said.container), wanted).value_or(0);
}

}  // namespace conductor::cli
