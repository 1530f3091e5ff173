// pause and unpause.
#include "cli/commands.hpp"
#include "cli/each.hpp"

namespace conductor::cli {

namespace {

int change(Invocation& call, void (engine::Engine::*step)(const std::string&)) {
  std::vector<std::string> names;
  call.options().words("CONTAINER", names, 1);
  call.parse();
  engine::Engine& engine = call.recovered_engine();
  return for_each_name(names, [&](const std::string& name) { (engine.*step)(engine.resolve(name)); });
}

}  // namespace

int pause(Invocation& call) { return change(call, &engine::Engine::pause); }
int unpause(Invocation& call) { return change(call, &engine::Engine::unpause); }

}  // namespace conductor::cli
