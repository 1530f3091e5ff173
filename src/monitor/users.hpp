// Who a process runs as, by the image's own /etc/passwd and /etc/group, which nobody has vouched for (passwd(5),
// group(5)).
#pragma once

#include "linux/root_fd.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::monitor {

struct Identity {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;  // supplementary
  std::string home = "/";
};

// `user` is "user[:group]", each by name or as a decimal number of at most 2^31-1; empty: root. A name that is not
// listed is an Error, never root. Without a group it is the one of the passwd entry (0 when the number has none), and
// the supplementary groups are those that list the user's name. Malformed lines do not count; of several the first
// does. Pure. At most 10,000 lines, 64 KiB a line and 1,024 groups are looked at.
Identity identify_user(std::string_view user, std::string_view passwd, std::string_view group);

// The same from the files below a root: regular ones of at most 1 MiB; absent files list nobody.
Identity identify_user(std::string_view user, const linux::RootFd& root);

}  // namespace conductor::monitor
