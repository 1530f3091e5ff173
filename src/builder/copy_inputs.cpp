#include "builder/copy_inputs.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "builder/cache_key.hpp"
#include "builder/layer_tree.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

namespace conductor::builder {

using base::Error;

// Where one COPY writes: the tree as the step sees it, and its own part of it. Two copiers share it: archives keep the
// owners they have, and their modes are never changed.
struct CopyInputs::Targets {
  linux::RootFd upper;
  std::optional<linux::RootFd> overlay;
  std::optional<Owner> owner;  // --chown

  const linux::RootFd& tree() const { return overlay ? *overlay : upper; }
};

namespace {

constexpr std::int64_t long_copy = 32 << 20, progress_step = 4 << 20;  // bytes

bool changed(const struct stat& a, const struct stat& b) {
  return a.st_ino != b.st_ino || a.st_size != b.st_size || a.st_ctim.tv_sec != b.st_ctim.tv_sec ||
         a.st_ctim.tv_nsec != b.st_ctim.tv_nsec;
}

void require_name(const RemoteSource& remote) {
  if (!remote.git() && remote.name().empty())
    throw Error(base::escape_control(remote.source()) + " names no file").with_hint("name it in the destination");
}

}  // namespace

CopyInputs::CopyInputs(const CopyStep& step, const InputTree& tree, const Outside& outside)
    : step_(step),
      tree_(tree),
      outside_(outside),
      exclude_(exclusion_rules(step.exclude)),
      spool_(std::make_unique<Spool>(outside.locations.temporary())) {
  for (const auto& source : step.sources) {
    if (step.add && is_remote_source(source)) {
      order_.push_back({true, remote_.size()});
      remote_.emplace_back(outside, source, step.checksum, step.keep_git);
      if (step.destination.ends_with('/')) require_name(remote_.back());
    } else {
      order_.push_back({false, selected_.size()});
      selected_.push_back(select_files(tree.root, tree.ignore, source, {exclude_, step.parents}));
    }
  }
  // Two sources may have the same name in the end; then one file replaces the other, and none comes from the spool.
  const bool alone = order_.size() == 1 && !selected_.empty() && selected_.front().size() == 1;
  const bool plain = alone && step.inline_files.empty() && !step.add;
  for (auto& one : selected_) tree.hashes.fill(tree.root, one, plain ? spool_.get() : nullptr);
  for (auto& one : remote_) one.identity();
}

bool CopyInputs::nothing() const {
  return remote_.empty() && step_.inline_files.empty() &&
         std::all_of(selected_.begin(), selected_.end(), [](const auto& one) { return one.empty(); });
}

std::vector<std::string> CopyInputs::unmatched() const {
  std::vector<std::string> result;
  for (std::size_t i = 0; i < order_.size(); ++i)
    if (!order_[i].remote && selected_[order_[i].index].empty()) result.push_back(step_.sources[i]);
  return result;
}

bool CopyInputs::makes_entries() const {
  if (step_.destination != "/" || !remote_.empty() || !step_.inline_files.empty()) return true;
  for (const auto& source : selected_)
    for (const auto& one : source)
      if (!one.directory || one.files.size() > 1) return true;
  return false;
}

std::string CopyInputs::key(const std::string& chain) const {
  std::vector<std::string> identities;
  for (const auto& one : order_)
    if (one.remote) identities.push_back(remote_[one.index].source() + " " + remote_[one.index].known_identity());
  return key_of(step_, chain, selected_, identities);
}

bool CopyInputs::fetch() {
  bool same = true;
  for (auto& one : remote_) {
    const std::string before = one.identity();
    one.fetch();
    same = same && one.identity() == before;
  }
  return same;
}

// Said only when it is much: a few small files are there before anybody reads it.
CopiedBytes CopyInputs::progress() const {
  std::int64_t total = 0;
  for (const auto& source : selected_)
    for (const auto& one : source)
      for (const auto& file : one.files)
        if (S_ISREG(file.status.st_mode)) total += file.status.st_size;
  return [this, total, current = std::int64_t{0}, told = std::int64_t{0}](std::int64_t more) mutable {
    current += more;
    if (current - told < progress_step) return;
    told = current;
    if (outside_.cancellation != nullptr) outside_.cancellation->check();
    if (outside_.progress && total >= long_copy) outside_.progress("copying", current, total);
  };
}

// Several files need a directory to go to.
void CopyInputs::check_names(const linux::RootFd& tree) const {
  std::size_t files = 0;
  for (const auto& source : selected_)
    for (const auto& one : source) files += one.directory ? 0U : 1U;
  if (files < 2 || step_.destination.ends_with('/') || tree.try_open(step_.destination, O_PATH | O_DIRECTORY)) return;
  throw Error("several files are copied to one name").with_hint("end the destination with '/'");
}

void CopyInputs::perform(const std::vector<std::string>& lower, const image::LayerDraft& draft) const {
  Targets targets{linux::RootFd::open(draft.upper()), std::nullopt, std::nullopt};
  if (!lower.empty()) targets.overlay.emplace(open_draft(lower, draft));
  if (!step_.chown.empty()) targets.owner = resolve_owner(targets.tree(), step_.chown);
  check_names(targets.tree());
  const auto keep = keeps_owner(step_) ? std::nullopt : std::optional(Owner{});
  const CopyOrder order{step_.destination, targets.owner ? targets.owner : keep, step_.chmod};
  Copier copier(targets.tree(), targets.upper, order, progress());
  const bool archives = step_.add && step_.unpack.value_or(true);
  for (const auto& source : order_) {
    if (source.remote) {
      copy_remote(targets, remote_[source.index]);
      continue;
    }
    for (const auto& one : selected_[source.index])
      if (!archives || !copy_archive(targets, tree_.root, one.files.front())) copier.copy(tree_.root, one);
  }
  for (const auto& file : step_.inline_files) copier.write(file);
}

void CopyInputs::copy_remote(const Targets& targets, const RemoteSource& remote) const {
  Copier copier(targets.tree(), targets.upper, {step_.destination, targets.owner.value_or(Owner{}), step_.chmod});
  if (remote.git()) {
    for (const auto& one : select_files(remote.root(), {}, "", {exclude_, false})) copier.copy(remote.root(), one);
    return;
  }
  const Selected file = remote.file();
  if (step_.unpack.value_or(false) && copy_archive(targets, remote.root(), file.files.front())) return;
  if (targets.tree().try_open(step_.destination, O_PATH | O_DIRECTORY)) require_name(remote);
  copier.copy(remote.root(), file);
}

// Unpacked files can become the layer's without being copied when nothing of their names is at the destination, and
// that is a directory of the layer itself. False when they cannot; then nothing is moved.
bool CopyInputs::move_all(const Targets& targets, const linux::RootFd& unpacked) const {
  const linux::RootFd& tree = targets.tree();
  const MadeDirectory there = make_directories(tree, step_.destination, Owner{});
  if (targets.overlay && !there.made) return false;
  const auto names = unpacked.list("");
  for (const auto& name : names)
    if (tree.status(there.path + "/" + name)) return false;
  const linux::Fd directory = targets.upper.open(there.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  for (const auto& name : names)
    if (renameat(unpacked.get(), name.c_str(), directory.get(), name.c_str()) != 0)
      throw Error::from_errno("cannot put " + base::escape_control(name) + " into the layer");
  return true;
}

// False when the file is no archive. What is in one goes into the destination, which is a directory then.
bool CopyInputs::copy_archive(const Targets& targets, const linux::RootFd& from, const InputFile& file) const {
  if (!S_ISREG(file.status.st_mode)) return false;
  const linux::Fd archive = from.open(file.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!transfer::is_archive(archive.get())) return false;
  const base::Context context("unpacking " + base::escape_control(file.target));
  const store::TemporaryTree tree(outside_.locations.temporary());
  const linux::RootFd root = linux::RootFd::open(tree.path());
  const auto progress = [&](std::int64_t current, std::int64_t total) {
    if (outside_.progress) outside_.progress("unpacking " + file.target, current, total);
  };
  transfer::unpack(archive.get(), root.get(), {}, progress, outside_.cancellation);
  struct stat after{};
  if (fstat(archive.get(), &after) != 0) throw Error::from_errno("cannot look at the archive");
  if (changed(file.status, after)) throw Error("the archive changed while it was unpacked");
  if (!targets.owner && step_.exclude.empty() && move_all(targets, root)) return true;
  Copier copier(targets.tree(), targets.upper, {step_.destination, targets.owner, std::nullopt});
  for (const auto& one : select_files(root, {}, "", {exclude_, false})) copier.copy(root, one);
  return true;
}

}  // namespace conductor::builder
