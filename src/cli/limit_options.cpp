#include "cli/limit_options.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"

#include <algorithm>

namespace conductor::cli {

namespace {

using linux::BlockLimit;
using linux::CgroupLimits;
using Number = std::optional<std::int64_t>;

[[noreturn]] void refuse(const std::string& option, const std::string& value, const std::string& expected) {
  throw base::Error("option " + option + ": '" + base::escape_control(value) + "' is not " + expected)
      .with_exit_code(base::exit_usage);
}

// As with docker, 0 is as if nothing had been said.
void drop_zero(Number& value) {
  if (value == 0) value.reset();
}

BlockLimit& limit_of(CgroupLimits& limits, const std::string& device) {
  for (auto& limit : limits.block)
    if (limit.device == device) return limit;
  limits.block.push_back({device, {}, {}, {}, {}, {}});
  return limits.block.back();
}

// "DEVICE:VALUE", or "VALUE" alone: of the disk that our own files lie on.
struct OfDevice {
  std::string device, value;
};
OfDevice split_device(const std::string& option, const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return {"", text};
  OfDevice found{text.substr(0, colon), text.substr(colon + 1)};
  if (!found.device.starts_with('/'))
    refuse(option, text, "a device or folder by its whole path, and a value behind ':'");
  return found;
}

// The sizes of docker, with `mb` and the like as a synonym of `m`.
Number parse_rate(const std::string& text) { return base::parse_size(text); }
Number parse_count(const std::string& text) { return base::parse_number(text); }

void read_rates(CgroupLimits& limits, const std::string& option, const std::vector<std::string>& texts,
                Number BlockLimit::* member, Number (*parse)(const std::string&), const char* expected) {
  for (const auto& text : texts) {
    const auto [device, value] = split_device(option, text);
    const auto number = parse(value);
    if (!number || *number < 1) refuse(option, text, expected);
    limit_of(limits, device).*member = number;
  }
}

}  // namespace

void LimitOptions::declare(Options& options) {
  declare_changeable(options);
  options.flag("--oom-kill-disable", plain_.oom_kill_disable,
               "processes wait when memory runs out, instead of being killed (cgroups of version 1)");
  options.option("--oom-score-adj", oom_score_,
                 "who is killed first when the machine runs out of memory, -1000 to 1000", "N");
}

void LimitOptions::declare_changeable(Options& options) {
  options.size("-m,--memory,--memory-in-bytes", plain_.memory, "limit of memory");
  options.option("--memory-swap", memory_swap_, "limit of memory and swap together, -1 for none", "SIZE");
  options.size("--memory-reservation", plain_.memory_reservation, "memory kept when memory is short");
  options.option("--memory-swappiness", swappiness_, "how readily it is swapped out, 0 to 100 (cgroups of version 1)",
                 "N");
  options.option("--cpus", cpus_, "number of cpus", "N");
  options.number("-c,--cpu-shares", plain_.cpu_shares, "weight among others, 1024 by default", "N");
  options.number("--cpu-period", plain_.cpu_period, "period of --cpu-quota in microseconds", "N");
  options.option("--cpu-quota", cpu_quota_, "cpu time per period in microseconds, -1 for no limit", "N");
  options.option("--cpuset-cpus", plain_.cpuset, "cpus it may run on, 0-1,3", "CPUS");
  options.option("--cpuset-mems", plain_.cpuset_memory, "memory nodes it may use, 0-1,3", "NODES");
  options.option("--pids-limit,--pids", pids_, "limit of processes, -1 for none", "N");
  options.number("--blkio-weight", plain_.block_weight, "weight among others in block I/O, 10 to 1000", "N");
  options.option("--blkio-weight-device", device_weights_, "the same on one disk; PATH is a device or lies on it",
                 "PATH:N");
  options.option("--device-read-bps", read_bytes_, "bytes a second that are read from a disk", "[PATH:]SIZE");
  options.option("--device-write-bps", write_bytes_, "bytes a second that are written to a disk", "[PATH:]SIZE");
  options.option("--device-read-iops", read_operations_, "reads a second from a disk", "[PATH:]N");
  options.option("--device-write-iops", write_operations_, "writes a second to a disk", "[PATH:]N");
  options.number("--mem", mem_megabytes_, "limit of memory in MB", "MB");
  options.number("--swap", swap_megabytes_, "limit of swap in MB, beside --mem", "MB");
  options.refused("--kernel-memory", "kernels do not limit that by itself any more; --memory counts it");
  options.refused("--cpu-rt-period --cpu-rt-runtime",
                  "realtime scheduling in groups is switched off in Debian's kernels and gone in cgroups of version 2");
}

CgroupLimits LimitOptions::limits() const {
  CgroupLimits limits = plain_;
  drop_zero(limits.memory);
  drop_zero(limits.memory_reservation);
  drop_zero(limits.cpu_shares);
  drop_zero(limits.cpu_period);
  drop_zero(limits.block_weight);
  if (limits.cpuset && limits.cpuset->empty()) limits.cpuset.reset();
  if (limits.cpuset_memory && limits.cpuset_memory->empty()) limits.cpuset_memory.reset();
  read_memory(limits);
  read_cpu(limits);
  read_block(limits);
  if (pids_) {
    limits.pids = *pids_ == "-1" || *pids_ == "0" ? -1 : base::parse_number(*pids_);
    if (!limits.pids) refuse("--pids-limit", *pids_, "a whole number, or -1");
  }
  return limits;
}

void LimitOptions::read_memory(CgroupLimits& limits) const {
  constexpr std::int64_t megabyte = 1 << 20;
  constexpr std::int64_t most_megabytes = INT64_MAX / megabyte / 2;
  if (mem_megabytes_) limits.memory = std::min(*mem_megabytes_, most_megabytes) * megabyte;
  if (swap_megabytes_) {
    if (!limits.memory) throw base::Error("option --swap needs --mem").with_exit_code(base::exit_usage);
    limits.memory_swap = *limits.memory + std::min(*swap_megabytes_, most_megabytes) * megabyte;
  }
  if (memory_swap_) {
    limits.memory_swap = *memory_swap_ == "-1" ? -1 : base::parse_size(*memory_swap_);
    if (!limits.memory_swap) refuse("--memory-swap", *memory_swap_, "a size such as 1g, or -1");
    drop_zero(limits.memory_swap);
  }
  if (swappiness_ && *swappiness_ != "-1") {
    limits.swappiness = base::parse_number(*swappiness_);
    if (!limits.swappiness) refuse("--memory-swappiness", *swappiness_, "a number from 0 to 100");
  }
}

void LimitOptions::read_cpu(CgroupLimits& limits) const {
  if (cpus_) {
    limits.cpus = base::parse_decimal(*cpus_);
    if (!limits.cpus) refuse("--cpus", *cpus_, "a number such as 1.5");
    if (*limits.cpus == 0) limits.cpus.reset();
  }
  if (cpu_quota_) {
    limits.cpu_quota = *cpu_quota_ == "-1" ? -1 : base::parse_number(*cpu_quota_);
    if (!limits.cpu_quota) refuse("--cpu-quota", *cpu_quota_, "a number of microseconds, or -1");
    drop_zero(limits.cpu_quota);
  }
}

void LimitOptions::read_block(CgroupLimits& limits) const {
  constexpr const char* size = "a number of bytes a second, 10mb or /dev/sda:10mb";
  constexpr const char* count = "a number of operations a second, 100 or /dev/sda:100";
  read_rates(limits, "--device-read-bps", read_bytes_, &BlockLimit::read_bytes, parse_rate, size);
  read_rates(limits, "--device-write-bps", write_bytes_, &BlockLimit::write_bytes, parse_rate, size);
  read_rates(limits, "--device-read-iops", read_operations_, &BlockLimit::read_operations, parse_count, count);
  read_rates(limits, "--device-write-iops", write_operations_, &BlockLimit::write_operations, parse_count, count);
  read_rates(limits, "--blkio-weight-device", device_weights_, &BlockLimit::weight, parse_count,
             "a weight from 10 to 1000 behind a device, /dev/sda:500");
}

int LimitOptions::oom_score_adjust() const {
  if (!oom_score_) return 0;
  const bool negative = oom_score_->starts_with('-');
  const auto number = base::parse_number(oom_score_->substr(negative ? 1 : 0), 1000);
  if (!number) refuse("--oom-score-adj", *oom_score_, "a number from -1000 to 1000");
  return static_cast<int>(negative ? -*number : *number);
}

}  // namespace conductor::cli
