// The files a running container was sent as descriptors (secrets), taken up again from the container itself.
#pragma once

#include "linux/fd.hpp"
#include "linux/process.hpp"
#include "monitor/protocol.hpp"

#include <vector>

namespace conductor::runtime {

// By the numbers that the mounts of the specification have. An empty Fd for each one that the container does not show
// any more: its process changed its root, or took the mount away. `process` is `id`'s, and watched by the caller.
std::vector<linux::Fd> open_shown_files(const monitor::LaunchSpec& spec, const linux::ProcessId& id,
                                        const linux::Fd& process);

}  // namespace conductor::runtime
