// When a container is started again. Pure.
#pragma once

#include "monitor/protocol.hpp"

#include <chrono>

namespace conductor::monitor {

// After a run that ended with `code` (-1: unknown) and `restarts` restarts so far. A stop asked for ends every policy.
bool wants_restart(const Restart& restart, int code, int restarts, bool stopped_by_user);

// 100 ms, doubling up to a minute; from the beginning after a run of 10 s.
class BackOff {
 public:
  std::chrono::milliseconds next(std::chrono::nanoseconds last_run);

 private:
  std::chrono::milliseconds delay_{0};
};

}  // namespace conductor::monitor
