// The log file of a container: records of what was read at one time from one stream, binary safe.
//   8 bytes  unix nanoseconds, little endian
//   4 bytes  length of the bytes that follow
//   1 byte   stream: 1 stdout, 2 stderr
//   3 bytes  zero
#pragma once

#include <cstdint>

namespace conductor::monitor {

struct LogHeader {
  std::uint64_t time_ns = 0;
  std::uint32_t length = 0;
  std::uint8_t stream = 1;
  std::uint8_t zero[3] = {};
};
static_assert(sizeof(LogHeader) == 16);

}  // namespace conductor::monitor
