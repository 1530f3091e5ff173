// start: one in the foreground with -a, else any number in the background.
#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/each.hpp"
#include "cli/streams.hpp"

#include <optional>

namespace conductor::cli {

int start(Invocation& call) {
  bool attach = false;
  bool interactive = false;
  AttachOptions keys;
  std::vector<std::string> names;
  call.options().flag("-a,--attach", attach, "stay attached to its output; exit as it does");
  call.options().flag("-i,--interactive", interactive, "pass standard input on");
  keys.declare_keys(call.options());
  call.options().unsupported("--checkpoint --checkpoint-dir");
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

  if (names.size() != 1)
    throw base::Error("only one container can be attached to at a time").with_exit_code(base::exit_usage);
  const engine::Container container = engine.find(names.front());
  const bool terminal = container.config.terminal;
  if (terminal && interactive) require_terminal();
  runtime::Foreground foreground(keys.foreground(terminal, interactive && container.config.open_stdin));
  const auto status = engine.runtime().status(container.id);
  if (status && status->phase == monitor::Phase::running) return engine.attach(container.id, foreground).value_or(0);
  std::optional<int> code;
  {
    auto created = engine.start_attached(container.id, foreground.streams());
    code = created.wait(foreground);
  }
  if (code) engine.settle(container.id);
  return code.value_or(0);
}

}  // namespace conductor::cli
