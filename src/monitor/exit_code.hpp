// How a process ended that was not our child.
#pragma once

#include "linux/fd.hpp"

namespace conductor::monitor {

// As a shell says it, from PIDFD_GET_INFO (Linux 6.15); -1 when the kernel does not tell. Waits a moment for its parent
// to have taken notice, as the kernel tells only then.
int orphan_exit_code(const linux::Fd& ended);

}  // namespace conductor::monitor
