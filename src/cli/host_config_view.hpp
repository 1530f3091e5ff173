// What was asked for a container beside its network, in docker's shape and words.
#pragma once

#include "base/json.hpp"
#include "engine/engine.hpp"

namespace conductor::cli {

// Adds mounts, restart policy, log settings … to docker's HostConfig.
void add_host_config(base::Json& json, const engine::ContainerConfig& config);
// docker's Mounts: what is mounted where.
base::Json mounts_json(engine::Engine& engine, const engine::ContainerConfig& config);
// docker's Config: what the process is started with, image and container together.
base::Json process_config_json(const engine::Container& container);

}  // namespace conductor::cli
