#include "builder/layer_tree.hpp"

#include "base/error.hpp"
#include "builder/selection.hpp"
#include "linux/mount.hpp"

#include <fcntl.h>
#include <sys/xattr.h>

#include <array>

namespace conductor::builder {
namespace {

constexpr std::array mount_points{"etc/hosts", "etc/hostname", "etc/resolv.conf", "proc", "sys", "dev"};

bool same_metadata(const struct stat& a, const struct stat& b) {
  return a.st_mode == b.st_mode && a.st_uid == b.st_uid && a.st_gid == b.st_gid;
}

struct stat status_of(const std::string& path) {
  const auto status = linux::RootFd::open(path).status("");
  if (!status) throw base::Error("there is no " + path);
  return *status;
}

// An opaque directory hides what is below it, so it is not nothing even when it is empty.
bool is_opaque(const linux::RootFd& root, const std::string& path) {
  const linux::Fd directory = root.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  char value = 0;
  return fgetxattr(directory.get(), "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

}  // namespace

linux::RootFd open_layers(const std::vector<std::string>& lower) {
  return linux::RootFd(linux::new_overlay({.lower = lower, .upper = {}, .work = {}}));
}

linux::RootFd open_draft(const std::vector<std::string>& lower, const image::LayerDraft& draft) {
  return linux::RootFd(linux::new_overlay({.lower = lower, .upper = draft.upper(), .work = draft.work()}));
}

DraftState::DraftState(const image::LayerDraft& draft) : root_(status_of(draft.upper())) {}

bool DraftState::unchanged(const image::LayerDraft& draft) const {
  const auto root = linux::RootFd::open(draft.upper());
  return root.list("").empty() && same_metadata(root_, status_of(draft.upper()));
}

MountStubs::MountStubs(const std::vector<std::string>& lower) {
  const linux::RootFd tree = open_layers(lower);
  for (const std::string point : mount_points) {
    auto path = canonical_path(tree, point, true);
    while (path && !path->empty()) {
      stubs_.push_back({*path, tree.status(*path)});
      const auto slash = path->rfind('/');
      *path = slash == std::string::npos ? "" : path->substr(0, slash);
    }
  }
}

void MountStubs::remove_from(const image::LayerDraft& draft) const {
  const auto upper = linux::RootFd::open(draft.upper());
  for (const auto& stub : stubs_) {
    const auto status = upper.status(stub.path);
    if (!status) continue;
    if (S_ISREG(status->st_mode)) {
      if (!stub.before && status->st_size == 0) upper.remove(stub.path);
    } else if (S_ISDIR(status->st_mode)) {
      const bool ours = !stub.before || same_metadata(*status, *stub.before);
      if (ours && upper.list(stub.path).empty() && !is_opaque(upper, stub.path)) upper.remove(stub.path);
    }
  }
}

}  // namespace conductor::builder
