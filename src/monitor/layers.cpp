#include "monitor/layers.hpp"

#include "base/error.hpp"
#include "linux/root_fd.hpp"
#include "monitor/user_ids.hpp"

#include <fcntl.h>

#include <algorithm>

namespace conductor::monitor {
namespace {

using linux::Fd;

std::string name_of(const Fd& fd) { return "/proc/self/fd/" + std::to_string(fd.get()); }

// "/a/b/upper" and "/a/b/work" → "/a/b/".
std::string common_directory(const std::string& a, const std::string& b) {
  const auto [end, other] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  const std::string common(a.begin(), end);
  return common.substr(0, common.rfind('/') + 1);
}

// Directories as the overlay is to take them, and the mounts they are in.
class MappedDirectories {
 public:
  MappedDirectories(const linux::OverlayDirectories& directories, const LaunchSpec& spec, const Fd& users)
      : spec_(spec), users_(users) {
    for (const auto& lower : directories.lower)
      mapped_.lower.push_back(lower.starts_with("/proc/self/fd/") ? lower : mapped(lower));
    if (directories.upper.empty()) return;
    // An overlay insists on both being in one mount.
    const std::string common = common_directory(directories.upper, directories.work);
    const std::string name = mapped(common) + "/";
    mapped_.upper = name + directories.upper.substr(common.size());
    mapped_.work = name + directories.work.substr(common.size());
  }
  const linux::OverlayDirectories& get() const { return mapped_; }

 private:
  std::string mapped(const std::string& directory) {
    const base::Context context(directory);
    Fd tree = linux::clone_tree(linux::open_file(directory, O_PATH | O_DIRECTORY).get(), false);
    linux::map_ids(tree.get(), users_, false);
    mount_on_the_way(spec_, tree);
    trees_.push_back(std::move(tree));
    return name_of(trees_.back());
  }

  const LaunchSpec& spec_;
  const Fd& users_;
  linux::OverlayDirectories mapped_;
  std::vector<Fd> trees_;
};

}  // namespace

void mount_on_the_way(const LaunchSpec& spec, const Fd& tree) {
  linux::attach(tree.get(), linux::open_file(spec.run_directory, O_PATH | O_DIRECTORY).get());
}

Fd overlay_of(const linux::OverlayDirectories& directories, std::uint64_t attributes, const LaunchSpec& spec,
              const Fd* users) {
  if (users == nullptr) return linux::new_overlay(directories, attributes);
  const MappedDirectories mapped(directories, spec, *users);
  // The overlay makes files of its own as whoever mounts it, and the host's root has no id in the map.
  const linux::FileIds root(outside_ids(spec.ids, 0, 0));
  return linux::new_overlay(mapped.get(), attributes);
}

}  // namespace conductor::monitor
