// A container's confinement as `inspect` shows it.
#pragma once

#include "base/json.hpp"
#include "engine/container.hpp"

namespace conductor::cli {

// What docker's HostConfig says of rights, devices and kernel parameters.
void add_confinement(base::Json& host_config, const engine::ContainerConfig& config);

}  // namespace conductor::cli
