// start: one in the foreground with -a, else any number in the background.
#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/each.hpp"
#include "cli/streams.hpp"

#include <unistd.h>

namespace conductor::cli {

int start(Invocation& call) {
  bool attach = false;
  bool interactive = false;
  std::vector<std::string> names;
  call.options().flag("-a,--attach", attach, "stay attached to its output; exit as it does");
  call.options().flag("-i,--interactive", interactive, "pass standard input on");
  call.options().unsupported("--detach-keys --checkpoint --checkpoint-dir");
  call.options().words("CONTAINER", names, 1);
  call.parse();
  engine::Engine& engine = call.recovered_engine();
  if (!attach && !interactive)
    return for_each_name(names, [&](const std::string& name) {
      const std::string id = engine.resolve(name);
      // As docker has it: what runs is left alone.
      const auto status = engine.runtime().status(id);
      if (!status || status->phase != monitor::Phase::running) engine.start(id);
    });

  if (names.size() != 1) throw base::Error("only one container can be attached to").with_exit_code(base::exit_usage);
  const engine::Container container = engine.find(names.front());
  const bool terminal = container.config.terminal;
  auto streams = foreground_streams(terminal, interactive);
  if (!interactive) streams.input = -1;
  int code = 0;
  {
    auto created = engine.start_attached(container.id, streams);
    code = created.wait(terminal ? STDIN_FILENO : -1);
  }
  engine.settle(container.id);
  return code;
}

}  // namespace conductor::cli
