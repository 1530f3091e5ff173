#include "monitor/rootfs.hpp"

#include "base/error.hpp"
#include "linux/mount.hpp"
#include "linux/namespaces.hpp"
#include "monitor/devices.hpp"
#include "monitor/extra_mounts.hpp"
#include "monitor/masks.hpp"
#include "monitor/standard_mounts.hpp"
#include "monitor/sysctls.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

namespace conductor::monitor {
namespace {

using base::Error;
using linux::Fd;
using linux::RootFd;

constexpr std::uint64_t inert = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

// It sits on `place` for the moment between here and pivot_root, which needs a mount of this namespace.
RootFd mount_root(Fd overlay, const Fd& place) {
  const base::Context context("root file system");
  linux::attach(overlay.get(), place.get());
  return RootFd(std::move(overlay));
}

Fd mount_proc(const RootFd& root) {
  const base::Context context("/proc");
  Fd proc = linux::new_filesystem("proc", {}, inert);
  linux::attach(proc.get(), open_mount_point(root, "/proc").get());
  return proc;
}

// With a network namespace of its own the container sees its own interfaces below /sys; in the host's it gets a copy of
// the host's mount.
void mount_sys(const RootFd& root, Fd copy, const LaunchSpec& spec) {
  const base::Context context("/sys");
  const Fd sys = copy ? std::move(copy) : linux::new_filesystem("sysfs", {}, sys_attributes(spec));
  linux::attach(sys.get(), open_mount_point(root, "/sys").get());
}

// The container's own group of every hierarchy, where a program expects the hierarchy's top; what it shows agrees with
// the cgroup namespace.
void mount_cgroups(const RootFd& root, const std::vector<GroupCopy>& groups, const LaunchSpec& spec) {
  const base::Context context("/sys/fs/cgroup");
  const Fd point = root.open("/sys/fs/cgroup", O_PATH | O_DIRECTORY | O_NOFOLLOW);
  const std::uint64_t attributes = inert | (spec.privileged ? 0 : MOUNT_ATTR_RDONLY);
  if (spec.cgroup_unified) {
    const Fd& tree = groups.front().tree;
    linux::set_attributes(tree.get(), attributes, false);
    return linux::attach(tree.get(), point.get());
  }
  const Fd top = linux::new_filesystem("tmpfs", {{"mode", "755"}, {"size", "4k"}, {"nr_inodes", "64"}}, inert);
  linux::attach(top.get(), point.get());
  for (const auto& group : groups)
    linux::attach(group.tree.get(), make_subdirectory(top.get(), group.hierarchy.c_str()).get());
  linux::set_attributes(top.get(), attributes, true);
}

void set_names(const LaunchSpec& spec) {
  if (!spec.hostname.empty()) linux::set_hostname(spec.hostname);
  const std::string& domain = spec.host_name_domain;
  if (!domain.empty() && setdomainname(domain.data(), domain.size()) != 0)
    throw Error::from_errno("cannot set the domain name");
}

}  // namespace

Fd open_mount_point(const RootFd& root, const std::string& path) {
  const auto found = root.status(path);
  if (!found) return root.make_directories(path);
  if (!S_ISDIR(found->st_mode)) throw Error(path + " of the image is not a directory");
  return root.open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW);
}

Fd make_subdirectory(int parent, const char* name, mode_t mode) {
  if (mkdirat(parent, name, mode) != 0) throw Error::from_errno(std::string("cannot make the directory ") + name);
  return linux::open_at(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
}

std::uint64_t sys_attributes(const LaunchSpec& spec) { return inert | (spec.privileged ? 0 : MOUNT_ATTR_RDONLY); }

std::optional<linux::Terminal> enter_root(const LaunchSpec& spec, RootParts parts, const Fd& place) {
  const RootFd root = mount_root(std::move(parts.root), place);
  const Fd proc = mount_proc(root);
  auto terminal = mount_devices(root, spec);
  mount_sys(root, std::move(parts.sys), spec);
  if (!parts.groups.empty()) mount_cgroups(root, parts.groups, spec);
  for (std::size_t i = 0; i < spec.mounts.size(); ++i) mount_extra(root, spec.mounts[i], std::move(parts.mounts[i]));
  if (!spec.process.working_directory.empty()) root.make_directories(spec.process.working_directory);
  write_sysctls(proc, spec.sysctls, spec.network == NetworkNamespace::own);
  hide_paths(root, spec.masked_paths, spec.read_only_paths);
  if (spec.read_only_root) linux::set_attributes(root.get(), MOUNT_ATTR_RDONLY, false);
  set_names(spec);
  linux::pivot_to(root.get());
  return terminal;
}

}  // namespace conductor::monitor
