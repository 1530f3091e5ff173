#include "builder/layer_tree.hpp"

#include "base/error.hpp"
#include "linux/mount.hpp"

namespace conductor::builder {
namespace {

bool same_metadata(const struct stat& a, const struct stat& b) {
  return a.st_mode == b.st_mode && a.st_uid == b.st_uid && a.st_gid == b.st_gid;
}

struct stat status_of(const std::string& path) {
  const auto status = linux::RootFd::open(path).status("");
  if (!status) throw base::Error("there is no " + path);
  return *status;
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

}  // namespace conductor::builder
