// Where a copy comes from and where it goes: docker's rules about names, slashes at their end and "/.". Both sides are
// looked at in the same way, each in a root of its own.
#pragma once

#include "linux/root_fd.hpp"

#include <sys/stat.h>

#include <string>

namespace conductor::engine {

struct CopySource {
  linux::Fd file;        // O_PATH; may be a link
  struct stat status{};  // its own
  std::string name;      // what it is called at the destination, when that is a directory that exists
  bool content = false;  // "/.": what is in the directory, not it itself
};
// `shown` is the path in messages. Throws Error when there is none, or "/" follows what is no directory.
CopySource find_source(const linux::RootFd& root, const std::string& path, bool follow, const std::string& shown);

struct CopyTarget {
  linux::Fd directory;  // that takes the new name; or the content, when `name` is empty
  std::string name;
};
// Nothing is made. Throws Error when the source cannot go there.
CopyTarget find_target(const linux::RootFd& root, const std::string& path, const CopySource& source,
                       const std::string& shown);

}  // namespace conductor::engine
