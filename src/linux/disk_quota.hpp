// A bound for what a directory and everything below it may take on disk: a subvolume with a quota group on btrfs, a
// project quota on xfs and ext4. Needs CAP_SYS_ADMIN.
#pragma once

#include "linux/fd.hpp"

#include <cstdint>
#include <string>

namespace conductor::linux {

bool is_on_btrfs(const Fd& directory);
// As mkdirat(2) with mode 0755.
void make_subvolume(const Fd& parent, const std::string& name);
bool is_subvolume(const Fd& directory);

// Bounds an empty directory, which on btrfs is a subvolume. `project` tells it from others of the file system; unused
// on btrfs. Throws Error with a hint where the file system cannot.
void limit_directory(const Fd& directory, std::uint32_t project, std::int64_t bytes);
// The bound of a directory that goes, which xfs and ext4 keep for the next one of that number.
void forget_limit(const Fd& directory, std::uint32_t project);

}  // namespace conductor::linux
