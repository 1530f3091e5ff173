// User namespaces (user_namespaces(7)) and who one is in them.
#pragma once

#include "linux/fd.hpp"

#include <sys/types.h>

#include <string>

namespace conductor::linux {

// A new one below our own. The maps are the text of uid_map and gid_map: lines "INSIDE OUTSIDE COUNT". It lives as long
// as its descriptor, or a process or namespace in it. Needs CAP_SETUID and CAP_SETGID.
Fd new_user_namespace(const std::string& user_map, const std::string& group_map);

// The one another namespace belongs to (ioctl_ns(2)).
Fd user_namespace_of(const Fd& ns);

// Host ids.
struct Ids {
  uid_t user = 0;
  gid_t group = 0;
};
// Those that are 0 in the user namespace of a process. Throws Error when none are.
Ids root_ids_of(pid_t pid);

// Right after entering a user namespace: user and group 0 of it, no other groups, all its rights.
void become_root_inside();

// While it lives, what the calling thread makes belongs to those ids. Its rights over files stay (else they would go
// with the user: capabilities(7), "Effect of user ID changes on capabilities").
class FileIds {
 public:
  explicit FileIds(Ids ids);
  ~FileIds();
  FileIds(const FileIds&) = delete;
  FileIds& operator=(const FileIds&) = delete;
};

}  // namespace conductor::linux
