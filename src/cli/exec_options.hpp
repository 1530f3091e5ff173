// The options of `exec` and `compose exec`.
#pragma once

#include "cli/options.hpp"
#include "engine/engine.hpp"

#include <string>
#include <vector>

namespace conductor::cli {

class ExecOptions {
 public:
  void declare(Options& options);
  // Without command, terminal and input.
  engine::Engine::ExecOptions read() const;

 private:
  engine::Engine::ExecOptions plain_;  // what needs no reading
  std::vector<std::string> variables_, files_;
};

}  // namespace conductor::cli
