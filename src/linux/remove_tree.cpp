// Removing whole trees: RootFd::remove_all and remove_tree.
#include "base/error.hpp"
#include "linux/root_fd.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace conductor::linux {
namespace {

using base::Error;

std::uint64_t mount_of(int fd) {
  struct statx found{};
  if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &found) != 0) throw Error::from_errno("cannot look at a directory");
  return found.stx_mnt_id;
}

// Removes by directory descriptor and name, never by path. Goes on after a failure and tells the first one.
class Remover {
 public:
  explicit Remover(std::uint64_t mount) : mount_(mount) {}

  void remove(int directory, const std::string& name, bool is_directory) {
    if (!is_directory) {
      if (unlinkat(directory, name.c_str(), 0) == 0 || errno == ENOENT) return;
      if (errno != EISDIR) return fail("cannot remove " + name);
    }
    remove_directory(directory, name);
  }

  void finish() const {
    if (code_ != 0) throw Error(message_, code_);
  }

 private:
  // A deeper tree is flattened while it is removed, so that its depth costs neither descriptors nor stack.
  static constexpr int max_depth = 64;

  std::uint64_t mount_;
  int top_ = -1;
  int depth_ = 0;
  std::uint64_t moved_ = 0;
  std::string message_;
  int code_ = 0;

  void fail(std::string message) {
    if (code_ == 0) code_ = errno, message_ = std::move(message);
  }

  void remove_directory(int parent, const std::string& name) {
    if (unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return;
    if (errno == EBUSY) return fail(name + " is a mount point");
    if (depth_ >= max_depth) return move_up(parent, name);
    Fd fd(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) return fail("cannot open " + name);
    if (mount_of(fd.get()) != mount_) return errno = EBUSY, fail(name + " is a mount point");
    if (top_ < 0) top_ = fd.get();
    ++depth_;
    const std::uint64_t moved_before = moved_;
    empty(fd.get());
    // What was moved up from below the top is there now.
    while (fd.get() == top_ && moved_ != moved_before && code_ == 0 && has_entries(fd.get())) empty(fd.get());
    --depth_;
    if (unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) fail("cannot remove " + name);
  }

  void move_up(int parent, const std::string& name) {
    for (int tries = 0; tries < 1000; ++tries) {
      const std::string there = ".removed-" + std::to_string(moved_++);
      if (renameat2(parent, name.c_str(), top_, there.c_str(), RENAME_NOREPLACE) == 0) return;
      if (errno != EEXIST) break;
    }
    fail("cannot remove " + name);
  }

  template <class Visit>
  void each_entry(int directory, Visit&& visit) {
    const int own = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR* stream = own < 0 ? nullptr : fdopendir(own);
    if (stream == nullptr) {
      fail("cannot list a directory");
      if (own >= 0) close(own);
      return;
    }
    while (const dirent* entry = readdir(stream)) {
      const std::string name = entry->d_name;
      if (name != "." && name != ".." && !visit(name, entry->d_type == DT_DIR)) break;
    }
    closedir(stream);
  }

  void empty(int directory) {
    each_entry(directory, [&](const std::string& name, bool is_directory) {
      remove(directory, name, is_directory);
      return true;
    });
  }

  bool has_entries(int directory) {
    bool found = false;
    each_entry(directory, [&](const std::string&, bool) { return found = true, false; });
    return found;
  }
};

}  // namespace

void RootFd::remove_all(const std::string& path) const {
  const auto end = path.find_last_not_of('/');
  const std::string clean = end == std::string::npos ? "" : path.substr(0, end + 1);
  const auto slash = clean.rfind('/');
  const std::string name = slash == std::string::npos ? clean : clean.substr(slash + 1);
  if (name.empty() || name == "." || name == "..") throw Error("not the name of a file: " + path);
  const auto parent = try_open(slash == std::string::npos ? "." : clean.substr(0, slash + 1), O_PATH | O_DIRECTORY);
  if (!parent) return;
  const base::Context context("removing " + path);
  Remover remover(mount_of(parent->get()));
  remover.remove(parent->get(), name, false);
  remover.finish();
}

void remove_tree(const std::string& path) {
  const auto end = path.find_last_not_of('/');
  if (end == std::string::npos) throw base::Error("not the name of a tree: " + path);
  const auto slash = path.rfind('/', end);
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  auto parent = try_open(directory, O_PATH | O_DIRECTORY);
  if (!parent) return;
  RootFd(std::move(*parent)).remove_all(path.substr(slash == std::string::npos ? 0 : slash + 1));
}

}  // namespace conductor::linux
