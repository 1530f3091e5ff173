// How a process ended that was not our child.
#pragma once

#include "linux/fd.hpp"
#include "linux/process.hpp"

namespace conductor::monitor {

// As a shell says it: from /proc while its parent has not taken notice of its end, from PIDFD_GET_INFO (Linux 6.15)
// after; -1 when the kernel does not tell. Needs CAP_SYS_PTRACE.
int orphan_exit_code(const linux::ProcessId& process, const linux::Fd& ended);

}  // namespace conductor::monitor
