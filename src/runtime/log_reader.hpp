// The reading side of a container's log: records, and lines made of them. The format is in monitor/log.hpp.
#pragma once

#include "linux/fd.hpp"
#include "monitor/log.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::runtime {

struct Record {
  std::int64_t time_ns = 0;
  int stream = 1;
  std::string_view bytes;  // valid until the next call of the reader
};

// Takes whole records off the front of bytes that come in pieces. A header that no monitor writes makes it throw Error:
// from there on nothing in the file can be told apart.
class RecordParser {
 public:
  void add(std::string_view bytes);
  std::optional<Record> next();

 private:
  std::string buffer_;
  std::size_t used_ = 0;
};

// Reads the rotated files from the oldest on, and goes on with what is appended or put in their place.
class LogReader {
 public:
  explicit LogReader(std::string path);
  // Calls `use` for every record there is now; false from it stops.
  void read(const std::function<bool(const Record&)>& use);

 private:
  bool read_file(const std::function<bool(const Record&)>& use);
  bool was_rotated() const;

  std::string path_;
  std::vector<linux::Fd> older_;  // oldest first
  linux::Fd file_;
  RecordParser parser_;
};

// Splits records into lines; a line may come in several records of its stream. Calls `line` with the time of the record
// that the piece is of; the last piece of a line ends with '\n'.
void each_line(const Record& record, const std::function<void(std::string_view piece)>& line);

// Where the last `lines` lines of a log begin.
class TailFinder {
 public:
  explicit TailFinder(std::size_t lines) : lines_(lines) {}
  void add(const Record& record);
  // Lines to leave out at the beginning.
  std::uint64_t skip() const;

 private:
  std::size_t lines_;
  std::uint64_t begun_ = 0;
  bool in_line_[3] = {};
};

}  // namespace conductor::runtime
