// What the processes of a control group may use: Cgroup::update.
#include "linux/cgroup_limits.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "linux/fd.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>

namespace conductor::linux {
namespace {

using base::Error;

constexpr std::int64_t default_period = 100'000;  // microseconds, the kernel's own

const CgroupHierarchy& hierarchy_with(const char* controller) {
  const CgroupHierarchy* hierarchy = cgroup_layout().with(controller);
  if (hierarchy == nullptr) throw Error(std::string("this machine has no cgroup controller \"") + controller + "\"");
  return *hierarchy;
}

// The group in the hierarchy of one controller.
struct Place {
  std::string directory;
  bool unified;

  std::string file(const char* v1, const char* v2) const { return directory + "/" + (unified ? v2 : v1); }
};

Place place_of(const std::string& path, const char* controller) {
  const auto& hierarchy = hierarchy_with(controller);
  return {hierarchy.directory(path), hierarchy.unified};
}

std::string number_or(std::int64_t value, const char* unlimited) {
  return value < 0 ? unlimited : std::to_string(value);
}

bool has_swap() {
  const auto text = try_read_file("/proc/swaps").value_or("");
  return std::count(text.begin(), text.end(), '\n') > 1;  // the first line is the heading
}

// Memory and swap together. A kernel that does not count swap keeps the limit all the same where there is none.
void limit_swap(const Place& place, const CgroupLimits& limits, CgroupWrites& writes) {
  const std::string file = place.file("memory.memsw.limit_in_bytes", "memory.swap.max");
  if (access(file.c_str(), W_OK) != 0) {
    if (*limits.memory_swap >= 0 && has_swap())
      throw Error("this kernel cannot limit swap").with_hint("start it with swapaccount=1");
    return;
  }
  if (place.unified && *limits.memory_swap >= 0) {
    if (!limits.memory) throw Error("a limit of memory and swap needs a limit of memory");
    writes.write(file, std::to_string(*limits.memory_swap - *limits.memory));
  } else {
    writes.write(file, number_or(*limits.memory_swap, place.unified ? "max" : "-1"));
  }
}

void limit_memory(const std::string& path, const CgroupLimits& limits, CgroupWrites& writes) {
  if (!limits.memory && !limits.memory_swap && !limits.memory_reservation) return;
  const Place place = place_of(path, "memory");
  const auto write_memory = [&] {
    if (limits.memory)
      writes.write(place.file("memory.limit_in_bytes", "memory.max"),
                   number_or(*limits.memory, place.unified ? "max" : "-1"));
  };
  // Version 1 keeps memory at or below memory and swap at every moment, so growing both starts with the latter.
  bool again = false;
  try {
    write_memory();
  } catch (const Error& e) {
    if (e.code() != EINVAL || !limits.memory_swap) throw;
    again = true;
  }
  if (limits.memory_swap) limit_swap(place, limits, writes);
  if (again) write_memory();
  if (limits.memory_reservation)
    writes.write(place.file("memory.soft_limit_in_bytes", "memory.low"),
                 number_or(*limits.memory_reservation, place.unified ? "0" : "-1"));
}

// What version 1 alone has; require_controllers has refused it elsewhere.
void limit_swapping(const std::string& path, const CgroupLimits& limits, CgroupWrites& writes) {
  if (!limits.swappiness && !limits.oom_kill_disable) return;
  const Place place = place_of(path, "memory");
  if (limits.swappiness) writes.write(place.directory + "/memory.swappiness", std::to_string(*limits.swappiness));
  if (!limits.oom_kill_disable) return;
  const std::string file = place.directory + "/memory.oom_control";
  writes.write(file, "1", read_file(file).starts_with("oom_kill_disable 1") ? "1" : "0");
}

void limit_cpu(const std::string& path, const CgroupLimits& limits, CgroupWrites& writes) {
  if (limits.cpu_shares) {
    const Place place = place_of(path, "cpu");
    const std::int64_t value = place.unified ? weight_of_shares(*limits.cpu_shares) : *limits.cpu_shares;
    writes.write(place.file("cpu.shares", "cpu.weight"), std::to_string(value));
  }
  if (!limits.cpus && !limits.cpu_quota && !limits.cpu_period) return;
  const Place place = place_of(path, "cpu");
  const std::int64_t period = limits.cpu_period.value_or(default_period);
  std::int64_t quota = limits.cpu_quota.value_or(-1);
  if (limits.cpus) quota = std::llround(*limits.cpus * static_cast<double>(period));
  if (place.unified)
    return writes.write(place.directory + "/cpu.max", number_or(quota, "max") + " " + std::to_string(period));
  writes.write(place.directory + "/cpu.cfs_period_us", std::to_string(period));
  writes.write(place.directory + "/cpu.cfs_quota_us", number_or(quota, "-1"));
}

void limit_cpuset(const std::string& path, const CgroupLimits& limits, CgroupWrites& writes) {
  if (!limits.cpuset && !limits.cpuset_memory) return;
  const std::string directory = place_of(path, "cpuset").directory;
  if (limits.cpuset) writes.write(directory + "/cpuset.cpus", *limits.cpuset);
  if (limits.cpuset_memory) writes.write(directory + "/cpuset.mems", *limits.cpuset_memory);
}

}  // namespace

void require_controllers(const CgroupLimits& limits) {
  const bool memory = limits.memory || limits.memory_swap || limits.memory_reservation;
  if (memory) hierarchy_with("memory");
  if (limits.swappiness && hierarchy_with("memory").unified)
    throw Error("swappiness cannot be set for a group: this machine has cgroups of version 2");
  if (limits.oom_kill_disable && hierarchy_with("memory").unified)
    throw Error("killing when memory runs out cannot be switched off: this machine has cgroups of version 2");
  if (limits.cpus || limits.cpu_shares || limits.cpu_period || limits.cpu_quota) hierarchy_with("cpu");
  if (limits.cpuset || limits.cpuset_memory) hierarchy_with("cpuset");
  if (limits.pids && *limits.pids >= 0) hierarchy_with("pids");
  const bool block = limits.block_weight || !limits.block.empty();
  if (block && cgroup_layout().with("blkio") == nullptr) hierarchy_with("io");
}

std::int64_t weight_of_shares(std::int64_t shares) {
  // A curve through (2, 1), (1024, 100) and (262144, 10000) in logarithms; a line would give 1024 but 40.
  const double l = std::log2(static_cast<double>(std::clamp<std::int64_t>(shares, 2, 262144)));
  const double exponent = (l * l + 125 * l) / 612.0 - 7.0 / 34.0;
  constexpr double rounding = 1e-9;
  return std::clamp<std::int64_t>(static_cast<std::int64_t>(std::ceil(std::pow(10, exponent) - rounding)), 1, 10000);
}

CgroupWrites::~CgroupWrites() {
  for (auto former = former_.rbegin(); former != former_.rend(); ++former) {
    try {
      write_kernel_file(former->file, former->value);
    } catch (const Error&) {
      // It is the kernel's own former value; a group that is gone has none.
    }
  }
}

void CgroupWrites::write(const std::string& file, const std::string& value, std::string former) {
  write_kernel_file(file, value);
  former_.push_back({file, std::move(former)});
}

void CgroupWrites::write(const std::string& file, const std::string& value) {
  std::string former(base::trim(read_file(file)));
  if (former.empty()) former = "\n";  // version 2: a cpuset that is its parent's
  write(file, value, std::move(former));
}

void Cgroup::update(const CgroupLimits& limits) const {
  require_controllers(limits);
  CgroupWrites writes;
  limit_memory(path_, limits, writes);
  limit_swapping(path_, limits, writes);
  limit_cpu(path_, limits, writes);
  limit_cpuset(path_, limits, writes);
  if (limits.pids && (*limits.pids >= 0 || cgroup_layout().with("pids") != nullptr))
    writes.write(place_of(path_, "pids").directory + "/pids.max", number_or(*limits.pids, "max"));
  limit_block(path_, limits, writes);
  writes.keep();
}

}  // namespace conductor::linux
