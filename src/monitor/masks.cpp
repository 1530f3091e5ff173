#include "monitor/masks.hpp"

#include "base/error.hpp"
#include "linux/mount.hpp"
#include "monitor/devices.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

namespace conductor::monitor {
namespace {

using linux::Fd;

// One file system for all masked directories: the first takes it, the others get copies of that mount.
class EmptyDirectory {
 public:
  void put_on(const Fd& target) {
    if (tree_) return linux::attach(linux::clone_tree(tree_.get(), false).get(), target.get());
    tree_ = linux::new_filesystem("tmpfs", {{"nr_blocks", "1"}, {"nr_inodes", "2"}, {"mode", "555"}},
                                  MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    linux::attach(tree_.get(), target.get());
  }

 private:
  Fd tree_;
};

}  // namespace

void hide_paths(const linux::RootFd& root, const std::vector<std::string>& masked,
                const std::vector<std::string>& read_only) {
  EmptyDirectory empty;
  Fd null;
  for (const auto& path : masked) {
    const base::Context context("masking " + path);
    const auto target = root.try_open(path, O_PATH | O_NOFOLLOW);
    if (!target) continue;
    struct stat found{};
    if (fstat(target->get(), &found) != 0) throw base::Error::from_errno("cannot look at it");
    if (S_ISDIR(found.st_mode)) {
      empty.put_on(*target);
    } else {
      if (!null) null = open_null_device();
      linux::attach(linux::clone_tree(null.get(), false).get(), target->get());
    }
  }
  for (const auto& path : read_only) {
    const base::Context context("making " + path + " read-only");
    const auto target = root.try_open(path, O_PATH | O_NOFOLLOW);
    if (!target) continue;
    const Fd tree = linux::clone_tree(target->get(), true);
    linux::set_attributes(tree.get(), MOUNT_ATTR_RDONLY, true);
    linux::attach(tree.get(), target->get());
  }
}

}  // namespace conductor::monitor
