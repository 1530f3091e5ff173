#include "engine/build_mounts.hpp"

#include "base/error.hpp"
#include "store/records.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>

namespace conductor::engine {

namespace {

using base::Error;
using Kind = BuildMount::Kind;

// The upper directory's attributes are those of the overlay's top, so they are taken from the directory it is laid on.
void take_attributes(int source, const std::string& upper) {
  struct stat found{};
  if (fstat(source, &found) != 0) throw Error::from_errno("cannot look at the source of a mount");
  if (chown(upper.c_str(), found.st_uid, found.st_gid) != 0 || chmod(upper.c_str(), found.st_mode & 07777U) != 0)
    throw Error::from_errno("cannot set the owner of " + upper);
}

monitor::SentTree sent_tree(const BuildMount& mount, int number, const std::string& directory) {
  monitor::SentTree tree;
  tree.number = number;
  tree.inside = mount.inside;
  tree.above = mount.above;
  if (mount.kind != Kind::overlay || mount.read_only) return tree;
  tree.upper = directory + "/upper";
  tree.work = directory + "/work";
  for (const auto& path : {tree.upper, tree.work}) store::make_directory(path);
  take_attributes(mount.source, tree.upper);
  return tree;
}

monitor::Mount tmpfs(const BuildMount& mount) {
  char mode[16];
  std::snprintf(mode, sizeof mode, "%o", mount.mode);
  monitor::Mount result;
  result.type = "tmpfs";
  result.options = {{"mode", mode}};
  if (mount.size > 0) result.options.push_back({"size", std::to_string(mount.size)});
  return result;
}

// Nothing when there is none.
std::optional<struct statx> look(const linux::RootFd& root, const std::string& path) {
  const auto file = root.try_open(path, O_PATH | O_NOFOLLOW);
  if (!file) return std::nullopt;
  struct statx found{};
  if (statx(file->get(), "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &found) != 0)
    throw Error::from_errno("cannot look at " + path);
  return found;
}

bool same_time(const statx_timestamp& a, const statx_timestamp& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

// A number that was given out again belongs to a file with another time of birth, where the file system keeps one.
bool same_file(const struct statx& a, const struct statx& b) {
  return a.stx_ino == b.stx_ino && same_time(a.stx_btime, b.stx_btime);
}

bool same_attributes(const struct statx& a, const struct statx& b) {
  return a.stx_mode == b.stx_mode && a.stx_uid == b.stx_uid && a.stx_gid == b.stx_gid;
}

bool is_directory(const struct statx& status) { return S_ISDIR(status.stx_mode); }

}  // namespace

StepMounts step_mounts(const std::vector<BuildMount>& mounts, const std::string& directory) {
  StepMounts result;
  std::vector<const BuildMount*> ordered;
  ordered.reserve(mounts.size());
  for (const auto& mount : mounts) ordered.push_back(&mount);
  std::stable_sort(ordered.begin(), ordered.end(), [](const auto* a, const auto* b) { return a->target < b->target; });
  for (const auto* mount : ordered) {
    const int number = static_cast<int>(result.sent.size());
    monitor::Mount made;
    if (mount->kind == Kind::tmpfs)
      made = tmpfs(*mount);
    else if (mount->kind == Kind::content)
      made.content = monitor::SentContent{number, mount->uid, mount->gid, mount->mode};
    else
      made.tree = sent_tree(*mount, number, directory + "/" + std::to_string(number));
    if (mount->kind != Kind::tmpfs) result.sent.push_back(mount->source);
    made.target = mount->target;
    made.read_only = mount->read_only || mount->kind == Kind::content;
    result.mounts.push_back(std::move(made));
  }
  return result;
}

Stubs::Stubs(const std::string& upper, std::vector<std::string> lower)
    : upper_(linux::RootFd::open(upper)), lower_(std::move(lower)) {
  note("");
}

void Stubs::note(const std::string& directory) {
  for (const auto& name : upper_.list(directory)) {
    const std::string path = directory.empty() ? name : directory + "/" + name;
    const auto found = look(upper_, path);
    if (!found) continue;
    stubs_.push_back({path, *found});
    if (is_directory(*found)) note(path);
  }
}

void Stubs::remove() const {
  // Looked at before anything is taken away, which changes the times of directories.
  std::vector<std::optional<struct statx>> now;
  now.reserve(stubs_.size());
  for (const auto& stub : stubs_) now.push_back(look(upper_, stub.path));
  for (std::size_t i = stubs_.size(); i-- > 0;) {
    // Whatever the step has put in its place, or a link on the way leads to, is another file.
    const Stub& stub = stubs_[i];
    if (!now[i] || !same_file(*now[i], stub.status) || !same_attributes(*now[i], stub.status)) continue;
    const bool directory = is_directory(*now[i]);
    const bool same = same_time(now[i]->stx_mtime, stub.status.stx_mtime);
    if (directory ? upper_.list(stub.path).empty() : now[i]->stx_size == 0 && same)
      upper_.remove(stub.path);
    else if (directory && same)
      restore_time(stub);
  }
}

void Stubs::restore_time(const Stub& stub) const {
  for (const auto& layer : lower_) {
    const auto below = linux::RootFd::open(layer).status(stub.path);
    if (!below) continue;
    const timespec times[2] = {{0, UTIME_OMIT}, below->st_mtim};
    const linux::Fd directory = upper_.open(stub.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (S_ISDIR(below->st_mode) && futimens(directory.get(), times) != 0)
      throw Error::from_errno("cannot set the time of " + stub.path);
    return;
  }
}

}  // namespace conductor::engine
