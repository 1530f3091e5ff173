// What came along as descriptors, which no path names: sources of mounts, and variables.
#pragma once

#include "linux/fd.hpp"
#include "monitor/protocol.hpp"

namespace conductor::monitor {

bool is_sent(const Mount& mount);
// What such a mount shows, detached, with the attributes of `mount`. In a mount namespace of the container's own, as
// prepare_root (root_parts.hpp) has it.
linux::Fd sent_tree(const LaunchSpec& spec, const Mount& mount, const linux::Fd* users);

// The process of the specification with the variables that came along; of a name that is there already, in its place.
Process with_sent_environment(const LaunchSpec& spec);

}  // namespace conductor::monitor
