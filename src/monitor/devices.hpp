// The container's /dev.
#pragma once

#include "linux/root_fd.hpp"
#include "linux/terminal.hpp"
#include "monitor/protocol.hpp"

#include <optional>

namespace conductor::monitor {

// Puts a new file system on /dev: device nodes, links, pts, shm and mqueue; all devices of the host when privileged.
// With a terminal it is opened in the new /dev/pts and bound on /dev/console. The caller's mounts are private ones.
std::optional<linux::Terminal> mount_devices(const linux::RootFd& root, const LaunchSpec& spec);

// The host's null device, checked to be that and nothing else.
linux::Fd open_null_device();

}  // namespace conductor::monitor
