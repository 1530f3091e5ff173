#include "transfer/program/confine.hpp"

#include "base/error.hpp"
#include "linux/mount.hpp"
#include "linux/root_fd.hpp"
#include "linux/seccomp.hpp"
#include "transfer/protocol.hpp"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

namespace conductor::transfer::program {
namespace {

using base::Error;
using linux::Fd;

constexpr uid_t nobody = 65534;

void limit(__rlimit_resource resource, std::uint64_t value) {
  rlimit present{};
  if (getrlimit(resource, &present) != 0) throw Error::from_errno("cannot read a resource limit");
  const rlim_t wanted = std::min<rlim_t>(value, present.rlim_max);
  const rlimit limits{wanted, wanted};
  if (setrlimit(resource, &limits) != 0) throw Error::from_errno("cannot set a resource limit");
}

}  // namespace

void end_with_parent() {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  // Who started us may have ended before; then its end of the socket is closed.
  pollfd control{control_descriptor, 0, 0};
  if (poll(&control, 1, 0) == 1) _exit(base::exit_error);
}

void set_limits(const Limits& limits) {
  constexpr std::uint64_t descriptors = 256;
  std::signal(SIGXFSZ, SIG_IGN);  // EFBIG instead
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_NOFILE, descriptors);
  if (limits.file_size != 0) limit(RLIMIT_FSIZE, limits.file_size);
  if (limits.seconds != 0) limit(RLIMIT_CPU, limits.seconds);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which take address space by the terabyte
  if (limits.address_space != 0) limit(RLIMIT_AS, limits.address_space);
#endif
}

void enter_namespaces(int flags) {
  if (unshare(flags | CLONE_NEWNS) != 0) throw Error::from_errno("cannot make namespaces");
  linux::make_mounts_private();
}

void enter_root(const Fd& tree) {
  // On top of the root itself, so that no directory of the host is needed to put it on.
  linux::attach(tree.get(), linux::open_file("/", O_PATH | O_DIRECTORY).get());
  linux::pivot_to(tree.get());
}

Fd make_small_root(const std::vector<std::pair<std::string, std::string>>& files) {
  Fd tree = linux::new_filesystem("tmpfs", {{"mode", "0755"}, {"size", "4m"}, {"nr_inodes", "64"}},
                                  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  const linux::RootFd root(tree.duplicate());
  for (const auto& [path, content] : files) root.write_file(path, content);
  linux::set_attributes(tree.get(), MOUNT_ATTR_RDONLY, false);
  return tree;
}

void become_nobody() {
  linux::limit_bounding_set(0);
  if (setgroups(0, nullptr) != 0) throw Error::from_errno("cannot set the groups");
  if (setresgid(nobody, nobody, nobody) != 0) throw Error::from_errno("cannot set the group");
  if (setresuid(nobody, nobody, nobody) != 0) throw Error::from_errno("cannot set the user");
  linux::set_capabilities(0);
  end_with_parent();
}

void keep_capabilities(linux::CapabilitySet set) {
  linux::limit_bounding_set(set);
  if (setgroups(0, nullptr) != 0) throw Error::from_errno("cannot set the groups");
  linux::set_capabilities(set);
}

void install(const std::string& filter) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) throw Error::from_errno("cannot give up new privileges");
  linux::install_filter(filter);
}

}  // namespace conductor::transfer::program
