#include "engine/mounts.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "store/records.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>

namespace conductor::engine {

namespace {

using base::Error;

constexpr std::size_t largest_file = std::size_t{16} << 20U;  // it is kept in memory

bool is_below(const std::string& path, const std::string& directory) {
  return path == directory || path.starts_with(directory + "/");
}

void check_target(const std::string& target, std::vector<std::string>& taken) {
  const std::string shown = "'" + base::escape_control(target) + "'";
  if (!target.starts_with('/')) throw Error("the place of a mount is an absolute path, not " + shown);
  if (target.find_first_not_of('/') == std::string::npos)
    throw Error("nothing can be mounted over the root of a container");
  if (is_below(target, "/proc") || is_below(target, "/sys"))
    throw Error("nothing can be mounted on or below /proc or /sys: " + shown);
  if (std::find(taken.begin(), taken.end(), target) != taken.end())
    throw Error("two mounts have the same place " + shown);
  taken.push_back(target);
}

std::string octal(unsigned mode) {
  char text[16];
  std::snprintf(text, sizeof text, "%o", mode);
  return text;
}

monitor::Mount tmpfs(const MountConfig& config) {
  monitor::Mount mount;
  mount.type = "tmpfs";
  mount.target = config.target;
  mount.read_only = config.read_only;
  mount.allow_exec = config.allow_exec;
  mount.options = {{"mode", octal(config.mode)}};
  if (config.size > 0) mount.options.push_back({"size", std::to_string(config.size)});
  if (config.inodes > 0) mount.options.push_back({"nr_inodes", std::to_string(config.inodes)});
  return mount;
}

// A bind of a single file needs a file to be mounted on.
bool is_directory(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

std::uint64_t propagation_of(const std::string& name) {
  if (name.empty() || name == "private" || name == "rprivate") return MS_PRIVATE;
  if (name == "slave" || name == "rslave") return MS_SLAVE;
  if (name == "shared" || name == "rshared") return MS_SHARED;
  throw Error("unknown mount propagation '" + base::escape_control(name) + "'; it is rprivate, rslave or rshared");
}

// The optional fields of the mount that holds the path (proc_pid_mountinfo(5)): "shared:3 master:1".
std::string sharing_of(const std::string& path) {
  struct statx found{};
  if (statx(AT_FDCWD, path.c_str(), 0, STATX_MNT_ID, &found) != 0)
    throw Error::from_errno("cannot look at " + base::escape_control(path));
  const std::string id = std::to_string(found.stx_mnt_id) + " ";
  for (const auto& line : base::split(linux::read_file("/proc/self/mountinfo"), '\n')) {
    if (!line.starts_with(id)) continue;
    const auto words = base::split(line.substr(0, line.find(" - ")), ' ');
    constexpr std::ptrdiff_t fixed = 6;
    return base::join({words.begin() + std::min(fixed, std::ssize(words)), words.end()}, " ");
  }
  return {};
}

// What is mounted later in a place that nobody shares would not be seen, and nobody would say so.
void require_sharing(const MountConfig& config, std::uint64_t propagation) {
  if (propagation == MS_PRIVATE) return;
  const std::string sharing = sharing_of(config.source);
  const bool shared = sharing.find("shared:") != std::string::npos;
  const bool slave = sharing.find("master:") != std::string::npos;
  if (shared || (slave && propagation == MS_SLAVE)) return;
  throw Error("bind source " + base::escape_control(config.source) +
              " lies on a mount that is not shared, so it cannot be " + config.propagation)
      .with_hint("make it shared first (mount --make-shared), or leave the propagation out");
}

monitor::Mount volume_mount(const MountConfig& config, const volume::Volumes& volumes) {
  monitor::Mount mount = bind_mount(volumes.data_directory(config.source), config.target, false, config.read_only);
  // Resolved when it is mounted, inside the volume.
  if (!config.subpath.empty()) mount.tree = monitor::SentTree{-1, config.subpath, {}, {}, {}};
  return mount;
}

monitor::Mount host_mount(const MountConfig& config) {
  monitor::Mount mount = bind_mount(config.source, config.target, !is_directory(config.source), config.read_only);
  mount.propagation = propagation_of(config.propagation);
  mount.recursive = config.recursive;
  require_sharing(config, mount.propagation);
  return mount;
}

linux::Fd content_of(const FileConfig& file) {
  constexpr const char* name = "conductor-file";
  if (file.source.empty()) return linux::make_memory_file(name, file.content);
  const base::Context context("file " + file.target);
  return linux::make_memory_file(name, linux::read_file(file.source, largest_file));
}

}  // namespace

void check_mounts(const ContainerConfig& config) {
  std::vector<std::string> taken;
  for (const auto& mount : config.mounts) {
    check_target(mount.target, taken);
    if (mount.kind == MountKind::named) store::require_valid_name("volume", mount.source);
    propagation_of(mount.propagation);
  }
  for (const auto& file : config.files) {
    check_target(file.target, taken);
    if (!file.source.empty() && !file.source.starts_with('/'))
      throw Error("the source of a file is an absolute path, not '" + base::escape_control(file.source) + "'");
  }
}

monitor::Mount bind_mount(const std::string& source, const std::string& target, bool file, bool read_only) {
  monitor::Mount mount;
  mount.source = source;
  mount.target = target;
  mount.file = file;
  mount.read_only = read_only;
  return mount;
}

std::vector<monitor::Mount> mounts_of(const std::vector<MountConfig>& mounts, const volume::Volumes& volumes) {
  std::vector<monitor::Mount> result;
  for (const auto& mount : mounts) {
    if (mount.kind == MountKind::tmpfs)
      result.push_back(tmpfs(mount));
    else
      result.push_back(mount.kind == MountKind::named ? volume_mount(mount, volumes) : host_mount(mount));
  }
  return result;
}

std::vector<linux::Fd> add_files(const Container& container, runtime::Setup& setup) {
  std::vector<linux::Fd> kept;
  for (const auto& file : container.config.files) {
    monitor::Mount mount;
    mount.target = file.target;
    mount.read_only = true;
    mount.content = monitor::SentContent{static_cast<int>(setup.sent.size()), file.uid, file.gid, file.mode};
    setup.launch.mounts.push_back(std::move(mount));
    kept.push_back(content_of(file));
    setup.sent.push_back(kept.back().get());
  }
  return kept;
}

}  // namespace conductor::engine
