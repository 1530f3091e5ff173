#include "monitor/confine.hpp"

#include "base/error.hpp"
#include "linux/capabilities.hpp"
#include "linux/mount.hpp"
#include "linux/process.hpp"
#include "linux/root_fd.hpp"
#include "linux/seccomp.hpp"
#include "monitor/program.hpp"
#include "monitor/users.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string_view>

namespace conductor::monitor {
namespace {

using base::Error;

constexpr int first_signal = 1;
constexpr int last_signal = 64;

void reset_signals() {
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  for (int signal = first_signal; signal <= last_signal; ++signal)
    if (signal != SIGKILL && signal != SIGSTOP) sigaction(signal, &action, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

void place_streams(const ProcessStreams& streams, bool terminal) {
  for (int i = 0; i < 3; ++i)
    if (dup2(streams.fd[static_cast<std::size_t>(i)].get(), i) < 0) throw Error::from_errno("cannot place a stream");
  setsid();  // refused to a process that leads a session already
  if (terminal && ioctl(STDIN_FILENO, TIOCSCTTY, 0) != 0) throw Error::from_errno("cannot take the terminal");
}

// Keys of the starter's session are not for a container. A kernel without keys or without room has nothing to share.
void leave_keyring() {
  if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0 && errno != ENOSYS && errno != EDQUOT &&
      errno != EPERM)
    throw Error::from_errno("cannot join a new session keyring");
}

// The label that counts from the execution on. It is written through a proc file system made for that, because what
// stands on /proc may have been in the hands of the container, and read back, because a write alone proves nothing.
void apply_apparmor(const std::string& profile) {
  if (profile.empty()) return;
  const base::Context context("AppArmor profile " + profile);
  const linux::RootFd proc(linux::new_filesystem("proc", {}));
  const std::string path = std::to_string(getpid()) + "/attr/apparmor/exec";
  linux::write_all(proc.open(path, O_WRONLY | O_NOFOLLOW).get(), "exec " + profile);
  const std::string label = linux::read_all(proc.open(path, O_RDONLY | O_NOFOLLOW).get());
  if (label.substr(0, label.find_first_of(" \n")) != profile) throw Error("the kernel did not take it");
}

// A limit that may not be raised (no CAP_SYS_RESOURCE) stays where it is.
void limit_resource(const ResourceLimit& limit) {
  const auto resource = static_cast<__rlimit_resource>(limit.resource);
  rlimit wanted{limit.soft, limit.hard};
  if (setrlimit(resource, &wanted) == 0) return;
  rlimit present{};
  if (errno != EPERM || getrlimit(resource, &present) != 0) throw Error::from_errno("cannot set a resource limit");
  wanted.rlim_max = std::min(wanted.rlim_max, present.rlim_max);
  wanted.rlim_cur = std::min(wanted.rlim_cur, wanted.rlim_max);
  if (setrlimit(resource, &wanted) != 0) throw Error::from_errno("cannot set a resource limit");
}

// The kernel names a directory that lies outside the root "(unreachable)/…".
void enter_directory(const linux::RootFd& root, const std::string& path) {
  const base::Context context("working directory " + path);
  const linux::Fd directory = root.make_directories(path.empty() ? "/" : path);
  if (fchdir(directory.get()) != 0) throw Error::from_errno("cannot enter it");
  char name[4096];
  if (syscall(SYS_getcwd, name, sizeof name) < 0) throw Error::from_errno("cannot name it");
  if (name[0] != '/') throw Error("it lies outside the container");
}

void give_streams(const ProcessStreams& streams, std::uint32_t uid) {
  for (int i = 0; i < 3; ++i)
    if (streams.ours[static_cast<std::size_t>(i)] && fchown(i, uid, static_cast<gid_t>(-1)) != 0)
      throw Error::from_errno("cannot give a stream to the user");
}

void become(const Identity& identity) {
  if (setgroups(identity.groups.size(), identity.groups.data()) != 0) throw Error::from_errno("cannot set the groups");
  if (setresgid(identity.gid, identity.gid, identity.gid) != 0) throw Error::from_errno("cannot set the group");
  if (setresuid(identity.uid, identity.uid, identity.uid) != 0) throw Error::from_errno("cannot set the user");
}

}  // namespace

void hide_from_tracers() { prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

void confine_and_execute(const Process& process, const ProcessStreams& streams) {
  hide_from_tracers();
  reset_signals();
  place_streams(streams, process.terminal);
  leave_keyring();
  for (const auto& limit : process.limits) limit_resource(limit);

  const linux::RootFd root = linux::RootFd::open("/");
  const Identity identity = identify_user(process.user, root);
  umask(022);
  enter_directory(root, process.working_directory);
  if (identity.uid != 0) give_streams(streams, identity.uid);

  apply_apparmor(process.apparmor);
  linux::limit_bounding_set(process.capabilities);
  if (process.no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    throw Error::from_errno("cannot give up new privileges");
  // Without no_new_privs the filter needs a right that is about to go; what follows is in every list of allowed calls.
  if (!process.no_new_privileges) linux::install_filter(process.filter);
  become(identity);
  linux::set_capabilities(process.capabilities);
  hide_from_tracers();  // a change of user sets it anew

  const Program program = find_program(process.arguments, complete_environment(process, identity.home));
  linux::close_on_exec_from(STDERR_FILENO + 1);
  if (process.no_new_privileges) linux::install_filter(process.filter);
  execute(program);
}

}  // namespace conductor::monitor
