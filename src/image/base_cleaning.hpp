// What makes a bootstrapped tree the same whenever and wherever it was made from one state of the archive.
#pragma once

#include "linux/root_fd.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace conductor::image {

// The "Date" of a Release or InRelease file, unix seconds.
std::optional<std::int64_t> parse_release_date(std::string_view text);
// That of the archive which a tree was just made from: the latest of its lists.
std::optional<std::int64_t> release_date(const linux::RootFd& root);

// Removes what belongs to this machine or this moment: lists and caches, logs, backups, ids, seeds. Days on which
// passwords were changed are not later than `newest` (unix seconds) afterwards.
void clean_base(const linux::RootFd& root, std::optional<std::int64_t> newest);

// A line of shadow(5) whose day of change is not later than `day` (days since 1970). Pure.
std::string clamp_shadow_line(std::string_view line, std::int64_t day);

}  // namespace conductor::image
