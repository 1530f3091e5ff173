// Mounts. Trees are made detached (fsmount(2), open_tree(2)) and put in place by descriptor (move_mount(2)), so that a
// target is resolved once and nobody can swap it. Needs CAP_SYS_ADMIN.
#pragma once

#include "linux/fd.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace conductor::linux {

// Mount attributes as in mount_setattr(2): MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC
// …

// A new file system, detached. Options are pairs "key", "value"; an empty value is a flag.
Fd new_filesystem(const std::string& type, const std::vector<std::pair<std::string, std::string>>& options,
                  std::uint64_t attributes = 0);

// An overlay of directories, detached. `lower` has the topmost first and may have up to 120 layers; with an empty
// `upper` the overlay is read-only.
struct OverlayDirectories {
  std::vector<std::string> lower;
  std::string upper;
  std::string work;
};
Fd new_overlay(const OverlayDirectories& directories, std::uint64_t attributes = 0);

// True: the one option string of mount(2) is used although the kernel takes layers one by one. For tests.
void force_overlay_option_string(bool on);

// A detached copy of a tree (open_tree OPEN_TREE_CLONE), with its submounts when `recursive`.
Fd clone_tree(int source, bool recursive);

// Adds and clears attributes, on all submounts too when `recursive`.
void set_attributes(int tree, std::uint64_t add, bool recursive, std::uint64_t clear = 0);
// MS_PRIVATE, MS_SLAVE, MS_SHARED as propagation of the tree.
void set_propagation(int tree, std::uint64_t propagation, bool recursive);

// Files of a detached tree that was never mounted are shown with the ids they have in `user_namespace`: id 0 on disk as
// its root (mount_setattr(2), MOUNT_ATTR_IDMAP). Error naming the file system when that one cannot do it.
void map_ids(int tree, const Fd& user_namespace, bool recursive);

// Puts a detached tree on an open (O_PATH) target.
void attach(int tree, int target);

// In a mount namespace of our own: all mounts private to it (mount(2) MS_REC | MS_PRIVATE on /).
void make_mounts_private();
// The directory becomes "/" and the old root is gone; the working directory is "/" (pivot_root(2) ".", ".").
void pivot_to(int root);

void unmount(const std::string& path);  // MNT_DETACH; not mounted is fine

struct MountEntry {
  std::string point;  // unescaped
  std::string type;
  std::string source;
  std::string super_options;
};
std::vector<MountEntry> list_mounts(const std::string& mountinfo = "/proc/self/mountinfo");

}  // namespace conductor::linux
