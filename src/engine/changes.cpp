#include "engine/changes.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "engine/directory.hpp"
#include "engine/launch.hpp"
#include "engine/state.hpp"
#include "image/tree_entries.hpp"
#include "linux/mount.hpp"
#include "linux/root_fd.hpp"
#include "volume/copy_tree.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>

namespace conductor::engine {

namespace {

using linux::Fd;

bool same_time(const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

bool same_directory(const struct stat& a, const struct stat& b) {
  return a.st_mode == b.st_mode && a.st_uid == b.st_uid && a.st_gid == b.st_gid && same_time(a.st_mtim, b.st_mtim);
}

// Where something is mounted in a container, by path without the first "/", and all directories on the way there.
class MountPoints {
 public:
  explicit MountPoints(const Container& container) {
    for (const char* path : {"/proc", "/sys", "/dev", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"}) add(path);
    for (const auto& mount : container.config.mounts) add(mount.target);
    for (const auto& file : container.config.files) add(file.target);
  }
  bool contains(const std::string& path) const { return points_.contains(path); }
  bool leads_to_one(const std::string& path) const { return parents_.contains(path); }

 private:
  std::set<std::string> points_, parents_;

  void add(const std::string& target) {
    std::string path;
    for (const auto& name : base::split(target, '/')) {
      if (name.empty() || name == ".") continue;
      if (!path.empty()) parents_.insert(path);
      path += (path.empty() ? "" : "/") + name;
    }
    points_.insert(path);
  }
};

// Walks the writable layer beside the image below it.
class Comparison {
 public:
  Comparison(const Container& container, std::optional<linux::RootFd> lower)
      : points_(container), lower_(std::move(lower)) {}

  std::vector<Change> run(const std::string& upper) {
    below(linux::open_file(upper, O_RDONLY | O_DIRECTORY), "");
    std::sort(changes_.begin(), changes_.end(), [](const Change& a, const Change& b) { return a.path < b.path; });
    return std::move(changes_);
  }

 private:
  MountPoints points_;
  std::optional<linux::RootFd> lower_;
  std::vector<Change> changes_;

  std::optional<struct stat> before(const std::string& path) const {
    return lower_ ? lower_->status(path) : std::nullopt;
  }
  void add(ChangeKind kind, const std::string& path) { changes_.push_back({kind, "/" + path}); }

  void below(const Fd& directory, const std::string& path) {
    if (image::attributes_of(directory).opaque) add_hidden(directory, path);
    for (const auto& [name, type] : image::read_names(directory)) {
      const std::string inner = path.empty() ? name : path + "/" + name;
      const Fd seen(openat(directory.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
      if (seen && !points_.contains(inner)) compare(seen, inner);
    }
  }

  void compare(const Fd& seen, const std::string& path) {
    const struct stat now = image::status_of(seen);
    const auto then = before(path);
    if (image::is_whiteout(now)) {
      if (then) add(ChangeKind::removed, path);
      return;
    }
    const bool is_directory = S_ISDIR(now.st_mode);
    const std::size_t known = changes_.size();
    if (is_directory) below(linux::open_at(seen.get(), ".", O_RDONLY | O_DIRECTORY), path);
    // Made, or touched, for the sake of a mount.
    if (is_directory && points_.leads_to_one(path) && changes_.size() == known) return;
    if (!then)
      add(ChangeKind::added, path);
    else if (!is_directory || !S_ISDIR(then->st_mode) || !same_directory(now, *then))
      add(ChangeKind::changed, path);
  }

  // Of a directory that was made anew where the image has one, what is not there any more.
  void add_hidden(const Fd& directory, const std::string& path) {
    if (const auto then = before(path); !then || !S_ISDIR(then->st_mode)) return;
    for (const auto& name : lower_->list(path)) {
      struct stat found{};
      if (fstatat(directory.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0)
        add(ChangeKind::removed, path + "/" + name);
    }
  }
};

image::Image image_of(const Container& container) {
  image::Image image;
  image.layers = container.layers;
  return image;
}

// What the process was started with, for those who start the image.
image::Config config_of(const Container& container) {
  const auto& own = container.config;
  image::Config config = container.image_config;
  if (own.entrypoint) config.entrypoint = own.entrypoint;
  if (own.command || own.entrypoint) config.cmd = own.command;
  for (const auto& variable : own.environment) {
    const auto name = variable.substr(0, variable.find('=') + 1);
    std::erase_if(config.env, [&](const std::string& other) { return other.starts_with(name); });
    config.env.push_back(variable);
  }
  if (!own.user.empty()) config.user = own.user;
  if (!own.working_directory.empty()) config.working_dir = own.working_directory;
  if (!own.stop_signal.empty()) config.stop_signal = own.stop_signal;
  for (const auto& [name, value] : own.labels) config.labels[name] = value;
  return config;
}

}  // namespace

std::vector<Change> changes_of(Engine& engine, const Container& container) {
  const auto lower = engine.images().lower_directories(image_of(container));
  std::optional<linux::RootFd> root;
  if (!lower.empty())
    root.emplace(linux::new_overlay({.lower = lower, .upper = {}, .work = {}}, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV));
  return Comparison(container, std::move(root)).run(upper_directory(engine.locations(), container.id));
}

image::Image commit(Engine& engine, const Container& container, const Commit& wanted,
                    const std::vector<image::Reference>& names) {
  const base::Context context("committing container " + container.config.name);
  image::LayerDraft draft(engine.locations());
  {
    std::optional<runtime::Frozen> frozen;
    if (wanted.pause) frozen.emplace(engine.runtime().freeze(container.id));
    const MountPoints points(container);
    volume::CopyRules rules;
    rules.changing = true;
    rules.layer = true;
    rules.leave_out = [&](const std::string& path) { return points.contains(path); };
    const Fd upper = linux::open_file(upper_directory(engine.locations(), container.id), O_RDONLY | O_DIRECTORY);
    volume::copy_content(upper, linux::open_file(draft.upper(), O_RDONLY | O_DIRECTORY), rules);
  }
  image::Image image = image_of(container);
  if (const auto base = engine.images().find("sha256:" + container.image_id)) image = *base;
  image.layers.push_back(engine.images().commit(std::move(draft)));
  image.config = config_of(container);
  if (wanted.change) wanted.change(image.config);
  image.author = wanted.author;
  image.architecture = image::native_architecture();
  image.created = base::now_unix_ns();
  constexpr std::int64_t second = 1'000'000'000;
  image.history.push_back({.created = image.created / second,
                           .created_by = base::join(arguments_of(container), " "),
                           .comment = wanted.message});
  image.id.clear();
  return engine.images().save(std::move(image), names);
}

}  // namespace conductor::engine
