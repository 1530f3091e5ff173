#include "linux/events.hpp"

#include "base/error.hpp"

#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace conductor::linux {

using base::Error;

Fd signal_descriptor(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  if (const int code = pthread_sigmask(SIG_BLOCK, &set, nullptr); code != 0) throw Error("cannot block signals", code);
  Fd fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) throw Error::from_errno("cannot wait for signals");
  return fd;
}

std::optional<int> next_signal(const Fd& signals) {
  signalfd_siginfo info{};
  ssize_t size = 0;
  do size = read(signals.get(), &info, sizeof info);
  while (size < 0 && errno == EINTR);
  if (size < 0 && errno == EAGAIN) return std::nullopt;
  if (size != sizeof info) throw Error::from_errno("cannot read a signal");
  return static_cast<int>(info.ssi_signo);
}

Fd make_timer() {
  Fd fd(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!fd) throw Error::from_errno("cannot make a timer");
  return fd;
}

void arm_timer(const Fd& timer, std::chrono::nanoseconds after) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(after);
  itimerspec when{};
  when.it_value.tv_sec = seconds.count();
  when.it_value.tv_nsec = (after - seconds).count();
  if (timerfd_settime(timer.get(), 0, &when, nullptr) != 0) throw Error::from_errno("cannot set a timer");
}

void clear_timer(const Fd& timer) {
  std::uint64_t count = 0;
  if (read(timer.get(), &count, sizeof count) < 0 && errno != EAGAIN && errno != EINTR)
    throw Error::from_errno("cannot read a timer");
}

Watch::Watch() : fd_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  if (!fd_) throw Error::from_errno("cannot watch files");
}

bool Watch::add(const std::string& path, unsigned mask) {
  if (inotify_add_watch(fd_.get(), path.c_str(), mask) >= 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  throw Error::from_errno("cannot watch " + path);
}

bool Watch::wait(int milliseconds) {
  if (!wait_readable(fd_.get(), milliseconds)) return false;
  drain();
  return true;
}

void Watch::drain() {
  alignas(inotify_event) char events[4096];
  ssize_t size = 0;
  do size = read(fd_.get(), events, sizeof events);
  while (size > 0 || (size < 0 && errno == EINTR));
  if (size < 0 && errno != EAGAIN) throw Error::from_errno("cannot read changes of files");
}

}  // namespace conductor::linux
