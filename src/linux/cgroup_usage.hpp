// What the processes of a control group use.
#pragma once

#include "linux/cgroup.hpp"

#include <cstdint>
#include <optional>

namespace conductor::linux {

// What the machine does not count is 0; a limit that is not set is nothing.
struct CgroupUsage {
  std::int64_t cpu_ns = 0;
  std::int64_t throttled = 0;  // periods in which its quota of time was used up
  std::int64_t memory = 0;     // without the page cache that could be dropped
  std::optional<std::int64_t> memory_limit;
  std::int64_t pids = 0;
  std::optional<std::int64_t> pids_limit;
  std::int64_t block_read = 0, block_written = 0;  // bytes
};
CgroupUsage usage_of(const Cgroup& group);

}  // namespace conductor::linux
