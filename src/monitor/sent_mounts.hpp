// What came along as descriptors, which no path names: sources of mounts, and variables.
#pragma once

#include "linux/fd.hpp"
#include "monitor/protocol.hpp"

#include <vector>

namespace conductor::monitor {

// An Fd for each mount of the specification: a detached copy of the source where mounts go from the host to the
// container or back, else empty. As long as the mounts of this namespace are shared with the host's.
std::vector<linux::Fd> copy_propagating(const LaunchSpec& spec);
// Adds what the mounts show that came along, detached, ready to be put in place. In a mount namespace of the
// container's own, before its root is mounted: on the way they lie on the run directory, which nobody else sees and
// which is out of reach after the change of root.
void prepare_sent(const LaunchSpec& spec, std::vector<linux::Fd>& prepared);

// The process of the specification with the variables that came along; of a name that is there already, in its place.
Process with_sent_environment(const LaunchSpec& spec);

}  // namespace conductor::monitor
