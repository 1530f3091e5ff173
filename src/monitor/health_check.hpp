// One health check, in a process of its own.
#pragma once

#include "linux/fd.hpp"
#include "monitor/protocol.hpp"

#include <chrono>

namespace conductor::monitor {

inline constexpr std::size_t max_health_output = 4096;

// The body of a process cloned from the monitor: runs the command in the container, kills it and what it started when
// `timeout` has passed or on SIGTERM, writes the last 4 KiB of its output to `output` and returns 0 when all is well.
int run_health_check(const ExecSpec& spec, std::chrono::nanoseconds timeout, const linux::Fd& output);

}  // namespace conductor::monitor
