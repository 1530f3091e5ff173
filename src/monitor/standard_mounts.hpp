// Steps that the parts of building a root file system share.
#pragma once

#include "linux/root_fd.hpp"
#include "monitor/protocol.hpp"

#include <cstdint>
#include <string>

namespace conductor::monitor {

// Opens (O_PATH) a directory at the top of an image that something of ours is mounted on; made when absent. Anything
// but a real directory is refused: through a link the mount, and later our writes, would land elsewhere.
linux::Fd open_mount_point(const linux::RootFd& root, const std::string& path);

// mkdirat(2) and open (O_PATH) below a directory of ours.
linux::Fd make_subdirectory(int parent, const char* name, mode_t mode = 0755);

// Attributes of /sys, the container's own or a copy of the host's.
std::uint64_t sys_attributes(const LaunchSpec& spec);

}  // namespace conductor::monitor
