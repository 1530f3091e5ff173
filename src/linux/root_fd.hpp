// Access to files below a root that somebody else controls: the one way we touch a container's file system. Every name
// is resolved inside that root as if it were "/": `..` and links, absolute ones too, cannot lead out (openat2(2),
// RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS; a walk in user space where the kernel lacks it).
#pragma once

#include "linux/fd.hpp"

#include <sys/stat.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::linux {

class RootFd {
 public:
  explicit RootFd(Fd directory) : directory_(std::move(directory)) {}
  static RootFd open(const std::string& path);  // a directory of ours
  int get() const { return directory_.get(); }

  // Links are followed inside the root, the last one too unless O_NOFOLLOW is given. Throws Error naming the path.
  Fd open(const std::string& path, int flags, mode_t mode = 0) const;
  std::optional<Fd> try_open(const std::string& path, int flags, mode_t mode = 0) const;  // nothing on ENOENT, ENOTDIR
  std::optional<struct stat> status(const std::string& path) const;                       // lstat; nothing when absent
  std::optional<std::string> read_link(const std::string& path) const;

  // A regular file of at most `limit` bytes, opened without blocking; nothing when absent or not regular.
  std::optional<std::string> read_file(const std::string& path, std::size_t limit) const;

  // Opens (O_PATH) the directory, making what is missing with `mode` one component at a time.
  Fd make_directories(const std::string& path, mode_t mode = 0755) const;
  // Opens (O_PATH) the file, making it empty, and its directories, when absent.
  Fd make_file(const std::string& path, mode_t mode = 0644) const;
  // Replaces whatever is not a directory there.
  void write_file(const std::string& path, std::string_view content, mode_t mode = 0644) const;
  void symlink(const std::string& target, const std::string& path) const;
  void remove(const std::string& path) const;      // file or empty directory; absent is fine
  void remove_all(const std::string& path) const;  // a tree, never crossing into another mount; absent is fine

  // Entry names of a directory, sorted, without "." and "..".
  std::vector<std::string> list(const std::string& path) const;

 private:
  Fd directory_;
};

// Removes a tree of ours by path, through RootFd; absent is fine.
void remove_tree(const std::string& path);

// True: names are walked in user space although the kernel has openat2. For tests of the walk.
void force_userspace_walk(bool on);

}  // namespace conductor::linux
