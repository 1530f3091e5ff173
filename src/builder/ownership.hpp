// Who a copied file belongs to: --chown by the image's own /etc/passwd and /etc/group.
#pragma once

#include "linux/root_fd.hpp"

#include <sys/types.h>

#include <string>

namespace conductor::builder {

struct Owner {
  uid_t user = 0;
  gid_t group = 0;
  bool operator==(const Owner&) const = default;
};

// "user[:group]", each a name or a number of at most 2^31-1. Without a group: the user's own by name, or the same
// number. Both files are read through `image`, at most 1 MiB each. Throws Error for a name that is not in them.
Owner resolve_owner(const linux::RootFd& image, const std::string& text);

}  // namespace conductor::builder
