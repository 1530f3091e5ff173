#include "engine/limits.hpp"

#include "base/text.hpp"
#include "base/units.hpp"
#include "linux/block_device.hpp"
#include "linux/cgroup_layout.hpp"
#include "linux/cgroup_limits.hpp"
#include "linux/fd.hpp"
#include "runtime/runtime.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <set>

namespace conductor::engine {

namespace {

using base::Error;
using linux::CgroupLimits;

constexpr std::int64_t smallest_memory = 4 << 20;

void check_memory(const CgroupLimits& limits) {
  if (limits.memory && *limits.memory < smallest_memory) throw Error("a memory limit is at least 4 MiB (4m)");
  if (limits.memory_reservation && *limits.memory_reservation < smallest_memory)
    throw Error("memory that is reserved is at least 4 MiB (4m)");
  if (limits.memory && limits.memory_reservation && *limits.memory_reservation > *limits.memory)
    throw Error("the memory that is reserved is more than the memory limit");
  if (limits.swappiness && (*limits.swappiness < 0 || *limits.swappiness > 100))
    throw Error("swappiness is a number from 0 to 100");
  if (!limits.memory_swap || *limits.memory_swap == -1) return;
  if (!limits.memory) throw Error("a limit of memory and swap needs a memory limit (--memory)");
  if (*limits.memory_swap < *limits.memory)
    throw Error("the limit of memory and swap together is smaller than the memory limit")
        .with_hint("--memory-swap counts both: it is at least --memory, or -1 for swap without limit");
}

void check_cpu_time(const CgroupLimits& limits) {
  const auto within = [](const std::optional<std::int64_t>& value, std::int64_t least, std::int64_t most) {
    return !value || (*value >= least && *value <= most);
  };
  const auto count = static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN));
  constexpr double fewest = 0.01;
  if (limits.cpus && (*limits.cpus < fewest || *limits.cpus > count)) {
    char most[32];
    std::snprintf(most, sizeof most, "%.2f", count);
    throw Error(std::string("the number of cpus is from 0.01 to ") + most + ", which this machine has");
  }
  if (limits.cpus && (limits.cpu_period || limits.cpu_quota))
    throw Error("a number of cpus, and a period or quota of cpu time, say the same: give one of them");
  if (!within(limits.cpu_shares, 2, 262'144)) throw Error("cpu shares are from 2 to 262144");
  if (!within(limits.cpu_period, 1'000, 1'000'000))
    throw Error("a period of cpu time is from 1000 to 1000000 microseconds");
  if (limits.cpu_quota != -1 && !within(limits.cpu_quota, 1'000, INT64_MAX / 1000))
    throw Error("a quota of cpu time is at least 1000 microseconds, or -1 for none");
}

// "0-1,3" → 0, 1, 3; nothing when it is no such list.
std::optional<std::set<std::int64_t>> parse_list(const std::string& text) {
  constexpr std::int64_t most = 8191;
  std::set<std::int64_t> numbers;
  for (const auto& part : base::split(text, ',')) {
    const auto dash = part.find('-');
    const auto first = base::parse_number(part.substr(0, dash), most);
    const auto last = dash == std::string::npos ? first : base::parse_number(part.substr(dash + 1), most);
    if (!first || !last || *last < *first) return std::nullopt;
    for (auto number = *first; number <= *last; ++number) numbers.insert(number);
  }
  return numbers;
}

// Version 2 takes numbers that are not there, and then keeps no limit at all.
void check_list(const std::optional<std::string>& wanted, const char* what, const char* file) {
  if (!wanted) return;
  const auto numbers = parse_list(*wanted);
  if (!numbers) throw Error("'" + base::escape_control(*wanted) + "' is no list of " + what + " such as 0-1,3");
  const std::string text(base::trim(linux::try_read_file(file).value_or("0")));
  const auto there = parse_list(text).value_or(std::set<std::int64_t>{0});
  if (!std::includes(there.begin(), there.end(), numbers->begin(), numbers->end()))
    throw Error(std::string("this machine has the ") + what + " " + text + ", not all of " + *wanted);
}

void check_block(const CgroupLimits& limits) {
  const auto check_weight = [](const std::optional<std::int64_t>& weight) {
    if (weight && (*weight < 10 || *weight > 1000)) throw Error("a weight of block I/O is from 10 to 1000");
  };
  check_weight(limits.block_weight);
  for (const auto& limit : limits.block) {
    check_weight(limit.weight);
    for (const auto* rate : {&limit.read_bytes, &limit.write_bytes, &limit.read_operations, &limit.write_operations})
      if (*rate && **rate < 1) throw Error("a limit of block I/O is at least 1 a second");
    if (!limit.device.empty()) linux::find_disk(limit.device);
  }
}

template <class T>
void change(std::optional<T>& value, const std::optional<T>& to) {
  if (to) value = to;
}

}  // namespace

void check_limits(const CgroupLimits& limits) {
  check_memory(limits);
  check_cpu_time(limits);
  check_list(limits.cpuset, "cpus", "/sys/devices/system/cpu/online");
  check_list(limits.cpuset_memory, "memory nodes", "/sys/devices/system/node/online");
  if (limits.pids && *limits.pids != -1 && *limits.pids < 1)
    throw Error("the limit of processes is at least 1, or -1 for none");
  check_block(limits);
  linux::require_controllers(limits);
}

void check_oom_score(int score) {
  constexpr int most = 1000;
  if (score < -most || score > most) throw Error("an OOM score adjustment is from -1000 to 1000");
  if (score >= 0) return;
  // Tried on ourselves for a moment: how low one may go, the kernel alone knows.
  constexpr const char* file = "/proc/self/oom_score_adj";
  const std::string present(base::trim(linux::read_file(file)));
  try {
    linux::write_kernel_file(file, std::to_string(score));
    linux::write_kernel_file(file, present);
  } catch (const Error&) {
    throw Error("an OOM score adjustment below " + present + " needs CAP_SYS_RESOURCE, which we lack here");
  }
}

CgroupLimits limits_of(const ContainerConfig& config) {
  CgroupLimits limits = config.limits;
  if (!limits.pids && linux::cgroup_layout().with("pids") != nullptr) limits.pids = runtime::default_pids_limit;
  // Memory that may be swapped out without bound is no limit at all.
  if (limits.memory && !limits.memory_swap) limits.memory_swap = limits.memory;
  return limits;
}

void change_limits(CgroupLimits& limits, const CgroupLimits& changes) {
  // Two ways of saying one thing: the newer takes the place of the older.
  if (changes.cpus) limits.cpu_period.reset(), limits.cpu_quota.reset();
  if (changes.cpu_period || changes.cpu_quota) limits.cpus.reset();
  change(limits.memory, changes.memory);
  change(limits.memory_swap, changes.memory_swap);
  change(limits.memory_reservation, changes.memory_reservation);
  change(limits.cpus, changes.cpus);
  change(limits.cpu_shares, changes.cpu_shares);
  change(limits.cpu_period, changes.cpu_period);
  change(limits.cpu_quota, changes.cpu_quota);
  change(limits.cpuset, changes.cpuset);
  change(limits.cpuset_memory, changes.cpuset_memory);
  change(limits.pids, changes.pids);
  change(limits.block_weight, changes.block_weight);
  change(limits.swappiness, changes.swappiness);
  for (const auto& changed : changes.block) {
    auto found = std::find_if(limits.block.begin(), limits.block.end(),
                              [&](const auto& present) { return present.device == changed.device; });
    if (found == limits.block.end()) found = limits.block.insert(found, {changed.device, {}, {}, {}, {}, {}});
    change(found->read_bytes, changed.read_bytes);
    change(found->write_bytes, changed.write_bytes);
    change(found->read_operations, changed.read_operations);
    change(found->write_operations, changed.write_operations);
    change(found->weight, changed.weight);
  }
}

void name_devices(CgroupLimits& limits, const std::string& path) {
  for (auto& limit : limits.block)
    if (limit.device.empty()) limit.device = path;
}

}  // namespace conductor::engine
