// The process beside the monitor that writes a log which may be slow.
#pragma once

#include "linux/fd.hpp"
#include "monitor/protocol.hpp"

#include <cstdint>

namespace conductor::monitor {

// What LogSink sends: a LogHeader and bytes. Streams beside 1 and 2:
inline constexpr std::uint8_t writer_dropped = 0;  // the time is a number of bytes that were dropped before this
inline constexpr std::uint8_t writer_flush = 3;    // answered with a byte when all before it is written

// Until the other end is closed. A former writer of the same container may still be at it: then this one waits.
int run_log_writer(const linux::Fd& socket, const LaunchSpec& spec);

}  // namespace conductor::monitor
