// Parts of /proc and /sys that a container cannot read, or cannot write.
#pragma once

#include "linux/root_fd.hpp"

#include <string>
#include <vector>

namespace conductor::monitor {

// Files of `masked` become the null device, directories an empty read-only file system; `read_only` is what its name
// says, with everything below. Paths that do not exist are left out; any other failure throws Error.
void hide_paths(const linux::RootFd& root, const std::vector<std::string>& masked,
                const std::vector<std::string>& read_only);

}  // namespace conductor::monitor
