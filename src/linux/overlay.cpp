// Overlays: layer by layer through the new mount interface, or with one option string where the kernel knows only that.
#include "base/error.hpp"
#include "linux/mount.hpp"
#include "linux/new_mount.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

namespace conductor::linux {
namespace {

using base::Error;

constexpr std::size_t max_value = 255;           // of fsconfig's strings
constexpr std::size_t max_option_string = 4095;  // of mount(2): one page
constexpr auto special_bytes = ":,\\";           // have a meaning in overlay options

std::atomic<bool> option_string_only = false;

// Names of directories for the kernel. One that is too long or holds special bytes is named by a descriptor, which
// lives as long as this object.
class Names {
 public:
  explicit Names(bool always_short) : always_short_(always_short) {}

  std::string of(const std::string& path) {
    if (!always_short_ && path.size() <= max_value && path.find_first_of(special_bytes) == std::string::npos)
      return path;
    open_.push_back(open_file(path, O_PATH | O_DIRECTORY));
    return "/proc/self/fd/" + std::to_string(open_.back().get());
  }

 private:
  bool always_short_;
  std::vector<Fd> open_;
};

// `lowerdir+` came after Linux 6.5. Before that overlay takes any option and refuses only the whole, so it is asked for
// one that no kernel has.
bool takes_layers() {
  FilesystemContext context("overlay");
  return !context.try_set("no-such-option", "1") && context.try_set("lowerdir+", "/");
}

Fd layer_by_layer(const OverlayDirectories& directories, std::uint64_t attributes) {
  FilesystemContext context("overlay");
  Names names(false);
  for (const auto& lower : directories.lower) context.set("lowerdir+", names.of(lower));
  if (!directories.upper.empty()) {
    context.set("upperdir", names.of(directories.upper));
    context.set("workdir", names.of(directories.work));
  }
  context.set("source", "overlay");
  return context.mount(attributes);
}

std::string option_string(const OverlayDirectories& directories, Names& names) {
  std::string text = "lowerdir=";
  for (const auto& lower : directories.lower) text += (text.back() == '=' ? "" : ":") + names.of(lower);
  if (!directories.upper.empty())
    text += ",upperdir=" + names.of(directories.upper) + ",workdir=" + names.of(directories.work);
  return text;
}

// A mount point for the moment between mount(2) and the detached copy of what it made.
class Waypoint {
 public:
  Waypoint() {
    if (mkdtemp(path_) == nullptr) throw Error::from_errno("cannot make a temporary directory");
  }
  ~Waypoint() {
    umount2(path_, MNT_DETACH | UMOUNT_NOFOLLOW);
    rmdir(path_);
  }
  Waypoint(const Waypoint&) = delete;
  Waypoint& operator=(const Waypoint&) = delete;
  const char* path() const { return path_; }

 private:
  char path_[32] = "/tmp/conductor-overlay-XXXXXX";
};

Fd by_option_string(const OverlayDirectories& directories, std::uint64_t attributes) {
  Names names(false);
  Names short_names(true);
  std::string options = option_string(directories, names);
  if (options.size() > max_option_string) options = option_string(directories, short_names);
  const Waypoint waypoint;
  if (mount("overlay", waypoint.path(), "overlay", 0, options.c_str()) != 0)
    throw Error::from_errno("file system overlay: cannot mount " + options);
  const Fd place = open_file(waypoint.path(), O_PATH | O_DIRECTORY);
  Fd tree = clone_tree(place.get(), false);
  set_propagation(tree.get(), MS_PRIVATE, false);
  if (attributes != 0) set_attributes(tree.get(), attributes, false);
  return tree;
}

// An overlay of one directory is refused by the kernel: the directory itself, read-only. Whiteouts, which the lowest
// layer has no use for, would show as devices.
Fd single_layer(const std::string& directory, std::uint64_t attributes) {
  const Fd source = open_file(directory, O_PATH | O_DIRECTORY);
  Fd tree = clone_tree(source.get(), false);
  set_propagation(tree.get(), MS_PRIVATE, false);
  set_attributes(tree.get(), attributes | MOUNT_ATTR_RDONLY, false);
  return tree;
}

}  // namespace

Fd new_overlay(const OverlayDirectories& directories, std::uint64_t attributes) {
  if (directories.lower.empty()) throw Error("an overlay without a lower directory");
  if (directories.lower.size() == 1 && directories.upper.empty()) return single_layer(directories.lower[0], attributes);
  static const bool by_layers = takes_layers();
  if (by_layers && !option_string_only) return layer_by_layer(directories, attributes);
  return by_option_string(directories, attributes);
}

void force_overlay_option_string(bool on) { option_string_only = on; }

}  // namespace conductor::linux
