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
  parts.root = prepare_overlay(spec, users);
  return parts;
}

}  // namespace conductor::monitor
