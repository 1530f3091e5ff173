// Limits of block I/O: version 1's blkio, version 2's io.
#include "base/error.hpp"
#include "base/text.hpp"
#include "linux/block_device.hpp"
#include "linux/cgroup_limits.hpp"
#include "linux/fd.hpp"

#include <unistd.h>

#include <array>

namespace conductor::linux {
namespace {

using base::Error;

const CgroupHierarchy& hierarchy_of_block() {
  const auto& layout = cgroup_layout();
  const auto* found = layout.with("io");
  if (found == nullptr) found = layout.with("blkio");
  if (found == nullptr)
    throw Error("this machine has no cgroup controller \"blkio\" or \"io\" for limits of block I/O");
  return *found;
}

// The line about a device, or `otherwise`.
std::string line_of(const std::string& file, const std::string& device, const std::string& otherwise) {
  for (const auto& line : base::split(read_file(file), '\n'))
    if (line.starts_with(device + " ")) return line;
  return otherwise;
}

// A limit of one direction and unit, as each version calls it.
struct Rate {
  std::optional<std::int64_t> BlockLimit::* value;
  const char* v1;
  const char* v2;
};
constexpr std::array rates{
    Rate{&BlockLimit::read_bytes, "/blkio.throttle.read_bps_device", "rbps"},
    Rate{&BlockLimit::write_bytes, "/blkio.throttle.write_bps_device", "wbps"},
    Rate{&BlockLimit::read_operations, "/blkio.throttle.read_iops_device", "riops"},
    Rate{&BlockLimit::write_operations, "/blkio.throttle.write_iops_device", "wiops"},
};

void limit_rates_v1(const std::string& group, const std::string& device, const BlockLimit& limit,
                    CgroupWrites& writes) {
  for (const auto& rate : rates) {
    const auto& value = limit.*rate.value;
    if (!value) continue;
    const std::string file = group + rate.v1;
    writes.write(file, device + " " + std::to_string(*value), line_of(file, device, device + " 0"));
  }
}

void limit_rates_v2(const std::string& group, const std::string& device, const BlockLimit& limit,
                    CgroupWrites& writes) {
  std::string text;
  for (const auto& rate : rates)
    if (const auto& value = limit.*rate.value)
      text += std::string(" ") + rate.v2 + "=" + (*value > 0 ? std::to_string(*value) : "max");
  if (text.empty()) return;
  const std::string file = group + "/io.max";
  writes.write(file, device + text, line_of(file, device, device + " rbps=max wbps=max riops=max wiops=max"));
}

// A scheduler of disks has its own weights, 1 … 1000 (BFQ); the controller's own are 1 … 10000.
struct WeightFile {
  std::string name;      // whole path
  std::string device;    // where a device's own is written
  std::string standard;  // what stands before the weight of all devices
  bool wide = false;
};

WeightFile weight_file(const std::string& group, bool unified) {
  const std::array<WeightFile, 4> known{{{"/io.bfq.weight", "/io.bfq.weight", "default ", false},
                                         {"/io.weight", "/io.weight", "default ", true},
                                         {"/blkio.bfq.weight", "/blkio.bfq.weight_device", "", false},
                                         {"/blkio.weight", "/blkio.weight_device", "", false}}};
  for (const auto& file : known)
    if (file.name.starts_with("/io") == unified && access((group + file.name).c_str(), W_OK) == 0)
      return {group + file.name, group + file.device, file.standard, file.wide};
  throw Error("this kernel has no weights of block I/O")
      .with_hint("they need a disk whose scheduler is bfq, or a kernel with the controller of costs (iocost)");
}

std::string weight_text(const WeightFile& file, std::int64_t weight) {
  return std::to_string(file.wide ? 1 + (weight - 10) * 9999 / 990 : weight);
}

void limit_weight(const std::string& group, bool unified, std::int64_t weight, CgroupWrites& writes) {
  const auto file = weight_file(group, unified);
  const std::string former = line_of(file.name, "default", read_file(file.name));
  writes.write(file.name, file.standard + weight_text(file, weight), former);
}

void limit_device_weight(const std::string& group, bool unified, const std::string& device, std::int64_t weight,
                         CgroupWrites& writes) {
  const auto file = weight_file(group, unified);
  if (access(file.device.c_str(), W_OK) != 0) throw Error("this kernel has no weights of single disks");
  const std::string none = device + (unified ? " default" : " 0");
  writes.write(file.device, device + " " + weight_text(file, weight), line_of(file.device, device, none));
}

}  // namespace

void limit_block(const std::string& path, const CgroupLimits& limits, CgroupWrites& writes) {
  if (!limits.block_weight && limits.block.empty()) return;
  const auto& hierarchy = hierarchy_of_block();
  const std::string group = hierarchy.directory(path);
  if (limits.block_weight) limit_weight(group, hierarchy.unified, *limits.block_weight, writes);
  for (const auto& limit : limits.block) {
    const base::Context context("limit of block I/O on " + base::escape_control(limit.device));
    const std::string device = find_disk(limit.device).text();
    if (hierarchy.unified)
      limit_rates_v2(group, device, limit, writes);
    else
      limit_rates_v1(group, device, limit, writes);
    if (limit.weight) limit_device_weight(group, hierarchy.unified, device, *limit.weight, writes);
  }
}

}  // namespace conductor::linux
