// Volumes, files of ours such as /etc/hosts, and file systems in memory.
#pragma once

#include "linux/root_fd.hpp"
#include "monitor/protocol.hpp"

namespace conductor::monitor {

// Puts it on its target below `root`, which is made when absent; the target is resolved once, inside the root. A target
// on or below /proc or /sys, also through a link of the image, is refused. `sent` is what the mount shows, detached, if
// it was sent along (sent_mounts.hpp). Throws Error.
void mount_extra(const linux::RootFd& root, const Mount& mount, linux::Fd sent = {});

}  // namespace conductor::monitor
