#include "monitor/joined_process.hpp"

#include "base/error.hpp"
#include "linux/cgroup.hpp"
#include "linux/root_fd.hpp"
#include "linux/user_namespace.hpp"
#include "monitor/channel.hpp"
#include "monitor/user_ids.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>
#include <exception>
#include <vector>

namespace conductor::monitor {
namespace {

using base::Error;
using linux::Fd;

// All but the user namespace, which not every container has for itself, and the cgroup namespace: version 2 lets nobody
// in it bring a process in from outside, so that one comes last.
constexpr int namespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET;

void enter(const linux::Fd& container, int kinds) {
  if (setns(container.get(), kinds) != 0) throw base::Error::from_errno("cannot enter the container");
}

// Opened while the host's file system is in sight; the process itself writes to them.
struct CgroupEntrance {
  std::vector<Fd> tasks;  // version 1
  Fd directory;           // version 2: to be cloned into
};

CgroupEntrance open_cgroup(const std::string& path) {
  CgroupEntrance entrance;
  if (path.empty()) return entrance;
  const linux::Cgroup group(path);
  if (linux::cgroup_v2_only())
    entrance.directory = linux::open_file(group.directories().at(0), O_PATH | O_DIRECTORY);
  else
    for (const auto& file : group.join_files()) entrance.tasks.push_back(linux::open_file(file, O_WRONLY));
  return entrance;
}

// Inherited by the process. As for the first one: the usual score may be below ours, and out of reach.
void set_oom_score(int score) {
  try {
    linux::write_kernel_file("/proc/self/oom_score_adj", std::to_string(score));
  } catch (const Error& e) {
    if (score != 0 || (e.code() != EACCES && e.code() != EPERM)) throw;
  }
}

}  // namespace

linux::Terminal open_container_terminal(pid_t container) {
  const base::Context context("terminal of the container");
  const auto root = linux::RootFd::open("/proc/" + std::to_string(container) + "/root");
  const Fd pts = root.open("/dev/pts", O_PATH | O_DIRECTORY | O_NOFOLLOW);
  struct statfs found{};
  if (fstatfs(pts.get(), &found) != 0) throw Error::from_errno("cannot look at /dev/pts");
  if (found.f_type != DEVPTS_SUPER_MAGIC) throw Error("/dev/pts of the container is no devpts");
  // A terminal belongs to whoever opens it, and its owner has to be one of the container's.
  struct stat root_inside{};
  if (fstat(pts.get(), &root_inside) != 0) throw Error::from_errno("cannot look at /dev/pts");
  const linux::FileIds ids({root_inside.st_uid, root_inside.st_gid});
  return linux::open_terminal("/proc/self/fd/" + std::to_string(pts.get()) + "/ptmx");
}

linux::Child start_joined_process(const ExecSpec& spec, const Fd& container, Fd channel, ProcessStreams streams) {
  hide_from_tracers();
  set_oom_score(spec.process.oom_score_adjust);
  const CgroupEntrance entrance = open_cgroup(spec.cgroup);
  const bool own_users = has_own_ids(spec.container.pid);
  if (own_users) {
    give_streams_to(streams, linux::root_ids_of(spec.container.pid));
    raise_hard_limits(spec.process.limits);
  }
  enter(container, namespaces | (own_users ? CLONE_NEWUSER : 0));
  const auto body = [&] {
    try {
      for (const auto& tasks : entrance.tasks) linux::write_all(tasks.get(), "0");
      enter(container, CLONE_NEWCGROUP);
      if (own_users) linux::become_root_inside();
      confine_and_execute(spec.process, streams);
    } catch (const std::exception& failure) {
      return report_failure(channel.get(), failure);
    }
  };
  return linux::clone_child(0, body, entrance.directory.get());
}

}  // namespace conductor::monitor
