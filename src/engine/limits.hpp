// Limits of a container: what values they may have, and what holds where nothing is said.
#pragma once

#include "engine/container.hpp"

#include <string>

namespace conductor::engine {

// Throws Error that says what a limit may be, or names the controller that this machine lacks for it.
void check_limits(const linux::CgroupLimits& limits);
// -1000 … 1000, and not lower than this machine lets us go.
void check_oom_score(int score);

// Those of the container, and the standard ones where it says nothing.
linux::CgroupLimits limits_of(const ContainerConfig& config);

// `limits` with those of `changes` in place of its own; of block I/O, device by device.
void change_limits(linux::CgroupLimits& limits, const linux::CgroupLimits& changes);

// Where no device is named, that of `path`.
void name_devices(linux::CgroupLimits& limits, const std::string& path);

}  // namespace conductor::engine
