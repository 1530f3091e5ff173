// The one place where the monitor waits: descriptors and what to do when they are ready (epoll(7)).
#pragma once

#include "linux/fd.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

namespace conductor::monitor {

class Loop {
 public:
  using Handler = std::function<void()>;
  Loop();
  // Calls `handler` whenever `events` (EPOLLIN, EPOLLOUT …), an error or the end is there. False: a descriptor that is
  // always ready (a regular file) and cannot be waited for.
  bool add(int fd, std::uint32_t events, Handler handler);
  // Before the descriptor is closed; one that was never added is fine. May be called by its own handler.
  void remove(int fd);
  void run();  // until stop; what a handler throws comes out here
  void stop() { stopped_ = true; }

 private:
  struct Entry {
    std::uint32_t generation = 0;  // tells a late event from one of a descriptor with the same number
    std::shared_ptr<Handler> handler;
  };
  linux::Fd epoll_;
  std::map<int, Entry> entries_;
  std::uint32_t generation_ = 0;
  bool stopped_ = false;
};

}  // namespace conductor::monitor
