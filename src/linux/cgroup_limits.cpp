// What a control group may use and what it does use: Cgroup::update and the usage of each resource.
#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "linux/cgroup.hpp"
#include "linux/cgroup_layout.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>

namespace conductor::linux {
namespace {

using base::Error;

constexpr std::int64_t default_period = 100'000;  // microseconds, the kernel's own

// The group in the hierarchy of one controller.
struct Place {
  std::string directory;
  bool unified;

  void write(const char* v1, const char* v2, const std::string& value) const {
    write_kernel_file(directory + "/" + (unified ? v2 : v1), value);
  }
  std::optional<std::string> read(const char* v1, const char* v2) const {
    return try_read_file(directory + "/" + (unified ? v2 : v1));
  }
};

std::optional<Place> find_place(const std::string& path, const char* controller) {
  const CgroupHierarchy* hierarchy = cgroup_layout().with(controller);
  if (hierarchy == nullptr) return std::nullopt;
  return Place{hierarchy->directory(path), hierarchy->unified};
}

Place place_of(const std::string& path, const char* controller) {
  auto place = find_place(path, controller);
  if (!place) throw Error(std::string("this machine has no cgroup controller \"") + controller + "\"");
  return *place;
}

std::string number_or(std::int64_t value, const char* unlimited) {
  return value < 0 ? unlimited : std::to_string(value);
}

bool has_swap() {
  const auto text = try_read_file("/proc/swaps").value_or("");
  return std::count(text.begin(), text.end(), '\n') > 1;  // the first line is the heading
}

// Memory and swap together. A kernel that does not count swap keeps the limit all the same where there is none.
void limit_swap(const Place& place, const CgroupLimits& limits) {
  const char* file = place.unified ? "/memory.swap.max" : "/memory.memsw.limit_in_bytes";
  if (access((place.directory + file).c_str(), W_OK) != 0) {
    if (*limits.memory_swap >= 0 && has_swap())
      throw Error("this kernel cannot limit swap").with_hint("start it with swapaccount=1");
    return;
  }
  if (place.unified && *limits.memory_swap >= 0) {
    if (!limits.memory) throw Error("a limit of memory and swap needs a limit of memory");
    write_kernel_file(place.directory + file, std::to_string(*limits.memory_swap - *limits.memory));
  } else {
    write_kernel_file(place.directory + file, number_or(*limits.memory_swap, place.unified ? "max" : "-1"));
  }
}

void limit_memory(const std::string& path, const CgroupLimits& limits) {
  if (!limits.memory && !limits.memory_swap && !limits.memory_reservation) return;
  const Place place = place_of(path, "memory");
  const auto write_memory = [&] {
    if (limits.memory)
      place.write("memory.limit_in_bytes", "memory.max", number_or(*limits.memory, place.unified ? "max" : "-1"));
  };
  // Version 1 keeps memory at or below memory and swap at every moment, so growing both starts with the latter.
  bool again = false;
  try {
    write_memory();
  } catch (const Error& e) {
    if (e.code() != EINVAL || !limits.memory_swap) throw;
    again = true;
  }
  if (limits.memory_swap) limit_swap(place, limits);
  if (again) write_memory();
  if (limits.memory_reservation)
    place.write("memory.soft_limit_in_bytes", "memory.low",
                number_or(*limits.memory_reservation, place.unified ? "0" : "-1"));
}

void limit_cpu(const std::string& path, const CgroupLimits& limits) {
  if (limits.cpu_shares) {
    const Place place = place_of(path, "cpu");
    const std::int64_t shares = std::clamp<std::int64_t>(*limits.cpu_shares, 2, 262144);
    // 2 … 262144 onto version 2's 1 … 10000.
    place.write("cpu.shares", "cpu.weight", std::to_string(place.unified ? 1 + (shares - 2) * 9999 / 262142 : shares));
  }
  if (!limits.cpus && !limits.cpu_quota && !limits.cpu_period) return;
  const Place place = place_of(path, "cpu");
  const std::int64_t period = limits.cpu_period.value_or(default_period);
  std::int64_t quota = limits.cpu_quota.value_or(-1);
  if (limits.cpus) quota = std::llround(*limits.cpus * static_cast<double>(period));
  if (place.unified)
    return write_kernel_file(place.directory + "/cpu.max", number_or(quota, "max") + " " + std::to_string(period));
  write_kernel_file(place.directory + "/cpu.cfs_period_us", std::to_string(period));
  write_kernel_file(place.directory + "/cpu.cfs_quota_us", number_or(quota, "-1"));
}

std::optional<std::int64_t> number_in(const std::optional<std::string>& text) {
  return text ? base::parse_number(base::trim(*text)) : std::nullopt;
}

// The value of a line "NAME VALUE" of a flat keyed file.
std::optional<std::int64_t> keyed_number(const std::optional<std::string>& text, const std::string& name) {
  if (!text) return std::nullopt;
  for (const auto& line : base::split(*text, '\n'))
    if (line.starts_with(name + " ")) return base::parse_number(line.substr(name.size() + 1));
  return std::nullopt;
}

}  // namespace

void Cgroup::update(const CgroupLimits& limits) const {
  limit_memory(path_, limits);
  limit_cpu(path_, limits);
  if (limits.cpuset) place_of(path_, "cpuset").write("cpuset.cpus", "cpuset.cpus", *limits.cpuset);
  if (limits.pids) place_of(path_, "pids").write("pids.max", "pids.max", number_or(*limits.pids, "max"));
}

std::optional<std::int64_t> Cgroup::memory_usage() const {
  const auto place = find_place(path_, "memory");
  if (!place) return std::nullopt;
  const auto usage = number_in(place->read("memory.usage_in_bytes", "memory.current"));
  if (!usage) return std::nullopt;
  const char* cache = place->unified ? "inactive_file" : "total_inactive_file";
  return std::max<std::int64_t>(0, *usage - keyed_number(place->read("memory.stat", "memory.stat"), cache).value_or(0));
}

std::optional<std::int64_t> Cgroup::pids_usage() const {
  const auto place = find_place(path_, "pids");
  return place ? number_in(place->read("pids.current", "pids.current")) : std::nullopt;
}

std::optional<std::int64_t> Cgroup::cpu_usage_ns() const {
  if (const auto place = find_place(path_, "cpuacct")) return number_in(place->read("cpuacct.usage", "cpuacct.usage"));
  for (const auto& hierarchy : cgroup_layout().hierarchies) {  // version 2 counts in every group
    if (!hierarchy.unified) continue;
    const auto usage = keyed_number(try_read_file(hierarchy.directory(path_) + "/cpu.stat"), "usage_usec");
    if (usage) return *usage * 1000;
  }
  return std::nullopt;
}

}  // namespace conductor::linux
