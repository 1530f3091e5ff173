// The log of a container: files LOG.1, LOG.2 …, the highest number the present one, LOG.N.gz one that was compressed.
// Each is a row of records of what was read at one time from one stream, binary safe:
//   8 bytes  unix nanoseconds, little endian
//   4 bytes  length of the bytes that follow
//   1 byte   stream: 1 stdout, 2 stderr
//   3 bytes  zero
// No record crosses the border of a block: where less than a header and a byte are left, the next block begins. So a
// log can be read from any block on. The last record may be shorter than it says: a monitor was killed, or is at it
// now.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace conductor::monitor {

struct LogHeader {
  std::uint64_t time_ns = 0;
  std::uint32_t length = 0;
  std::uint8_t stream = 1;
  std::uint8_t zero[3] = {};
};
static_assert(sizeof(LogHeader) == 16);

inline constexpr std::int64_t log_block = 256 << 10;

// Room for the bytes of a record that begins at `offset`; 0 or less: it begins with the next block.
constexpr std::int64_t room_for_record(std::int64_t offset) {
  return log_block - offset % log_block - std::int64_t{sizeof(LogHeader)};
}
constexpr std::int64_t next_block(std::int64_t offset) { return (offset / log_block + 1) * log_block; }

std::string log_file_name(const std::string& log, std::uint64_t number);
std::string compressed_log_name(const std::string& log, std::uint64_t number);
// How many bytes a log that must not be waited for has dropped, in decimal; there when it has.
std::string dropped_log_name(const std::string& log);
// Numbers of the files there are, compressed or not, in order.
std::vector<std::uint64_t> log_numbers(const std::string& log);

}  // namespace conductor::monitor
