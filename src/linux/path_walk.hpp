// Resolving a name below a root in user space: what openat2(2) does with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, and
// what it cannot do, making what is missing on the way. Only RootFd uses it.
#pragma once

#include "linux/fd.hpp"

#include <sys/types.h>

#include <string>

namespace conductor::linux {

enum class Missing { fail, make_directory, make_file };

struct WalkRequest {
  int root = -1;
  std::string path;
  int flags = 0;    // of open(2) for the last component
  mode_t mode = 0;  // of what is made, whatever the umask; directories above a made file get 0755
  Missing missing = Missing::fail;
};

// Steps down one component at a time with O_NOFOLLOW, so it cannot leave the root whatever is renamed meanwhile: `..`
// goes back to the directory it came through. Returns an empty Fd and sets errno on failure.
Fd walk(const WalkRequest& request);

}  // namespace conductor::linux
