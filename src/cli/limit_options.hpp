// The options that limit what a container may use, docker's words and older ones: of `run`, `create` and `update`.
#pragma once

#include "cli/options.hpp"
#include "engine/container.hpp"

#include <optional>
#include <string>
#include <vector>

namespace conductor::cli {

class LimitOptions {
 public:
  void declare(Options& options);             // of a container that is made
  void declare_changeable(Options& options);  // of one that may be running
  // What the options say. Throws base::Error naming the option that is wrong.
  linux::CgroupLimits limits() const;
  int oom_score_adjust() const;

 private:
  linux::CgroupLimits plain_;  // what needs no reading
  std::optional<std::string> memory_swap_, cpus_, cpu_quota_, pids_, swappiness_, oom_score_;
  std::optional<std::int64_t> mem_megabytes_, swap_megabytes_;
  std::vector<std::string> read_bytes_, write_bytes_, read_operations_, write_operations_, device_weights_;

  void read_memory(linux::CgroupLimits& limits) const;
  void read_cpu(linux::CgroupLimits& limits) const;
  void read_block(linux::CgroupLimits& limits) const;
};

}  // namespace conductor::cli
