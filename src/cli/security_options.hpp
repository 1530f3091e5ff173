// The options of `run` and `create` that tighten or relax a container's confinement, docker's words.
#pragma once

#include "cli/options.hpp"
#include "engine/container.hpp"

#include <string>
#include <vector>

namespace conductor::cli {

// --ulimit NAME=SOFT[:HARD], of run and build alike.
std::vector<monitor::ResourceLimit> read_ulimits(const std::vector<std::string>& texts);

class SecurityOptions {
 public:
  void declare(Options& options);
  // Throws base::Error naming the option that is wrong.
  void read(engine::ContainerConfig& config) const;

 private:
  std::vector<std::string> cap_add_, cap_drop_, options_, devices_, device_rules_, sysctls_, ulimits_;
  bool privileged_ = false, allow_new_privileges_ = false, read_only_ = false;
};

}  // namespace conductor::cli
