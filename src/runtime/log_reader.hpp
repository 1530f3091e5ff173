// The reading side of a container's log: records, and lines made of them. The format is in monitor/log.hpp.
#pragma once

#include "linux/fd.hpp"
#include "monitor/log.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace conductor::runtime {

struct Record {
  std::int64_t time_ns = 0;
  int stream = 1;
  std::string_view bytes;  // valid until the next call of the reader
};

// Reads the files in the order of their numbers and goes on with what is appended and begun. What was removed before it
// could be read is left out; a file that it reads it keeps.
class LogReader {
 public:
  explicit LogReader(std::string log);
  LogReader again() const;  // another one at the same place
  // Leaves out files whose last change was before that time; to be called first.
  void go_to_time(std::int64_t since);
  // Goes to a place after which at least `lines` lines begin that `counts` accepts the records of, or to the beginning.
  // Only as much is read as that takes.
  void go_to_lines(std::size_t lines, const std::function<bool(const Record&)>& counts);
  bool at_beginning() const { return begins_; }  // nothing was left out

  // Calls `use` for every record there is now; false from it stops. Throws Error where no record begins.
  using Use = std::function<bool(const Record&)>;
  void read(const Use& use);

 private:
  bool open_next();
  bool has_next() const;
  bool read_file(bool last, const Use& use);
  bool read_block(std::string_view bytes, bool last, const Use& use);
  std::string_view fill(std::int64_t offset);

  std::string log_;
  std::uint64_t number_ = 0;  // of the file that was opened last
  std::int64_t offset_ = 0;   // in it, where the next record begins
  linux::Fd file_;
  bool begins_ = true;
};

// Splits records into lines; a line may come in several records of its stream. Calls `line` with the time of the record
// that the piece is of; the last piece of a line ends with '\n'.
void each_line(const Record& record, const std::function<void(std::string_view piece)>& line);

// How many lines of a log begin before its last `lines` ones.
class TailFinder {
 public:
  // `begins`: the log is seen from its beginning; else the rest of a line that began earlier may come first.
  TailFinder(std::size_t lines, bool begins) : lines_(lines), in_line_{!begins, !begins, !begins} {}
  void add(const Record& record);
  // Lines to leave out at the beginning.
  std::uint64_t skip() const;

 private:
  std::size_t lines_;
  std::uint64_t begun_ = 0;
  bool in_line_[3];
};

}  // namespace conductor::runtime
