#include "monitor/log_sink.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "monitor/beside.hpp"
#include "monitor/log_writer.hpp"
#include "monitor/status.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

namespace conductor::monitor {
namespace {

constexpr std::int64_t smallest_buffer = 128 << 10;  // holds the longest message

// The kernel doubles it, for what it needs itself.
void set_buffer(int socket, std::int64_t bytes) {
  const int size = static_cast<int>(std::clamp<std::int64_t>(bytes, smallest_buffer, INT_MAX / 2));
  if (setsockopt(socket, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0)
    setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

}  // namespace

LogSink::LogSink(Loop& loop, const LaunchSpec& spec) : loop_(loop), blocking_(spec.log.blocking) {
  if (spec.log_file.empty() || spec.log.driver == LogDriver::none) return;
  if (spec.log.driver == LogDriver::file && blocking_) {
    file_ = std::make_unique<LogFile>(spec.log_file, spec.log.limit, spec.log.files);
    if (!spec.log.compress) return;
    archive_ = std::make_unique<LogArchive>(spec.log_file);
    file_->on_rotated = [this] { archive_->compress_before(file_->number()); };
    return;
  }
  auto [ours, theirs] = linux::make_socket_pair();
  set_buffer(ours.get(), spec.log.buffer);
  dropped_file_ = dropped_log_name(spec.log_file);
  if (const auto text = linux::try_read_file(dropped_file_))
    dropped_ = static_cast<std::uint64_t>(base::parse_number(*text).value_or(0));
  writer_ = clone_beside({theirs.get()}, [&] { return run_log_writer(theirs, spec); });
  socket_ = std::move(ours);
  loop_.add(socket_.get(), EPOLLIN, [this] { on_answer(); });
}

// The writer reads what is still in the socket and ends by itself.
LogSink::~LogSink() {
  if (socket_) loop_.remove(socket_.get());
}

std::size_t LogSink::take(std::uint8_t stream, int pipe, char* copy) {
  const std::size_t size = file_->take(stream, pipe);
  if (size != 0 && copy != nullptr && !file_->read_back(copy, size)) std::memset(copy, '?', size);
  return size;
}

bool LogSink::append(std::uint8_t stream, std::string_view bytes) {
  if (file_) file_->append(stream, bytes);
  if (!socket_) return true;
  if (!given_up_ && tell_of_drops() && send(stream, bytes)) return true;
  if (!blocking_ || given_up_) return drop(bytes.size()), true;
  wait_for_room();
  return false;
}

// False: there is no room even for that.
bool LogSink::tell_of_drops() {
  if (untold_ == 0) return true;
  if (!send_mark(writer_dropped, untold_)) return false;
  untold_ = 0;
  write_dropped();
  return true;
}

// With what earlier monitors have dropped.
void LogSink::write_dropped() const {
  try {
    linux::write_all(linux::open_file(dropped_file_, O_WRONLY | O_CREAT | O_TRUNC, 0600).get(),
                     std::to_string(dropped_));
  } catch (const base::Error&) {
    // The log itself says it, too.
  }
}

bool LogSink::send_mark(std::uint8_t stream, std::uint64_t number) {
  LogHeader header;
  header.time_ns = number;
  header.stream = stream;
  return ::send(socket_.get(), &header, sizeof header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 || errno != EAGAIN;
}

bool LogSink::send(std::uint8_t stream, std::string_view bytes) {
  LogHeader header;
  header.time_ns = static_cast<std::uint64_t>(now_ns());
  header.length = static_cast<std::uint32_t>(bytes.size());
  header.stream = stream;
  const iovec parts[] = {{&header, sizeof header}, {const_cast<char*>(bytes.data()), bytes.size()}};
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts);
  message.msg_iovlen = 2;
  ssize_t sent = 0;
  do sent = sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  if (sent >= 0) return true;
  if (errno != EAGAIN) return drop(bytes.size()), true;  // the writer is gone
  if (!blocking_) return false;
  waiting_.assign(reinterpret_cast<const char*>(&header), sizeof header);
  waiting_ += bytes;
  return false;
}

void LogSink::drop(std::size_t size) {
  dropped_ += size;
  untold_ += size;
}

void LogSink::wait_for_room() {
  loop_.remove(socket_.get());
  loop_.add(socket_.get(), EPOLLOUT, [this] { on_writable(); });
}

void LogSink::on_writable() {
  if (!waiting_.empty() && ::send(socket_.get(), waiting_.data(), waiting_.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
      errno == EAGAIN)
    return;
  waiting_.clear();
  if (flushed_ && !(tell_of_drops() && send_mark(writer_flush, 0))) return;
  loop_.remove(socket_.get());
  loop_.add(socket_.get(), EPOLLIN, [this] { on_answer(); });
  if (on_room) on_room();
}

void LogSink::flush(std::function<void()> done) {
  if (!socket_ || given_up_) return done();
  flushed_ = std::move(done);
  wait_for_room();
}

// An answer to `flush`, or the end of the writer.
void LogSink::on_answer() {
  char answer = 0;
  const ssize_t size = recv(socket_.get(), &answer, 1, MSG_DONTWAIT);
  if (size < 0 && errno == EAGAIN) return;
  size == 1 ? end_flush() : give_up();
}

void LogSink::end_flush() {
  if (const auto done = std::exchange(flushed_, nullptr)) done();
}

void LogSink::give_up() {
  given_up_ = true;
  if (!socket_) return;
  loop_.remove(socket_.get());
  waiting_.clear();
  if (on_room) on_room();
  end_flush();
}

}  // namespace conductor::monitor
