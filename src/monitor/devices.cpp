#include "monitor/devices.hpp"

#include "base/error.hpp"
#include "linux/mount.hpp"
#include "monitor/standard_mounts.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <string_view>

namespace conductor::monitor {
namespace {

using base::Error;
using linux::Fd;

constexpr std::uint64_t no_programs = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
constexpr std::uint64_t inert = no_programs | MOUNT_ATTR_NODEV;

struct Node {
  const char* name;
  unsigned minor;
  unsigned major;
};
constexpr std::array nodes{Node{"null", 3, 1},   Node{"zero", 5, 1},    Node{"full", 7, 1},
                           Node{"random", 8, 1}, Node{"urandom", 9, 1}, Node{"tty", 0, 5}};

constexpr std::array<std::pair<const char*, const char*>, 5> links{{{"/proc/self/fd", "fd"},
                                                                    {"/proc/self/fd/0", "stdin"},
                                                                    {"/proc/self/fd/1", "stdout"},
                                                                    {"/proc/self/fd/2", "stderr"},
                                                                    {"pts/ptmx", "ptmx"}}};

void make_node(int directory, const char* name, mode_t mode, dev_t device) {
  if (mknodat(directory, name, mode, device) != 0) throw Error::from_errno(std::string("cannot make /dev/") + name);
}

// A copy of the host's node, for a container that can make none: a user namespace gives no right to it.
void bind_node(int from, int directory, const char* name) {
  const Fd node = linux::open_at(from, name, O_PATH | O_NOFOLLOW);
  const Fd place = linux::open_at(directory, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDONLY, 0600);
  const Fd tree = linux::clone_tree(node.get(), false);
  linux::set_attributes(tree.get(), no_programs, false);
  linux::attach(tree.get(), place.get());
}

// The host's device nodes, without what a container has for itself.
void copy_host_nodes(Fd source, int target, bool bind) {
  DIR* stream = fdopendir(source.get());
  if (stream == nullptr) throw Error::from_errno("cannot list the devices of the host");
  source.release();
  const int from = dirfd(stream);
  while (const dirent* entry = readdir(stream)) {
    const std::string_view name = entry->d_name;
    struct stat found{};
    if (name == "." || name == ".." || name == "pts" || name == "shm" || name == "mqueue" || name == "console")
      continue;
    if (fstatat(from, entry->d_name, &found, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISDIR(found.st_mode)) {
      Fd below(openat(from, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (below) copy_host_nodes(std::move(below), make_subdirectory(target, entry->d_name).get(), bind);
    } else if (bind && (S_ISCHR(found.st_mode) || S_ISBLK(found.st_mode))) {
      bind_node(from, target, entry->d_name);
    } else if ((S_ISCHR(found.st_mode) || S_ISBLK(found.st_mode)) &&
               mknodat(target, entry->d_name, found.st_mode, found.st_rdev) == 0) {
      if (fchownat(target, entry->d_name, found.st_uid, found.st_gid, AT_SYMLINK_NOFOLLOW) != 0)
        throw Error::from_errno(std::string("cannot give /dev/") + entry->d_name + " its owner");
    }
  }
  closedir(stream);
}

void make_nodes(int dev, const LaunchSpec& spec) {
  const bool bind = !spec.ids.users.empty();
  Fd host = linux::open_file("/dev", O_RDONLY | O_DIRECTORY);
  if (spec.privileged) return copy_host_nodes(std::move(host), dev, bind);
  for (const auto& node : nodes)
    if (bind) bind_node(host.get(), dev, node.name);
  if (bind) return;
  for (const auto& node : nodes) make_node(dev, node.name, S_IFCHR | 0666, makedev(node.major, node.minor));
}

dev_t number_of(const Device& device) {
  return makedev(static_cast<unsigned>(device.major), static_cast<unsigned>(device.minor));
}

// Where a node cannot be made, in a user namespace or by a group's rules, it is the host's that is bound.
void bind_host_node(const linux::RootFd& dev, const std::string& path, const Device& device) {
  const Fd source = linux::open_file(device.source, O_PATH);
  struct stat found{};
  if (fstat(source.get(), &found) != 0) throw Error::from_errno("cannot look at it");
  const bool same_type = device.type == 'b' ? S_ISBLK(found.st_mode) : S_ISCHR(found.st_mode);
  if (!same_type || found.st_rdev != number_of(device)) throw Error("it is not the device any more that was asked for");
  linux::attach(linux::clone_tree(source.get(), false).get(), dev.make_file(path).get());
}

// What the container was given; one that has the place of a standard node is stronger.
void make_device(const linux::RootFd& dev, const Device& device) {
  const base::Context context("device " + device.target);
  static constexpr std::string_view top = "/dev/";
  if (!device.target.starts_with(top)) throw Error("its place is not below /dev");
  const std::string path = device.target.substr(top.size());
  const auto slash = path.find_last_of('/');
  const std::string name = path.substr(slash + 1);
  const Fd parent = dev.make_directories(slash == path.npos ? "/" : path.substr(0, slash));
  dev.remove(path);
  const mode_t kind = device.type == 'b' ? S_IFBLK : S_IFCHR;
  if (mknodat(parent.get(), name.c_str(), kind | device.mode, number_of(device)) != 0) {
    if (errno != EPERM) throw Error::from_errno("cannot make it");
    return bind_host_node(dev, path, device);
  }
  if (fchownat(parent.get(), name.c_str(), device.uid, device.gid, AT_SYMLINK_NOFOLLOW) != 0)
    throw Error::from_errno("cannot give it its owner");
}

// The peer is bound on /dev/console by its descriptor; the file below is made here and by nobody else.
linux::Terminal make_console(int dev, const Fd& pts) {
  auto terminal = linux::open_terminal("/proc/self/fd/" + std::to_string(pts.get()) + "/ptmx");
  const Fd file = linux::open_at(dev, "console", O_CREAT | O_EXCL | O_NOFOLLOW | O_RDONLY, 0600);
  linux::attach(linux::clone_tree(terminal.peer.get(), false).get(), file.get());
  return terminal;
}

std::string kibibytes(std::int64_t bytes) { return std::to_string((bytes + 1023) / 1024) + "k"; }

}  // namespace

Fd open_null_device() {
  Fd null = linux::open_file("/dev/null", O_PATH | O_NOFOLLOW);
  struct stat found{};
  if (fstat(null.get(), &found) != 0 || !S_ISCHR(found.st_mode) || found.st_rdev != makedev(1, 3))
    throw Error("/dev/null of the host is not the null device");
  return null;
}

std::optional<linux::Terminal> mount_devices(const linux::RootFd& root, const LaunchSpec& spec) {
  const base::Context context("/dev");
  const bool privileged = spec.privileged;
  const std::size_t inodes = (privileged ? 8192 : 256) + 2 * spec.devices.size();
  const Fd dev = linux::new_filesystem(
      "tmpfs", {{"mode", "755"}, {"size", privileged ? "1m" : "64k"}, {"nr_inodes", std::to_string(inodes)}},
      no_programs);
  linux::attach(dev.get(), open_mount_point(root, "/dev").get());
  make_nodes(dev.get(), spec);
  for (const auto& [target, name] : links)
    if (symlinkat(target, dev.get(), name) != 0 && errno != EEXIST)
      throw Error::from_errno("cannot make the links of /dev");
  const linux::RootFd below(dev.duplicate());
  for (const auto& device : spec.devices) make_device(below, device);

  const Fd pts = linux::new_filesystem(
      "devpts", {{"newinstance", ""}, {"ptmxmode", "0666"}, {"mode", "0620"}, {"gid", "5"}}, no_programs);
  linux::attach(pts.get(), make_subdirectory(dev.get(), "pts").get());
  linux::attach(linux::new_filesystem("tmpfs", {{"mode", "1777"}, {"size", kibibytes(spec.shm_size)}}, inert).get(),
                make_subdirectory(dev.get(), "shm").get());
  linux::attach(linux::new_filesystem("mqueue", {}, inert).get(), make_subdirectory(dev.get(), "mqueue").get());
  if (!spec.process.terminal) return std::nullopt;
  return make_console(dev.get(), pts);
}

}  // namespace conductor::monitor
