// Where the output of a container goes: the log file at once; or, when it may be slow or must not slow the container
// down, a writer: a process beside the monitor with a socket's buffer between them.
#pragma once

#include "linux/process.hpp"
#include "monitor/log_archive.hpp"
#include "monitor/log_file.hpp"
#include "monitor/loop.hpp"
#include "monitor/protocol.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace conductor::monitor {

class LogSink {
 public:
  LogSink(Loop& loop, const LaunchSpec& spec);
  ~LogSink();
  LogSink(const LogSink&) = delete;
  LogSink& operator=(const LogSink&) = delete;

  // Bytes can be moved out of a pipe without being read: `take` works.
  bool takes() const { return file_ != nullptr; }
  std::size_t take(std::uint8_t stream, int pipe, char* copy);
  // False: no more before `on_room` is called.
  bool append(std::uint8_t stream, std::string_view bytes);
  // Calls `done` when what was appended has been written.
  void flush(std::function<void()> done);
  // Drops what waits for a writer that does not take it, and all that comes after.
  void give_up();

  std::function<void()> on_room;

 private:
  bool send(std::uint8_t stream, std::string_view bytes);
  bool tell_of_drops();
  void write_dropped() const;
  bool send_mark(std::uint8_t stream, std::uint64_t number);
  void drop(std::size_t size);
  void wait_for_room();
  void on_writable();
  void on_answer();
  void end_flush();

  Loop& loop_;
  const bool blocking_;
  std::unique_ptr<LogFile> file_;  // without a writer
  std::unique_ptr<LogArchive> archive_;
  linux::Child writer_;
  std::string dropped_file_;
  linux::Fd socket_;                        // to the writer
  std::string waiting_;                     // a message the socket has no room for
  std::uint64_t dropped_ = 0, untold_ = 0;  // bytes
  std::function<void()> flushed_;
  bool given_up_ = false;
};

}  // namespace conductor::monitor
