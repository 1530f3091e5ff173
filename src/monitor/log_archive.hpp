// Older files of a log as .gz, made by a process of its own beside the one that writes.
#pragma once

#include "linux/process.hpp"

#include <cstdint>
#include <string>

namespace conductor::monitor {

class LogArchive {
 public:
  explicit LogArchive(std::string log) : log_(std::move(log)) {}
  LogArchive(LogArchive&&) = delete;
  ~LogArchive();  // a file that is half done stays as it was
  // Compresses what is older than `present` and is not yet; while that is still being done, the next call comes back to
  // it. Never blocks.
  void compress_before(std::uint64_t present);

 private:
  std::string log_;
  linux::Child worker_;
};

// The file as gzip under its other name, with its time; then it is removed. One that is rotated away meanwhile leaves
// nothing.
void compress_log_file(const std::string& log, std::uint64_t number);

}  // namespace conductor::monitor
