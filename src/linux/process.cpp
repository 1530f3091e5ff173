#include "linux/process.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>

namespace conductor::linux {
namespace {

using base::Error;

constexpr auto pidfd_id = static_cast<idtype_t>(P_PIDFD);

struct ProcStat {
  char state = 0;
  std::uint64_t start_time = 0;
  int exit_status = 0;
};

// /proc/PID/stat, proc(5). The second field is the program's own choice and may hold anything, blanks and brackets too:
// the fields that matter are counted from its last closing bracket.
std::optional<ProcStat> read_stat(pid_t pid) {
  const auto text = try_read_file("/proc/" + std::to_string(pid) + "/stat", 64U << 10U);
  if (!text) return std::nullopt;
  const auto bracket = text->rfind(')');
  if (bracket == std::string::npos || bracket + 2 >= text->size()) return std::nullopt;
  const auto rest = base::split(base::trim(std::string_view(*text).substr(bracket + 2)), ' ');
  constexpr std::size_t state_field = 3;
  constexpr std::size_t start_field = 22;
  constexpr std::size_t exit_field = 52;
  if (rest.size() <= exit_field - state_field) return std::nullopt;
  const auto start = base::parse_number(rest[start_field - state_field]);
  const auto status = base::parse_number(rest[exit_field - state_field]);
  if (!start || !status) return std::nullopt;
  return ProcStat{rest[0].empty() ? '?' : rest[0][0], static_cast<std::uint64_t>(*start), static_cast<int>(*status)};
}

Fd pidfd_of(pid_t pid) { return Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))); }

Ending ending_of(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return {.code = info.si_status};
  return {.signal = info.si_status};
}

}  // namespace

const std::string& boot_id() {
  static const std::string id(base::trim(read_file("/proc/sys/kernel/random/boot_id", 64)));
  return id;
}

ProcessId identify(pid_t pid) {
  const auto stat = read_stat(pid);
  if (!stat) throw Error("no process " + std::to_string(pid), ESRCH);
  return {pid, stat->start_time, boot_id()};
}

std::optional<int> zombie_status(const ProcessId& id) {
  const auto stat = read_stat(id.pid);
  if (!stat || stat->start_time != id.start_time || stat->state != 'Z') return std::nullopt;
  return stat->exit_status;
}

std::optional<Fd> open_process(const ProcessId& id) {
  if (id.pid <= 0 || id.boot_id != boot_id()) return std::nullopt;
  // Opened before it is looked at: while the descriptor's process lives its pid cannot be given out again.
  Fd fd = pidfd_of(id.pid);
  if (!fd && (errno == ESRCH || errno == EINVAL)) return std::nullopt;
  if (!fd) throw Error::from_errno("cannot open process " + std::to_string(id.pid));
  const auto stat = read_stat(id.pid);
  if (!stat || stat->start_time != id.start_time || stat->state == 'Z' || stat->state == 'X') return std::nullopt;
  if (has_ended(fd)) return std::nullopt;
  return fd;
}

Child clone_child(std::uint64_t flags, const std::function<int()>& body, int cgroup) {
  int pidfd = -1;
  clone_args arguments{};
  arguments.flags = flags | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
  arguments.exit_signal = (flags & CLONE_PARENT) == 0 ? SIGCHLD : 0;  // a sibling ends as the caller does
  if (cgroup >= 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<std::uint64_t>(cgroup);
  }
  const long pid = syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid < 0) throw Error::from_errno("cannot clone a process");
  if (pid > 0) return {static_cast<pid_t>(pid), Fd(pidfd)};
  // The child: nothing of the caller's stack is unwound and nothing of its buffers is written.
  try {
    _exit(body());
  } catch (const std::exception& e) {
    dprintf(STDERR_FILENO, "%s\n", e.what());
  } catch (...) {
  }
  _exit(base::exit_error);
}

Ending wait_for(const Fd& pidfd) {
  siginfo_t info{};
  int result = 0;
  do result = waitid(pidfd_id, static_cast<id_t>(pidfd.get()), &info, WEXITED);
  while (result != 0 && errno == EINTR);
  if (result != 0) throw Error::from_errno("cannot wait for a process");
  return ending_of(info);
}

std::optional<Ending> try_wait(const Fd& pidfd) {
  siginfo_t info{};
  if (waitid(pidfd_id, static_cast<id_t>(pidfd.get()), &info, WEXITED | WNOHANG) != 0)
    throw Error::from_errno("cannot wait for a process");
  if (info.si_pid == 0) return std::nullopt;
  return ending_of(info);
}

bool has_ended(const Fd& pidfd) { return wait_ended(pidfd, 0); }

bool wait_ended(const Fd& pidfd, int milliseconds) { return wait_readable(pidfd.get(), milliseconds); }

void send_signal(const Fd& pidfd, int signal) {
  if (syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0) != 0 && errno != ESRCH)
    throw Error::from_errno("cannot send " + signal_name(signal));
}

void close_on_exec_from(int first) {
  if (syscall(SYS_close_range, static_cast<unsigned>(first), ~0U, CLOSE_RANGE_CLOEXEC) != 0)
    throw Error::from_errno("cannot mark descriptors close-on-exec");
}

}  // namespace conductor::linux
