#include "monitor/exit_code.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <cstdint>

namespace conductor::monitor {
namespace {

constexpr int patience = 1000;                 // ms
constexpr std::uint64_t exit_info = 1U << 3U;  // PIDFD_INFO_EXIT

// struct pidfd_info of linux/pidfd.h, first version, which this system's headers may lack.
struct PidfdInfo {
  std::uint64_t mask = 0;
  std::uint64_t cgroup_id = 0;
  std::uint32_t ids[11] = {};
  std::int32_t exit_code = 0;
};
static_assert(sizeof(PidfdInfo) == 64);

}  // namespace

int orphan_exit_code(const linux::Fd& ended) {
  pollfd entry{ended.get(), 0, 0};
  poll(&entry, 1, patience);  // POLLHUP: reaped
  PidfdInfo info;
  info.mask = exit_info;
  if (ioctl(ended.get(), _IOWR(0xff, 11, PidfdInfo), &info) != 0 || (info.mask & exit_info) == 0) return -1;
  return WIFSIGNALED(info.exit_code) ? 128 + WTERMSIG(info.exit_code) : WEXITSTATUS(info.exit_code);
}

}  // namespace conductor::monitor
