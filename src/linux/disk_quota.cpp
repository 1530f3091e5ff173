#include "linux/disk_quota.hpp"

#include "base/error.hpp"

#include <linux/btrfs.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/quota.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace conductor::linux {
namespace {

using base::Error;

constexpr int project_quota = 2;            // PRJQUOTA
constexpr ino_t subvolume_number = 256;     // BTRFS_FIRST_FREE_OBJECTID
constexpr std::int64_t quota_block = 1024;  // what quotas are counted in, QIF_DQBLKSIZE

Error not_possible(const std::string& why) {
  return Error("this file system cannot bound what a directory takes: " + why)
      .with_hint("btrfs can, and xfs and ext4 that are mounted with prjquota");
}

void set_project(const Fd& directory, std::uint32_t project) {
  fsxattr attributes{};
  if (ioctl(directory.get(), FS_IOC_FSGETXATTR, &attributes) != 0) throw not_possible(std::strerror(errno));
  attributes.fsx_projid = project;
  attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
  if (ioctl(directory.get(), FS_IOC_FSSETXATTR, &attributes) != 0) throw not_possible(std::strerror(errno));
}

// False and errno when it is refused.
bool set_project_limit(const Fd& directory, std::uint32_t project, std::int64_t bytes) {
  dqblk limits{};
  limits.dqb_valid = QIF_BLIMITS;
  limits.dqb_bhardlimit = static_cast<std::uint64_t>((bytes + quota_block - 1) / quota_block);
  limits.dqb_bsoftlimit = limits.dqb_bhardlimit;
  return syscall(SYS_quotactl_fd, directory.get(), QCMD(Q_SETQUOTA, project_quota), project, &limits) == 0;
}

void limit_subvolume(const Fd& directory, std::int64_t bytes) {
  btrfs_ioctl_quota_ctl_args on{};
  on.cmd = BTRFS_QUOTA_CTL_ENABLE;
  if (ioctl(directory.get(), BTRFS_IOC_QUOTA_CTL, &on) != 0 && errno != EEXIST)
    throw not_possible(std::strerror(errno));
  btrfs_ioctl_qgroup_limit_args limits{};  // of the group 0, which is the subvolume's own
  limits.lim.flags = BTRFS_QGROUP_LIMIT_MAX_RFER;
  limits.lim.max_rfer = static_cast<std::uint64_t>(bytes);
  if (ioctl(directory.get(), BTRFS_IOC_QGROUP_LIMIT, &limits) != 0) throw not_possible(std::strerror(errno));
}

}  // namespace

bool is_on_btrfs(const Fd& directory) {
  struct statfs found{};
  if (fstatfs(directory.get(), &found) != 0) throw Error::from_errno("cannot look at a file system");
  return static_cast<unsigned long>(found.f_type) == BTRFS_SUPER_MAGIC;
}

void make_subvolume(const Fd& parent, const std::string& name) {
  btrfs_ioctl_vol_args wanted{};
  if (name.size() >= sizeof wanted.name) throw Error("too long for the name of a subvolume: " + name);
  std::memcpy(wanted.name, name.data(), name.size());
  if (ioctl(parent.get(), BTRFS_IOC_SUBVOL_CREATE, &wanted) != 0)
    throw Error::from_errno("cannot make the subvolume " + name);
}

bool is_subvolume(const Fd& directory) {
  struct stat found{};
  if (fstat(directory.get(), &found) != 0) throw Error::from_errno("cannot look at a directory");
  return found.st_ino == subvolume_number && is_on_btrfs(directory);
}

void limit_directory(const Fd& directory, std::uint32_t project, std::int64_t bytes) {
  if (is_on_btrfs(directory)) return limit_subvolume(directory, bytes);
  set_project(directory, project);
  if (!set_project_limit(directory, project, bytes))
    throw not_possible(errno == ESRCH ? "project quotas are off" : std::strerror(errno));
}

void forget_limit(const Fd& directory, std::uint32_t project) {
  if (!is_on_btrfs(directory) && !set_project_limit(directory, project, 0) && errno != ESRCH)
    throw Error::from_errno("cannot take a bound back");
}

}  // namespace conductor::linux
