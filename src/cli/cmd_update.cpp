// update.
#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/each.hpp"
#include "cli/limit_options.hpp"
#include "cli/run_options.hpp"

namespace conductor::cli {

int update(Invocation& call) {
  LimitOptions limits;
  std::optional<std::string> restart;
  std::vector<std::string> names;
  limits.declare_changeable(call.options());
  call.options().option("--restart", restart, "no, always, on-failure[:N] or unless-stopped", "POLICY");
  call.options().words("CONTAINER", names, 1);
  call.parse();
  engine::Engine::Changes changes;
  changes.limits = limits.limits();
  if (restart) changes.restart = parse_restart(*restart);
  if (!changes.restart && changes.limits == linux::CgroupLimits{})
    throw base::Error("nothing is to be changed")
        .with_exit_code(base::exit_usage)
        .with_hint("name a limit or a restart policy: see 'conductor update --help'");
  engine::Engine& engine = call.recovered_engine();
  return for_each_name(names, [&](const std::string& name) { engine.update(engine.resolve(name), changes); });
}

}  // namespace conductor::cli
