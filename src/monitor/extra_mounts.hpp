// Volumes, files of ours such as /etc/hosts, and file systems in memory.
#pragma once

#include "linux/root_fd.hpp"
#include "monitor/protocol.hpp"

namespace conductor::monitor {

// A copy of something of the host's, which has to be taken before the container's mounts are private.
bool is_bind(const Mount& mount);
// That copy, detached and with the attributes of `mount`; with `users`, its files show the ids they have in that user
// namespace. Throws Error.
linux::Fd bind_tree(const Mount& mount, const linux::Fd* users);
// Gives a detached tree the attributes and the propagation of `mount`.
void set_attributes_of(const Mount& mount, const linux::Fd& tree);

// Puts it on its target below `root`, which is made when absent; the target is resolved once, inside the root. A target
// on or below /proc or /sys, also through a link of the image, is refused. `tree` is what the mount shows, detached; a
// file system in memory is made here. Throws Error.
void mount_extra(const linux::RootFd& root, const Mount& mount, linux::Fd tree);

}  // namespace conductor::monitor
