#include "monitor/relay.hpp"

#include "base/error.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace conductor::monitor {
namespace {

constexpr std::size_t small_piece = 4096;  // what a pipe that polls as writable takes without blocking: PIPE_BUF

// One for all relays: the monitor has one thread, and only the pages a container's output needs are ever touched.
alignas(16) char buffer[Relay::max_piece];

bool ready(int fd, short events) {
  pollfd entry{fd, events, 0};
  return poll(&entry, 1, 0) > 0;
}

}  // namespace

// --- outlets
// ------------------------------------------------------------------------------------------------------------

Outlet Outlet::shared(int fd) {
  Outlet outlet;
  struct stat found{};
  if (fstat(fd, &found) != 0) throw base::Error::from_errno("cannot look at a stream");
  outlet.kind_ = S_ISREG(found.st_mode) ? Kind::file : S_ISSOCK(found.st_mode) ? Kind::socket : Kind::non_blocking;
  if (outlet.kind_ == Kind::non_blocking) {
    const std::string name = "/proc/self/fd/" + std::to_string(fd);
    outlet.fd_ = linux::Fd(open(name.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (outlet.fd_) return outlet;
    outlet.kind_ = Kind::blocking;
  }
  outlet.fd_ = linux::Fd(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!outlet.fd_) throw base::Error::from_errno("cannot duplicate a stream");
  return outlet;
}

Outlet Outlet::own(linux::Fd fd) {
  Outlet outlet;
  outlet.fd_ = std::move(fd);
  outlet.kind_ = Kind::non_blocking;
  const int flags = fcntl(outlet.get(), F_GETFL);
  if (flags < 0 || fcntl(outlet.get(), F_SETFL, flags | O_NONBLOCK) != 0)
    throw base::Error::from_errno("cannot make a stream non-blocking");
  return outlet;
}

std::optional<std::size_t> Outlet::write(std::string_view bytes) const {
  if (kind_ == Kind::blocking) {
    if (!ready(get(), POLLOUT)) return 0;
    bytes = bytes.substr(0, small_piece);
  }
  ssize_t size = 0;
  do {
    size = kind_ == Kind::socket ? send(get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                                 : ::write(get(), bytes.data(), bytes.size());
  } while (size < 0 && errno == EINTR);
  if (size >= 0) return static_cast<std::size_t>(size);
  if (errno == EAGAIN) return 0;
  return std::nullopt;
}

bool is_null_device(int fd) {
  struct stat found{};
  return fstat(fd, &found) == 0 && S_ISCHR(found.st_mode) && found.st_rdev == makedev(1, 3);
}

// --- relays
// -------------------------------------------------------------------------------------------------------------

Relay::Relay(Loop& loop, linux::Fd source, Observer observer)
    : loop_(loop), source_(std::move(source)), observer_(std::move(observer)) {}

Relay::~Relay() {
  if (source_) loop_.remove(source_.get());
  for (const auto& recipient : recipients_) loop_.remove(recipient.outlet.get());
}

void Relay::connect(Outlet outlet, int name) {
  disconnect(name);
  recipients_.push_back({name, std::move(outlet), {}});
}

void Relay::disconnect(int name) {
  const auto found = std::ranges::find(recipients_, name, &Recipient::name);
  if (found == recipients_.end()) return;
  const bool was_full = full();
  loop_.remove(found->outlet.get());
  recipients_.erase(found);
  if (was_full && !stopped()) wait_for_source();
  settle();
}

bool Relay::full() const {
  return std::ranges::any_of(recipients_, [](const Recipient& recipient) { return !recipient.pending.empty(); });
}

void Relay::start() { wait_for_source(); }

void Relay::wait_for_source() {
  if (!source_) return;
  const auto on_ready = [this] { step(); };
  if (!always_ready_ && loop_.add(source_.get(), EPOLLIN, on_ready)) return;
  always_ready_ = true;
  while (!stopped() && step()) {
  }
}

void Relay::hold() {
  held_ = true;
  if (source_ && !always_ready_) loop_.remove(source_.get());
}

void Relay::resume() {
  if (!std::exchange(held_, false) || full()) return;
  wait_for_source();
  settle();
}

bool Relay::step() {
  if (!source_) return false;
  bool taken = false;
  const ssize_t size = fetch(taken);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return errno == EINTR;
  if (size <= 0) return end(), false;  // EIO: the other side of a terminal is closed
  const std::string_view bytes(buffer, static_cast<std::size_t>(size));
  if (!taken && observer_ && !observer_(bytes)) hold();
  forward(bytes);
  return source_ && !held_;
}

ssize_t Relay::fetch(bool& taken) {
  if (taker_) {
    const std::size_t size = taker_(source_.get(), recipients_.empty() ? nullptr : buffer);
    taken = size != 0;
    if (taken) return static_cast<ssize_t>(size);
  }
  return read(source_.get(), buffer, sizeof buffer);
}

void Relay::forward(std::string_view bytes) {
  const bool had_any = !recipients_.empty();
  for (auto recipient = recipients_.begin(); recipient != recipients_.end();)
    recipient = give(*recipient, bytes) ? recipient + 1 : recipients_.erase(recipient);
  if (had_any && recipients_.empty() && !observer_) return end();
  if (full() && source_ && !always_ready_) loop_.remove(source_.get());
}

// False: it is broken. What it does not take now it gets later.
bool Relay::give(Recipient& recipient, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto taken = recipient.outlet.write(bytes);
    if (!taken) return false;
    bytes.remove_prefix(*taken);
    if (*taken != 0) continue;
    recipient.pending = bytes;
    loop_.add(recipient.outlet.get(), EPOLLOUT, [this, name = recipient.name] { flush(name); });
    return true;
  }
  return true;
}

void Relay::flush(int name) {
  const auto found = std::ranges::find(recipients_, name, &Recipient::name);
  loop_.remove(found->outlet.get());
  const std::string bytes = std::exchange(found->pending, {});
  if (!give(*found, bytes)) recipients_.erase(found);
  if (recipients_.empty() && !observer_) return end();
  if (stopped()) return;
  wait_for_source();
  settle();
}

void Relay::drain(std::function<void()> done) {
  drained_ = std::move(done);
  settle();
}

void Relay::settle() {
  if (!drained_) return;
  while (source_ && !stopped() && ready(source_.get(), POLLIN) && step()) {
  }
  if (stopped() || !drained_) return;
  const auto done = std::move(drained_);
  drained_ = nullptr;
  done();
}

void Relay::end() {
  if (!source_) return;
  if (!always_ready_) loop_.remove(source_.get());
  source_.reset();
  if (on_end) on_end();
}

}  // namespace conductor::monitor
