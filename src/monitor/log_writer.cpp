#include "monitor/log_writer.hpp"

#include "monitor/journald.hpp"
#include "monitor/log_archive.hpp"
#include "monitor/log_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

namespace conductor::monitor {
namespace {

constexpr std::size_t longest_message = sizeof(LogHeader) + (64U << 10U);
constexpr const char* too_slow = "its buffer was full";

// What both kinds of log can do.
class Target {
 public:
  virtual ~Target() = default;
  virtual void append(const LogHeader& header, std::string_view bytes) = 0;
  virtual void note_loss(std::uint64_t bytes) = 0;
  virtual void flush() {}
};

class FileTarget : public Target {
 public:
  explicit FileTarget(const LaunchSpec& spec)
      : file_(spec.log_file, spec.log.limit, spec.log.files), archive_(spec.log_file) {
    if (spec.log.compress) file_.on_rotated = [this] { archive_.compress_before(file_.number()); };
  }
  void append(const LogHeader& header, std::string_view bytes) override {
    file_.append(header.stream, bytes, header.time_ns);
  }
  void note_loss(std::uint64_t bytes) override { file_.note_loss(bytes, too_slow); }
  void flush() override { file_.tell(); }

 private:
  LogFile file_;
  LogArchive archive_;
};

class JournalTarget : public Target {
 public:
  explicit JournalTarget(const LaunchSpec& spec) : journal_(spec) {}
  void append(const LogHeader& header, std::string_view bytes) override { journal_.append(header.stream, bytes); }
  void note_loss(std::uint64_t bytes) override { journal_.note_loss(bytes, too_slow); }
  void flush() override { journal_.finish(); }

 private:
  JournalLog journal_;
};

std::unique_ptr<Target> make_target(const LaunchSpec& spec) {
  if (spec.log.driver == LogDriver::journald) return std::make_unique<JournalTarget>(spec);
  return std::make_unique<FileTarget>(spec);
}

}  // namespace

int run_log_writer(const linux::Fd& socket, const LaunchSpec& spec) {
  prctl(PR_SET_NAME, "conductor-log", 0, 0, 0);
  const auto lock = linux::open_file(spec.run_directory + "/log-writer", O_RDONLY | O_CREAT, 0600);
  while (flock(lock.get(), LOCK_EX) != 0 && errno == EINTR) {
  }
  const auto target = make_target(spec);
  std::vector<char> message(longest_message);
  for (;;) {
    const ssize_t size = recv(socket.get(), message.data(), message.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < static_cast<ssize_t>(sizeof(LogHeader))) break;
    LogHeader header;
    std::memcpy(&header, message.data(), sizeof header);
    if (header.stream == writer_dropped) {
      target->note_loss(header.time_ns);
    } else if (header.stream == writer_flush) {
      target->flush();
      if (send(socket.get(), "", 1, MSG_NOSIGNAL) < 0) break;
    } else {
      target->append(header, {message.data() + sizeof header, static_cast<std::size_t>(size) - sizeof header});
    }
  }
  target->flush();
  return 0;
}

}  // namespace conductor::monitor
