// How limits are kept: what this machine can keep, and how they are put into a group. The rest of Cgroup's limits.
#pragma once

#include "linux/cgroup.hpp"
#include "linux/cgroup_layout.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace conductor::linux {

// Throws Error that names the controller, or the feature of one version of cgroups, that this machine lacks for a
// limit. What only shows in a group (weights of block I/O) is refused when that is made.
void require_controllers(const CgroupLimits& limits);

// Version 1's 2 … 262144 as version 2's 1 … 10000, with 1024 (nothing said) as 100, which is the same there.
std::int64_t weight_of_shares(std::int64_t shares);

// Files of control groups that are written together or not at all: unless `keep` is called, they get their former
// values back, the last one first.
class CgroupWrites {
 public:
  CgroupWrites() = default;
  CgroupWrites(const CgroupWrites&) = delete;
  CgroupWrites& operator=(const CgroupWrites&) = delete;
  ~CgroupWrites();
  // Throws Error with the kernel's refusal. `former` is what undoes it.
  void write(const std::string& file, const std::string& value, std::string former);
  void write(const std::string& file, const std::string& value);  // of a file with one value
  void keep() { former_.clear(); }

 private:
  struct Former {
    std::string file, value;
  };
  std::vector<Former> former_;
};

// Of block I/O: weights, and what may go to and from single disks.
void limit_block(const std::string& path, const CgroupLimits& limits, CgroupWrites& writes);

}  // namespace conductor::linux
