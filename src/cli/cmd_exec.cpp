// exec.
#include "cli/commands.hpp"
#include "cli/older_forms.hpp"
#include "cli/run_options.hpp"
#include "cli/streams.hpp"

namespace conductor::cli {

int exec(Invocation& call) {
  engine::Engine::ExecOptions wanted;
  bool interactive = false;
  std::vector<std::string> variables, files, words;
  call.options().flag("-d,--detach", wanted.detach, "run in the background");
  call.options().flag("-i,--interactive", interactive, "pass standard input on");
  call.options().flag("-t,--tty", wanted.terminal, "give the command a terminal");
  call.options().option("-e,--env", variables, "an environment variable, NAME=value or NAME", "VARIABLE");
  call.options().option("--env-file", files, "a file of environment variables", "FILE");
  call.options().option("-u,--user", wanted.user, "user and group, by name or number", "USER[:GROUP]");
  call.options().option("-w,--workdir", wanted.working_directory, "working directory", "DIR");
  call.options().unsupported("--detach-keys --privileged");
  call.options().rest("CONTAINER [--] [COMMAND...]", words, 1);
  call.parse();

  const ExecWords said = exec_words(words);
  wanted.command = said.command;
  wanted.environment = read_environment(files, variables);
  if (said.older && !wanted.detach) {
    interactive = true;
    wanted.terminal = wanted.terminal || on_terminal();
  }
  if (wanted.terminal && interactive && !wanted.detach) require_terminal();
  if (!interactive && !wanted.terminal) close_input();
  engine::Engine& engine = call.engine();
  return engine.exec(engine.resolve(said.container), wanted);
}

}  // namespace conductor::cli
