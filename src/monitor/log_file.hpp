// The writing side of a container's log; the format is in monitor/log.hpp.
#pragma once

#include "linux/fd.hpp"
#include "monitor/log.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace conductor::monitor {

// Never throws while it runs: what a full disk does not take is counted, and a record says so as soon as there is room
// again. Killed at any moment, the next one goes on where this one was: nothing is lost or written twice.
class LogFile {
 public:
  LogFile() = default;  // takes nothing
  // Goes on with the newest file of `log` or begins the first, mode 0600. At `limit` bytes (0: none) a new one is
  // begun; `files` in all are kept.
  LogFile(std::string log, std::int64_t limit, int files);

  // Moves what is in the pipe into the file, up to a record's size, without a copy in our memory: until it is in the
  // file it stays in the pipe. 0 when the file cannot take it; then it is still in the pipe.
  std::size_t take(std::uint8_t stream, int pipe);
  // The last `size` bytes that `take` has moved; false when they cannot be read.
  bool read_back(char* bytes, std::size_t size) const;

  void append(std::uint8_t stream, std::string_view bytes) { append(stream, bytes, 0); }
  // `time_ns` is when they were read; 0: now.
  void append(std::uint8_t stream, std::string_view bytes, std::uint64_t time_ns);
  // Says in the log that so many bytes are missing in it.
  void note_loss(std::uint64_t bytes, const char* why);

  // What is missing is said now, where that is possible, instead of before the next record.
  void tell();

  std::uint64_t number() const { return number_; }
  std::function<void()> on_rotated;

 private:
  bool begin_record();
  bool write_record(std::uint8_t stream, std::string_view bytes, std::uint64_t time_ns);
  bool end_record(std::uint8_t stream, std::int64_t size, std::int64_t moved);
  void mend_end();
  void rotate();
  void tell_of_loss();

  std::string log_;
  linux::Fd file_;
  std::uint64_t number_ = 0;
  std::int64_t size_ = 0;
  std::int64_t limit_ = 0;
  int files_ = 0;
  std::uint64_t lost_ = 0;  // bytes, not yet told
  const char* why_lost_ = "no space";
};

}  // namespace conductor::monitor
