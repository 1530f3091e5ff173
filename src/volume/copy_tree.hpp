// A directory and all that is below it, copied: content, owners, modes, times, links, special files, extended
// attributes.
#pragma once

#include "linux/fd.hpp"

namespace conductor::volume {

// Copies the attributes and the content of `source` (a directory) onto the empty directory `target`. No link is
// followed on either side; files with several names stay one file. What only overlayfs understands (whiteouts, its
// attributes) is left out.
void copy_tree(const linux::Fd& source, const linux::Fd& target);

}  // namespace conductor::volume
