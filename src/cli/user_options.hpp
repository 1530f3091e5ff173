// The options of `run` and `create` about the user namespace: --userns, --uidmap and --gidmap.
#pragma once

#include "cli/options.hpp"
#include "engine/container.hpp"

#include <string>
#include <vector>

namespace conductor::cli {

class UserOptions {
 public:
  void declare(Options& options);
  // Throws base::Error naming the option that is wrong.
  void read(engine::ContainerConfig& config) const;

 private:
  std::string user_namespace_;
  std::vector<std::string> user_maps_, group_maps_;
};

}  // namespace conductor::cli
