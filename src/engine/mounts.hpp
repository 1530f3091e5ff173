// The mounts of a container as the monitor is told of them: volumes, binds, file systems in memory, and files that lie
// on none of the machine's disks.
#pragma once

#include "engine/container.hpp"
#include "monitor/protocol.hpp"
#include "runtime/runtime.hpp"
#include "volume/volume.hpp"

#include <string>
#include <vector>

namespace conductor::engine {

// Throws Error for mounts that no container can have: two at one place, one on / or below /proc …
void check_mounts(const ContainerConfig& config);

monitor::Mount bind_mount(const std::string& source, const std::string& target, bool file, bool read_only);
// Throws Error for a propagation that its source cannot have.
std::vector<monitor::Mount> mounts_of(const std::vector<MountConfig>& mounts, const volume::Volumes& volumes);

// Adds the files of the container, read now. What is answered is to be kept until the container has been made.
std::vector<linux::Fd> add_files(const Container& container, runtime::Setup& setup);

}  // namespace conductor::engine
