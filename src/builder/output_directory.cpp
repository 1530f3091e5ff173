#include "builder/output_directory.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "store/records.hpp"
#include "volume/copy_tree.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>

namespace conductor::builder {
namespace {

using base::Error;

// Where the copy is until it is whole, below the directory itself: so that renaming is enough afterwards.
constexpr const char* staging = ".conductor-output";
constexpr int read_directory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

std::optional<struct stat> status_at(const linux::Fd& directory, const std::string& name) {
  struct stat found{};
  if (fstatat(directory.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0) return found;
  if (errno == ENOENT) return std::nullopt;
  throw Error::from_errno("cannot look at " + base::escape_control(name));
}

bool is_directory(const std::optional<struct stat>& status) { return status && S_ISDIR(status->st_mode); }

std::vector<std::string> names_in(const linux::Fd& directory) { return linux::RootFd(directory.duplicate()).list(""); }

struct Pair {
  linux::Fd from, to;
  Pair below(const std::string& name) const {
    return {linux::open_at(from.get(), name, read_directory), linux::open_at(to.get(), name, read_directory)};
  }
};

void refuse_conflicts(const Pair& pair, const std::string& path) {
  for (const auto& name : names_in(pair.from)) {
    const auto there = status_at(pair.to, name);
    if (!is_directory(there)) continue;
    if (!is_directory(status_at(pair.from, name)))
      throw Error(base::escape_control(path + name) + " is a directory, and in the image it is none")
          .with_hint("remove the directory, or choose another destination");
    refuse_conflicts(pair.below(name), path + name + "/");
  }
}

// What the tree says about a directory holds for one that was there, too.
void take_over(const linux::Fd& from, const linux::Fd& to) {
  struct stat status{};
  if (fstat(from.get(), &status) != 0) throw Error::from_errno("cannot look at a directory");
  const timespec times[2] = {status.st_atim, status.st_mtim};
  if (fchown(to.get(), status.st_uid, status.st_gid) != 0 || fchmod(to.get(), status.st_mode & 07777U) != 0 ||
      futimens(to.get(), times) != 0)
    throw Error::from_errno("cannot set the attributes of a directory");
}

void move_all(const Pair& pair) {
  for (const auto& name : names_in(pair.from)) {
    const bool directory = is_directory(status_at(pair.from, name));
    const auto there = status_at(pair.to, name);
    if (directory && is_directory(there)) {
      const Pair inner = pair.below(name);
      move_all(inner);
      take_over(inner.from, inner.to);
      continue;
    }
    if (directory && there && unlinkat(pair.to.get(), name.c_str(), 0) != 0)
      throw Error::from_errno("cannot replace " + base::escape_control(name));
    if (renameat(pair.from.get(), name.c_str(), pair.to.get(), name.c_str()) != 0)
      throw Error::from_errno("cannot write " + base::escape_control(name));
  }
}

// For everybody to read, whatever our umask, when it is not there yet.
void make_public_directory(const std::string& directory) {
  if (access(directory.c_str(), F_OK) == 0) return;
  store::make_directory(directory, 0755);
  if (chmod(directory.c_str(), 0755) != 0) throw Error::from_errno("cannot set the mode of " + directory);
}

// The copy, and its end whatever happens. Locked, so that what another left behind is nobody's.
class Staging {
 public:
  explicit Staging(const std::string& path) : root_(linux::Fd(linux::open_file(path, O_RDONLY | O_DIRECTORY))) {
    if (flock(root_.get(), LOCK_EX | LOCK_NB) != 0) throw Error("another build writes there");
    root_.remove_all(staging);
    if (mkdirat(root_.get(), staging, 0700) != 0) throw Error::from_errno("cannot make a directory in it");
  }
  ~Staging() {
    try {
      root_.remove_all(staging);
    } catch (const std::exception&) {
      // What remains is removed by the next one.
    }
  }
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  Pair pair() const {
    return {linux::open_at(root_.get(), staging, read_directory), linux::open_at(root_.get(), ".", read_directory)};
  }

 private:
  linux::RootFd root_;
};

}  // namespace

void write_directory(const linux::RootFd& tree, const std::string& directory) {
  const base::Context context("writing files to " + directory);
  make_public_directory(directory);
  const Staging stage(directory);
  const Pair pair = stage.pair();
  volume::copy_tree(linux::open_at(tree.get(), ".", read_directory), pair.from);
  refuse_conflicts(pair, "");
  move_all(pair);
}

}  // namespace conductor::builder
