// Limits as `inspect` shows them.
#pragma once

#include "base/json.hpp"
#include "engine/container.hpp"

namespace conductor::cli {

// Adds docker's members of HostConfig: Memory, NanoCpus, PidsLimit … What is not limited is 0, of memory and swap -1.
void add_limits(base::Json& host_config, const engine::ContainerConfig& config);

}  // namespace conductor::cli
