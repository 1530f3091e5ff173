#include "monitor/extra_mounts.hpp"

#include "base/error.hpp"
#include "linux/mount.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

namespace conductor::monitor {
namespace {

using base::Error;
using linux::Fd;

std::uint64_t attributes_of(const Mount& mount) {
  std::uint64_t attributes = 0;
  if (mount.read_only) attributes |= MOUNT_ATTR_RDONLY;
  if (!mount.allow_devices) attributes |= MOUNT_ATTR_NODEV;
  if (!mount.allow_setuid) attributes |= MOUNT_ATTR_NOSUID;
  if (!mount.allow_exec) attributes |= MOUNT_ATTR_NOEXEC;
  return attributes;
}

std::uint64_t propagation_of(const Mount& mount) {
  return mount.propagation == 0 ? std::uint64_t{MS_PRIVATE} : mount.propagation;
}

Fd new_tree(const Mount& mount) {
  std::vector<std::pair<std::string, std::string>> options;
  for (const auto& option : mount.options) options.emplace_back(option.key, option.value);
  Fd tree = linux::new_filesystem(mount.type, options, attributes_of(mount));
  linux::set_propagation(tree.get(), propagation_of(mount), false);
  return tree;
}

// Looks at what was opened, not at its name: a link of the image may lead there as well.
void refuse_kernel_interfaces(const Fd& target) {
  struct statfs found{};
  if (fstatfs(target.get(), &found) != 0) throw Error::from_errno("cannot look at the mount point");
  switch (static_cast<unsigned long>(found.f_type)) {
    case PROC_SUPER_MAGIC:
    case SYSFS_MAGIC:
    case CGROUP_SUPER_MAGIC:
    case CGROUP2_SUPER_MAGIC:
      throw Error("nothing may be mounted on or below /proc and /sys");
    default:
      break;
  }
}

bool is_below(const std::string& path, const std::string& directory) {
  return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

bool is_directory(const Fd& fd) {
  struct stat found{};
  if (fstat(fd.get(), &found) != 0) throw Error::from_errno("cannot look at what is mounted");
  return S_ISDIR(found.st_mode);
}

}  // namespace

bool is_bind(const Mount& mount) { return mount.type.empty() && !mount.tree && !mount.content; }

void set_attributes_of(const Mount& mount, const Fd& tree) {
  linux::set_attributes(tree.get(), attributes_of(mount), mount.recursive);
  linux::set_propagation(tree.get(), propagation_of(mount), mount.recursive);
}

Fd bind_tree(const Mount& mount, const Fd* users) {
  const base::Context context("mount on " + mount.target);
  if (!mount.source.starts_with('/')) throw Error("'" + mount.source + "' is not an absolute path");
  Fd tree = linux::clone_tree(linux::open_file(mount.source, O_PATH).get(), mount.recursive);
  const base::Context source(mount.source);
  if (users != nullptr) linux::map_ids(tree.get(), *users, mount.recursive);
  set_attributes_of(mount, tree);
  return tree;
}

void mount_extra(const linux::RootFd& root, const Mount& mount, Fd tree) {
  const base::Context context("mount on " + mount.target);
  if (!mount.target.starts_with('/')) throw Error("the target is not an absolute path");
  if (is_below(mount.target, "/proc") || is_below(mount.target, "/sys"))
    throw Error("nothing may be mounted on or below /proc and /sys");
  if (!tree) tree = new_tree(mount);
  const Fd target = is_directory(tree) ? root.make_directories(mount.target) : root.make_file(mount.target);
  refuse_kernel_interfaces(target);
  linux::attach(tree.get(), target.get());
}

}  // namespace conductor::monitor
