// Processes of a cgroup that the kernel killed for want of memory.
#pragma once

#include <cstdint>
#include <string>

namespace conductor::monitor {

// How many so far, from memory.events or memory.oom_control; 0 when the machine does not count them.
std::uint64_t count_out_of_memory_kills(const std::string& cgroup);

}  // namespace conductor::monitor
