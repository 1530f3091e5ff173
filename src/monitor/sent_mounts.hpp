// What came along as descriptors, which no path names: sources of mounts, and variables.
#pragma once

#include "linux/fd.hpp"
#include "monitor/protocol.hpp"

#include <vector>

namespace conductor::monitor {

// What each mount of the specification shows, detached, ready to be put in place; an empty Fd for one whose source did
// not come along. In a mount namespace of the container's own, before its root is mounted: on the way they lie on the
// run directory, which nobody else sees and which is out of reach after the change of root.
std::vector<linux::Fd> prepare_sent(const LaunchSpec& spec);

// The process of the specification with the variables that came along; of a name that is there already, in its place.
Process with_sent_environment(const LaunchSpec& spec);

}  // namespace conductor::monitor
