// Control groups, version 1, 2 and hybrid (cgroups(7)). A group has one path, the same in every hierarchy in use.
#pragma once

#include "base/fields.hpp"
#include "linux/fd.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace conductor::linux {

// What a container may do to one block device, per second. Nothing: no limit.
struct BlockLimit {
  std::string device;  // a block device, or any path whose file system lies on one
  std::optional<std::int64_t> read_bytes, write_bytes, read_operations, write_operations;
  std::optional<std::int64_t> weight;  // 10 … 1000, on this device

  bool operator==(const BlockLimit&) const = default;
};
template <base::Is<BlockLimit> S, class V>
void fields(S& s, V&& v) {
  v("device", s.device), v("read_bytes", s.read_bytes), v("write_bytes", s.write_bytes);
  v("read_operations", s.read_operations), v("write_operations", s.write_operations), v("weight", s.weight);
}

struct CgroupLimits {
  std::optional<std::int64_t> memory;       // bytes
  std::optional<std::int64_t> memory_swap;  // bytes, memory and swap together; -1 unlimited
  std::optional<std::int64_t> memory_reservation;
  std::optional<double> cpus;                // cores
  std::optional<std::int64_t> cpu_shares;    // 2 … 262144, v1's unit
  std::optional<std::int64_t> cpu_period;    // microseconds
  std::optional<std::int64_t> cpu_quota;     // microseconds
  std::optional<std::string> cpuset;         // "0-1,3"
  std::optional<std::string> cpuset_memory;  // memory nodes, as cpuset
  std::optional<std::int64_t> pids;          // -1 unlimited
  std::optional<std::int64_t> block_weight;  // 10 … 1000
  std::vector<BlockLimit> block;
  std::optional<std::int64_t> swappiness;  // 0 … 100; version 1 alone
  bool oom_kill_disable = false;           // version 1 alone

  bool operator==(const CgroupLimits&) const = default;
};
template <base::Is<CgroupLimits> S, class V>
void fields(S& s, V&& v) {
  v("memory", s.memory), v("memory_swap", s.memory_swap), v("memory_reservation", s.memory_reservation);
  v("cpus", s.cpus), v("cpu_shares", s.cpu_shares), v("cpu_period", s.cpu_period), v("cpu_quota", s.cpu_quota);
  v("cpuset", s.cpuset), v("cpuset_memory", s.cpuset_memory), v("pids", s.pids);
  v("block_weight", s.block_weight), v("block", s.block), v("swappiness", s.swappiness);
  v("oom_kill_disable", s.oom_kill_disable);
}

// A character or block device a container may use: type 'c' or 'b', -1 for any number.
struct DeviceRule {
  char type = 'c';
  std::int64_t major = -1;
  std::int64_t minor = -1;
  std::string access = "rwm";
};
template <base::Is<DeviceRule> S, class V>
void fields(S& s, V&& v) {
  v("type", s.type), v("major", s.major), v("minor", s.minor), v("access", s.access);
}

// Where a new process puts itself: one directory per hierarchy. On v2 the child is cloned into it; on v1 the child,
// with one thread, writes 0 to `tasks` of each, which takes no global lock.
class Cgroup {
 public:
  // `path` is relative to each hierarchy's root, e.g. "conductor/3f1c…". Makes it, sets limits and the device rules
  // (deny all others; v1 device controller, or BPF_PROG_TYPE_CGROUP_DEVICE). Throws when a limit cannot be kept.
  static Cgroup create(const std::string& path, const CgroupLimits& limits, const std::vector<DeviceRule>& devices);
  // One that may exist already, for everything below.
  explicit Cgroup(std::string path) : path_(std::move(path)) {}
  const std::string& path() const { return path_; }

  std::vector<std::string> directories() const;  // existing ones; all hierarchies
  // For the child, which writes "0" to each: …/tasks of version 1, …/cgroup.procs of version 2.
  std::vector<std::string> join_files() const;
  void update(const CgroupLimits& limits) const;
  std::vector<pid_t> processes() const;
  // cgroup.kill; version 1: freeze, SIGKILL, thaw, until no new process is found. Waits for none to end.
  void kill() const;
  void freeze(bool frozen) const;  // returns when all processes are frozen; throws when one does not within 10 s
  bool remove() const;             // all directories; false while processes are left. Absent is fine

  std::optional<std::int64_t> memory_usage() const;  // without the page cache that could be dropped
  std::optional<std::int64_t> pids_usage() const;
  std::optional<std::int64_t> cpu_usage_ns() const;

 private:
  std::string path_;
};

// Removes one directory of a group, and the one above when this was the last below it. False while something is in it;
// absent is fine.
bool remove_cgroup_directory(const std::string& directory);

bool cgroup_v2_only();
// `path` and the directories directly below it in every hierarchy, for the census.
std::vector<std::string> list_cgroups(const std::string& path);

}  // namespace conductor::linux
