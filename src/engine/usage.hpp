// What containers use at present, and their processes.
#pragma once

#include "engine/engine.hpp"
#include "linux/cgroup_usage.hpp"
#include "linux/netlink_counters.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace conductor::engine {

struct Usage {
  std::int64_t time_ns = 0;  // CLOCK_MONOTONIC, when it was measured
  bool running = false;      // else everything is 0
  linux::CgroupUsage group;
  linux::LinkCounters network;  // as the container sees it; with --network container: the other's, with host none
};
// In the order of `containers`; the network of all of them is asked for once.
std::vector<Usage> measure(Engine& engine, const std::vector<Observed>& containers);

// Pids of the host, ascending. Throws Error when it is not running.
std::vector<pid_t> processes_of(Engine& engine, const Container& container);

std::int64_t memory_of_machine();  // bytes

}  // namespace conductor::engine
