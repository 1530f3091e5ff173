// Named volumes: ROOT/volumes/NAME/{record.json,data}. They appear and disappear by rename.
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "linux/disk_quota.hpp"
#include "linux/mount.hpp"
#include "linux/root_fd.hpp"
#include "monitor/event_journal.hpp"
#include "store/lock.hpp"
#include "store/records.hpp"
#include "volume/copy_tree.hpp"
#include "volume/volume.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace conductor::volume {
namespace {

using base::Error;

constexpr mode_t data_mode = 0755;

std::string record_in(const std::string& directory) { return directory + "/record.json"; }

void sync_directory(const std::string& path) {
  const linux::Fd directory = linux::open_file(path, O_RDONLY | O_DIRECTORY);
  if (fsync(directory.get()) != 0) throw Error::from_errno("cannot sync " + path);
}

// A new directory of exactly that mode, whatever the umask.
void make_data_directory(const std::string& path) {
  store::make_directory(path);
  if (chmod(path.c_str(), data_mode) != 0) throw Error::from_errno("cannot set the mode of " + path);
}

// Where the content of a volume lies, empty and bounded as it is to be.
void make_data(const std::string& parent, const Volume& volume) {
  const linux::Fd directory = linux::open_file(parent, O_RDONLY | O_DIRECTORY);
  const std::string path = parent + "/data";
  if (linux::is_on_btrfs(directory)) {
    linux::make_subvolume(directory, "data");
    if (chmod(path.c_str(), data_mode) != 0) throw Error::from_errno("cannot set the mode of " + path);
  } else {
    make_data_directory(path);
  }
  if (volume.size > 0)
    linux::limit_directory(linux::open_file(path, O_RDONLY | O_DIRECTORY), volume.project, volume.size);
}

// Numbers below are for people.
std::uint32_t new_project() {
  constexpr std::uint32_t first = 1U << 24U;
  constexpr int digits = 7;
  return first + static_cast<std::uint32_t>(std::stoul(store::new_id().substr(0, digits), nullptr, 16));
}

// False when `to` is a directory that holds something.
bool rename_unless_filled(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) == 0) return true;
  if (errno == ENOTEMPTY || errno == EEXIST) return false;
  throw Error::from_errno("cannot rename " + from + " to " + to);
}

// A subvolume cannot be put over another one, but in exchange for it; what was there goes with `from`.
void replace_empty(const std::string& from, const std::string& to) {
  if (!linux::is_subvolume(linux::open_file(to, O_RDONLY | O_DIRECTORY))) {
    rename_unless_filled(from, to);
    return;
  }
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) != 0)
    throw Error::from_errno("cannot exchange " + from + " and " + to);
}

// The image's tree as a container sees it.
linux::RootFd open_layers(const std::vector<std::string>& lower) {
  return linux::RootFd(linux::new_overlay({.lower = lower, .upper = {}, .work = {}}, MOUNT_ATTR_RDONLY));
}

// The directory at `target`, or nothing when the image has none there.
std::optional<linux::Fd> open_directory(const linux::RootFd& root, const std::string& target) {
  auto found = root.try_open(target, O_PATH);
  struct stat status{};
  if (found && fstat(found->get(), &status) == 0 && S_ISDIR(status.st_mode)) return found;
  return std::nullopt;
}

Volume as_wanted(Volume there, std::int64_t size) {
  if (size > 0 && size != there.size)
    throw Error("volume " + there.name + " is there with " +
                (there.size > 0 ? "another size: " + base::format_size(there.size) : "no size"));
  return there;
}

bool is_empty(const std::string& directory) { return linux::RootFd::open(directory).list(".").empty(); }

void sync_file_system(const linux::Fd& directory) {
  if (syncfs(directory.get()) != 0) throw Error::from_errno("cannot write the volume to disk");
}

}  // namespace

Volumes::Volumes(store::Locations locations) : locations_(std::move(locations)) {}

Volume Volumes::create(const std::string& name, const std::map<std::string, std::string>& labels, std::int64_t size) {
  store::require_valid_name("volume", name);
  if (auto volume = find(name)) return as_wanted(*volume, size);
  const base::Context context("creating volume " + name);
  const store::TemporaryTree stage(locations_.temporary());
  const std::string staged = stage.path() + "/volume";
  Volume volume;
  volume.name = name;
  volume.created = base::now_unix_ns();
  volume.labels = labels;
  volume.size = size;
  if (size > 0) volume.project = new_project();
  store::make_directory(staged);
  make_data(staged, volume);
  store::write_record(record_in(staged), volume);
  const bool made = rename_unless_filled(staged, directory_of(name));
  sync_directory(locations_.volumes());
  if (made) monitor::append_event(locations_.events(), "volume", "create", name);
  return made ? volume : as_wanted(find(name).value_or(volume), size);  // another command was faster
}

std::optional<Volume> Volumes::find(const std::string& name) const {
  if (!store::valid_name(name)) return std::nullopt;
  return store::read_record<Volume>(record_in(directory_of(name)));
}

std::vector<Volume> Volumes::list() const {
  std::vector<Volume> volumes;
  for (const auto& name : store::list_directory(locations_.volumes())) {
    try {
      if (auto volume = find(name)) volumes.push_back(std::move(*volume));
    } catch (const Error& e) {
      base::log(base::LogLevel::warning, e.message());
    }
  }
  return volumes;
}

bool Volumes::remove(const std::string& name, const std::vector<std::string>& in_use) {
  store::require_valid_name("volume", name);
  const std::string directory = directory_of(name);
  if (access(directory.c_str(), F_OK) != 0) return false;
  if (!in_use.empty())
    throw Error("volume " + name + " is used by container " + base::join(in_use, ", "))
        .with_hint("remove the container first");
  const base::Context context("removing volume " + name);
  forget_bound(name);
  const store::TemporaryTree grave(locations_.temporary());
  if (rename(directory.c_str(), (grave.path() + "/volume").c_str()) != 0) {
    if (errno == ENOENT) return false;
    throw Error::from_errno("cannot take it away");
  }
  sync_directory(locations_.volumes());
  monitor::append_event(locations_.events(), "volume", "destroy", name);
  return true;
}

void Volumes::forget_bound(const std::string& name) const {
  try {
    const auto volume = find(name);
    if (volume && volume->size > 0)
      linux::forget_limit(linux::open_file(data_directory(name), O_RDONLY | O_DIRECTORY), volume->project);
  } catch (const Error& e) {
    base::log(base::LogLevel::warning, e.message());  // no reason to keep the volume
  }
}

std::string Volumes::data_directory(const std::string& name) const { return directory_of(name) + "/data"; }

void Volumes::fill(const std::string& name, const std::vector<std::string>& lower, const std::string& target) {
  auto volume = find(name);
  if (!volume) throw Error("no such volume: " + name);
  if (volume->filled) return;
  const base::Context context("filling volume " + name + " from " + target + " of the image");
  const store::Lock lock = store::Lock::acquire(locations_.locks() + "/volume-" + name);
  volume = find(name);  // as the one before us left it
  if (!volume) throw Error("it has been removed");
  if (volume->filled) return;
  if (is_empty(data_directory(name))) take_content(name, lower, target);
  volume->filled = true;
  store::write_record(record_in(directory_of(name)), *volume);
}

void Volumes::take_content(const std::string& name, const std::vector<std::string>& lower, const std::string& target) {
  if (lower.empty()) return;
  const linux::RootFd root = open_layers(lower);
  const auto source = open_directory(root, target);
  if (!source) return;
  const store::TemporaryTree stage(locations_.temporary());
  const std::string staged = stage.path() + "/data";
  make_data(stage.path(), *find(name));
  const linux::Fd copy = linux::open_file(staged, O_RDONLY | O_DIRECTORY);
  copy_tree(*source, copy);
  sync_file_system(copy);
  replace_empty(staged, data_directory(name));
  sync_directory(directory_of(name));
}

}  // namespace conductor::volume
