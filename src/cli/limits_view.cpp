#include "cli/limits_view.hpp"

#include "engine/limits.hpp"

#include <cmath>

namespace conductor::cli {

namespace {

using linux::BlockLimit;

base::Json device_list(const linux::CgroupLimits& limits, std::optional<std::int64_t> BlockLimit::* member,
                       const char* key) {
  base::Json list = base::Json::array();
  for (const auto& limit : limits.block)
    if (limit.*member) list.add(base::Json::object().set("Path", limit.device).set(key, *(limit.*member)));
  return list;
}

}  // namespace

void add_limits(base::Json& json, const engine::ContainerConfig& config) {
  constexpr double nano = 1e9;
  const auto limits = engine::limits_of(config);
  json.set("Memory", limits.memory.value_or(0));
  json.set("MemorySwap", limits.memory_swap.value_or(-1));
  json.set("MemoryReservation", limits.memory_reservation.value_or(0));
  json.set("MemorySwappiness", limits.swappiness ? base::Json(*limits.swappiness) : base::Json());
  json.set("NanoCpus", std::llround(limits.cpus.value_or(0) * nano));
  json.set("CpuShares", limits.cpu_shares.value_or(0));
  json.set("CpuPeriod", limits.cpu_period.value_or(0));
  json.set("CpuQuota", limits.cpu_quota.value_or(0));
  json.set("CpusetCpus", limits.cpuset.value_or(""));
  json.set("CpusetMems", limits.cpuset_memory.value_or(""));
  json.set("PidsLimit", limits.pids.value_or(0));
  json.set("BlkioWeight", limits.block_weight.value_or(0));
  json.set("BlkioWeightDevice", device_list(limits, &BlockLimit::weight, "Weight"));
  json.set("BlkioDeviceReadBps", device_list(limits, &BlockLimit::read_bytes, "Rate"));
  json.set("BlkioDeviceWriteBps", device_list(limits, &BlockLimit::write_bytes, "Rate"));
  json.set("BlkioDeviceReadIOps", device_list(limits, &BlockLimit::read_operations, "Rate"));
  json.set("BlkioDeviceWriteIOps", device_list(limits, &BlockLimit::write_operations, "Rate"));
  json.set("OomKillDisable", limits.oom_kill_disable);
  json.set("OomScoreAdj", config.oom_score_adjust);
}

}  // namespace conductor::cli
