// Processes of a cgroup that the kernel killed for want of memory.
#pragma once

#include "linux/fd.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace conductor::monitor {

// How many so far in a group with these directories, from memory.events or memory.oom_control; 0 when the machine does
// not count them.
std::uint64_t count_out_of_memory_kills(const std::vector<std::string>& cgroup_directories);

// Tells of it at the moment it happens.
class OutOfMemoryWatch {
 public:
  // Of a group with these directories. Where the kernel has nothing to tell, `descriptor` stays -1.
  void begin(const std::vector<std::string>& cgroup_directories);
  // To be waited for with EPOLLIN or EPOLLPRI, as `events` says.
  int descriptor() const { return source_.get(); }
  std::uint32_t events() const;
  // When it is ready: whether memory has run out. Version 1 tells before the kill, and also when the group is removed.
  bool happened();

 private:
  linux::Fd source_;  // version 1: an eventfd; version 2: memory.events itself
  std::string group_;
  bool unified_ = false;
  std::uint64_t kills_ = 0;
};

}  // namespace conductor::monitor
