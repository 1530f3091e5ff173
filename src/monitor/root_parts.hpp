// What a container's root file system is put together from, as far as the rights of the host's root make it: layers,
// binds and what was sent along, all of it detached.
#pragma once

#include "linux/fd.hpp"
#include "monitor/protocol.hpp"

#include <string>
#include <vector>

namespace conductor::monitor {

// The container's own group of a hierarchy.
struct GroupCopy {
  std::string hierarchy;  // "memory"; empty: version 2 alone, which has no other
  linux::Fd tree;
};

struct RootParts {
  linux::Fd root;  // the overlay
  linux::Fd sys;   // a copy of the host's /sys; empty: the container has one of its own
  std::vector<GroupCopy> groups;
  std::vector<linux::Fd> mounts;  // one a mount of the specification; empty for what the container makes itself
};

// In a new mount namespace, whose mounts are private afterwards. On the way layers lie on the run directory, which
// nobody else sees and which is out of reach after the change of root. With `users`, not null, files of layers and
// binds are shown with the ids they have in that user namespace. Throws Error.
RootParts prepare_root(const LaunchSpec& spec, const linux::Fd* users);

}  // namespace conductor::monitor
