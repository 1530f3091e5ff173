// What of a container's configuration makes it another container when it changes.
#pragma once

#include "base/json.hpp"
#include "engine/container.hpp"

#include <string>

namespace conductor::compose {

// The declared part: without names, numbers and labels that are ours, and of its endpoint nothing but resolver, hosts
// and addresses that are asked for. The rest, links, networks and ports, changes in place (difference.hpp compares it
// by itself).
engine::ContainerConfig declared_part(engine::ContainerConfig config);

// `value` without the members that equal those of `defaults`: a member added in a later version changes nothing until
// used.
base::Json without_defaults(const base::Json& value, const base::Json& defaults);

// 64 hex digits over all fields of the declared part that are not at their default.
std::string config_hash(const engine::ContainerConfig& config);

}  // namespace conductor::compose
