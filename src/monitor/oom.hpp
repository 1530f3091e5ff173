// Processes of a cgroup that the kernel killed for want of memory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace conductor::monitor {

// How many so far in a group with these directories, from memory.events or memory.oom_control; 0 when the machine does
// not count them.
std::uint64_t count_out_of_memory_kills(const std::vector<std::string>& cgroup_directories);

}  // namespace conductor::monitor
