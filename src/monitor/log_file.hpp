// The writing side of a container's log; the format is in monitor/log.hpp.
#pragma once

#include "linux/fd.hpp"
#include "monitor/log.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace conductor::monitor {

// Never blocks the container and never throws while it runs: what a full disk does not take is counted, and a record
// says so as soon as there is room again.
class LogFile {
 public:
  LogFile() = default;  // takes nothing
  // Appends to the file, mode 0600. At `limit` bytes it becomes PATH.1, that PATH.2 and so on, `files` in all.
  LogFile(std::string path, std::int64_t limit, int files);

  // `record` is room for a LogHeader followed by `size` bytes read from `stream`: one write, nothing is copied.
  void append(std::uint8_t stream, char* record, std::size_t size);

 private:
  bool write(const char* record, std::size_t size);
  void rotate();
  void tell_of_loss();

  std::string path_;
  linux::Fd file_;
  std::int64_t size_ = 0;
  std::int64_t limit_ = 0;
  int files_ = 0;
  std::uint64_t lost_ = 0;  // bytes
};

}  // namespace conductor::monitor
