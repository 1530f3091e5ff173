#include "monitor/exit_code.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <cstdint>

namespace conductor::monitor {
namespace {

constexpr int patience = 1000;                 // ms, for a parent that is about to take notice
constexpr std::uint64_t exit_info = 1U << 3U;  // PIDFD_INFO_EXIT

// struct pidfd_info of linux/pidfd.h, first version, which this system's headers may lack.
struct PidfdInfo {
  std::uint64_t mask = 0;
  std::uint64_t cgroup_id = 0;
  std::uint32_t ids[11] = {};
  std::int32_t exit_code = 0;
};
static_assert(sizeof(PidfdInfo) == 64);

int shell_code(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

}  // namespace

int orphan_exit_code(const linux::ProcessId& process, const linux::Fd& ended) {
  if (const auto status = linux::zombie_status(process)) return shell_code(*status);
  pollfd entry{ended.get(), 0, 0};
  poll(&entry, 1, patience);  // POLLHUP: reaped
  PidfdInfo info;
  info.mask = exit_info;
  if (ioctl(ended.get(), _IOWR(0xff, 11, PidfdInfo), &info) != 0 || (info.mask & exit_info) == 0) return -1;
  return shell_code(info.exit_code);
}

}  // namespace conductor::monitor
