#include "monitor/restart.hpp"

#include <algorithm>

namespace conductor::monitor {
namespace {
constexpr std::chrono::milliseconds shortest(100);
constexpr std::chrono::milliseconds longest(60'000);
constexpr std::chrono::seconds steady(10);
}  // namespace

bool wants_restart(const Restart& restart, int code, int restarts, bool stopped_by_user) {
  if (stopped_by_user) return false;
  switch (restart.policy) {
    case RestartPolicy::no:
      return false;
    case RestartPolicy::always:
    case RestartPolicy::unless_stopped:
      return true;
    case RestartPolicy::on_failure:
      return code != 0 && (restart.max_retries == 0 || restarts < restart.max_retries);
  }
  return false;
}

std::chrono::milliseconds BackOff::next(std::chrono::nanoseconds last_run) {
  delay_ = delay_.count() == 0 || last_run >= steady ? shortest : std::min(delay_ * 2, longest);
  return delay_;
}

}  // namespace conductor::monitor
