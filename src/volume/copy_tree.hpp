// Files and directories copied by descriptor: content, owners, modes, times, links, special files, extended attributes.
// Either side may belong to somebody who changes it meanwhile: no link is followed, no device or FIFO opened, and no
// name is looked up a second time to act on what it led to before.
#pragma once

#include "linux/fd.hpp"

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace conductor::volume {

struct Owner {
  uid_t user = 0;
  gid_t group = 0;
};

struct CopyRules {
  // Of everything that is copied; without one the source's, and with it set-id bits and devices, which nobody else
  // gets.
  std::optional<Owner> owner;
  // The target may hold something already: directories take what is new, other files are replaced at one stroke. A
  // directory never replaces a file, nor a file a directory. Directories that are there keep owner, mode and times
  // unless `owner` is empty.
  bool merge = false;
  bool changing = false;  // the source changes meanwhile: what is gone when its turn comes is left out
  bool layer = false;     // a directory in overlay form, copied as such: whiteouts and opaque marks are kept
  std::function<bool(const std::string& path)> leave_out;  // by path below the source, "etc/hosts"; may be empty
};

struct Copied {
  std::int64_t entries = 0;
  std::int64_t bytes = 0;  // of files' content
};

// Copies the attributes and the content of `source` (a directory) onto the empty directory `target`. Files with several
// names stay one file. What only overlayfs understands (whiteouts, its attributes) is left out.
void copy_tree(const linux::Fd& source, const linux::Fd& target);

// The content of one directory into another, by the rules.
Copied copy_content(const linux::Fd& source, const linux::Fd& target, const CopyRules& rules);
// One file or directory as `name` in the directory `target`. `source` is open with O_PATH, and may be a link itself.
Copied copy_file(const linux::Fd& source, const linux::Fd& target, const std::string& name, const CopyRules& rules);

}  // namespace conductor::volume
