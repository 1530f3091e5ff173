// Processes: started with clone3 or spawned, named by pidfd or by pid and start time, never by a bare pid.
#pragma once

#include "base/fields.hpp"
#include "linux/fd.hpp"

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace conductor::linux {

// Names one process for as long as the machine runs: a pid that was given out again has another start time.
struct ProcessId {
  pid_t pid = 0;
  std::uint64_t start_time = 0;  // clock ticks after boot, field 22 of /proc/PID/stat
  std::string boot_id;           // /proc/sys/kernel/random/boot_id

  bool operator==(const ProcessId&) const = default;
};
template <base::Is<ProcessId> S, class V>
void fields(S& s, V&& v) {
  v("pid", s.pid), v("start_time", s.start_time), v("boot_id", s.boot_id);
}

const std::string& boot_id();
ProcessId identify(pid_t pid);                        // throws when there is none
std::optional<Fd> open_process(const ProcessId& id);  // its pidfd; nothing when it is gone or a zombie
// How it has ended, as wait(2) says it, while its parent has not taken notice; needs CAP_SYS_PTRACE for a process of
// another user. Nothing when it lives or is gone.
std::optional<int> zombie_status(const ProcessId& id);

// clone3(2) with `flags` and SIGCHLD; the child runs `body` and ends with what it returns. Not CLONE_VM: a copy of the
// caller, which must have one thread. `cgroup` >= 0 adds CLONE_INTO_CGROUP.
struct Child {
  pid_t pid = 0;
  Fd pidfd;
};
Child clone_child(std::uint64_t flags, const std::function<int()>& body, int cgroup = -1);

// Starts another program without copying the caller (vfork semantics; safe with threads). `descriptors[i]` becomes
// descriptor i, all others are closed; the environment is given whole. `new_session` calls setsid.
struct SpawnOptions {
  std::string program;                 // an absolute path
  std::vector<std::string> arguments;  // with argv[0]
  std::vector<std::string> environment;
  std::vector<int> descriptors;
  bool new_session = false;
};
Child spawn(const SpawnOptions& options);

// How a process ended. As a shell says it: 128 + signal, else the exit code.
struct Ending {
  int code = 0;
  int signal = 0;
  int shell_code() const { return signal != 0 ? 128 + signal : code; }
};
Ending wait_for(const Fd& pidfd);                 // of a child of ours; blocks
std::optional<Ending> try_wait(const Fd& pidfd);  // nothing while it runs
bool has_ended(const Fd& pidfd);                  // of any process; poll(2)
// Waits until it has ended; false when that took longer. Negative: for ever.
bool wait_ended(const Fd& pidfd, int milliseconds);
void send_signal(const Fd& pidfd, int signal);  // a process that is gone is fine

// A program run to its end with stdin from /dev/null: both outputs together, and how it ended. Never through a shell.
struct Output {
  std::string text;
  Ending ending;
};
Output run_program(const SpawnOptions& options);

// "TERM", "SIGTERM", "15" → 15; nothing for others.
std::optional<int> parse_signal(const std::string& name);
std::string signal_name(int signal);  // "SIGTERM"

// Marks every descriptor from `first` on close-on-exec (close_range(2)).
void close_on_exec_from(int first);

}  // namespace conductor::linux
