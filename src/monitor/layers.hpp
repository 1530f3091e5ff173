// Overlays of a container: its root, and what a build step has mounted over others.
#pragma once

#include "linux/fd.hpp"
#include "linux/mount.hpp"
#include "monitor/protocol.hpp"

namespace conductor::monitor {

// Only what is mounted somewhere can be copied in part or be a layer; kernels before 6.15 insist on it.
void mount_on_the_way(const LaunchSpec& spec, const linux::Fd& tree);

// Detached. With `users`, files of all directories are shown with the ids they have in that user namespace, and those
// of the upper one are kept on disk with them; a directory named by a descriptor (/proc/self/fd/N) is taken as it is.
linux::Fd overlay_of(const linux::OverlayDirectories& directories, std::uint64_t attributes, const LaunchSpec& spec,
                     const linux::Fd* users);

}  // namespace conductor::monitor
