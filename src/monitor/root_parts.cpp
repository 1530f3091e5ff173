#include "monitor/root_parts.hpp"

#include "base/error.hpp"
#include "linux/mount.hpp"
#include "monitor/extra_mounts.hpp"
#include "monitor/layers.hpp"
#include "monitor/sent_mounts.hpp"
#include "monitor/standard_mounts.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <string_view>

namespace conductor::monitor {
namespace {

using linux::Fd;

linux::Fd prepare_overlay(const LaunchSpec& spec, const Fd* users) {
  const base::Context context("root file system");
  // Nodes below the root work only for who was given devices, or the right to make nodes.
  const bool devices = spec.privileged || !spec.devices.empty() || (spec.process.capabilities >> CAP_MKNOD & 1) != 0;
  return overlay_of({spec.lower, spec.upper, spec.work}, devices ? 0 : MOUNT_ATTR_NODEV, spec, users);
}

Fd copy_of_sys(const LaunchSpec& spec) {
  const base::Context context("/sys");
  Fd sys = linux::clone_tree(linux::open_file("/sys", O_PATH | O_DIRECTORY).get(), false);
  linux::set_attributes(sys.get(), sys_attributes(spec), false);
  return sys;
}

// "/sys/fs/cgroup/memory/GROUP" → "memory".
std::string hierarchy_name(const std::string& directory, const std::string& group) {
  static constexpr std::string_view top = "/sys/fs/cgroup/";
  const auto end = directory.size() - std::min(directory.size(), group.size() + 1);
  return end > top.size() && directory.starts_with(top) ? directory.substr(top.size(), end - top.size())
                                                        : std::string();
}

// With ids of its own the container's root is nobody to a group of the host's, and still wants to read its limits.
GroupCopy copy_of_group(const LaunchSpec& spec, const std::string& directory, bool readable) {
  const base::Context context(directory);
  const Fd group = linux::open_file(directory, O_RDONLY | O_DIRECTORY);
  if (readable && fchmod(group.get(), 0755) != 0) throw base::Error::from_errno("cannot set its mode");
  return {hierarchy_name(directory, spec.cgroup), linux::clone_tree(group.get(), false)};
}

std::vector<GroupCopy> copies_of_groups(const LaunchSpec& spec, bool readable) {
  std::vector<GroupCopy> copies;
  for (const auto& directory : spec.cgroup_directories) {
    const std::string name = hierarchy_name(directory, spec.cgroup);
    const bool shown = spec.cgroup_unified ? copies.empty() : !name.empty() && name.find('/') == name.npos;
    if (shown) copies.push_back(copy_of_group(spec, directory, readable));
  }
  return copies;
}

}  // namespace

RootParts prepare_root(const LaunchSpec& spec, const Fd* users) {
  RootParts parts;
  parts.mounts.resize(spec.mounts.size());
  // Binds first: once the mounts are private, nothing of the host's reaches a copy any more.
  for (std::size_t i = 0; i < parts.mounts.size(); ++i)
    if (is_bind(spec.mounts[i])) parts.mounts[i] = bind_tree(spec.mounts[i], users);
  linux::make_mounts_private();
  for (std::size_t i = 0; i < parts.mounts.size(); ++i)
    if (is_sent(spec.mounts[i])) parts.mounts[i] = sent_tree(spec, spec.mounts[i], users);
  if (spec.network == NetworkNamespace::host) parts.sys = copy_of_sys(spec);
  parts.groups = copies_of_groups(spec, users != nullptr);
  parts.root = prepare_overlay(spec, users);
  return parts;
}

}  // namespace conductor::monitor
