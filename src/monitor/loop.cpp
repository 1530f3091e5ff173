#include "monitor/loop.hpp"

#include "base/error.hpp"

#include <sys/epoll.h>

#include <cerrno>
#include <utility>

namespace conductor::monitor {
namespace {
constexpr int batch = 16;
}

Loop::Loop() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) throw base::Error::from_errno("cannot wait for events");
}

bool Loop::add(int fd, std::uint32_t events, Handler handler) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = (std::uint64_t{++generation_} << 32U) | static_cast<std::uint32_t>(fd);
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    if (errno == EPERM) return false;
    throw base::Error::from_errno("cannot wait for a descriptor");
  }
  entries_[fd] = {generation_, std::make_shared<Handler>(std::move(handler))};
  return true;
}

void Loop::remove(int fd) {
  if (entries_.erase(fd) != 0) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void Loop::run() {
  epoll_event events[batch];
  while (!stopped_) {
    const int count = epoll_wait(epoll_.get(), events, batch, -1);
    if (count < 0 && errno != EINTR) throw base::Error::from_errno("cannot wait for events");
    for (int i = 0; i < count && !stopped_; ++i) {
      const auto found = entries_.find(static_cast<int>(events[i].data.u64 & 0xffffffffU));
      if (found == entries_.end() || found->second.generation != events[i].data.u64 >> 32U) continue;
      const auto handler = found->second.handler;  // it may remove itself
      (*handler)();
    }
  }
}

}  // namespace conductor::monitor
