#include "linux/root_fd.hpp"

#include "base/error.hpp"
#include "linux/path_walk.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>

namespace conductor::linux {
namespace {

using base::Error;

std::atomic<bool> walk_in_user_space = false;

// Returns an empty Fd and sets errno on failure. A rename or mount anywhere on the machine may make one `..` uncertain
// for the kernel (EAGAIN); somebody who provokes that for ever gets an error, not our time.
Fd open_in_root(int root, const std::string& path, int flags, mode_t mode, std::uint64_t resolve) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC | ((flags & O_PATH) != 0 ? 0 : O_NOCTTY));
  how.mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? mode & 07777U : 0U;
  how.resolve = resolve;
  long fd = -1;
  for (int tries = 0; tries < 128; ++tries) {
    fd = syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) break;
  }
  return Fd(static_cast<int>(fd));
}

Fd resolve(int root, const std::string& path, int flags, mode_t mode) {
  const std::string& name = path.empty() ? "." : path;
  if (!walk_in_user_space) {
    Fd fd = open_in_root(root, name, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
    if (fd || errno != ENOSYS) return fd;
    walk_in_user_space = true;
  }
  return walk({.root = root, .path = name, .flags = flags, .mode = mode});
}

bool is_absent() { return errno == ENOENT || errno == ENOTDIR; }

// A path as the directory and the name in it; a name that is none ("/", "a/..") cannot be made or removed.
struct Place {
  std::string directory;
  std::string name;
};
Place place_of(const std::string& path) {
  const auto end = path.find_last_not_of('/');
  const std::string clean = end == std::string::npos ? "" : path.substr(0, end + 1);
  const auto slash = clean.rfind('/');
  Place place;
  place.name = slash == std::string::npos ? clean : clean.substr(slash + 1);
  place.directory = slash == std::string::npos ? "." : clean.substr(0, slash + 1);
  if (place.name.empty() || place.name == "." || place.name == "..") throw Error("not the name of a file: " + path);
  return place;
}

}  // namespace

void force_userspace_walk(bool on) { walk_in_user_space = on; }

RootFd RootFd::open(const std::string& path) { return RootFd(open_file(path, O_PATH | O_DIRECTORY)); }

Fd RootFd::open(const std::string& path, int flags, mode_t mode) const {
  Fd fd = resolve(get(), path, flags, mode);
  if (!fd) throw Error::from_errno("cannot open " + path);
  return fd;
}

std::optional<Fd> RootFd::try_open(const std::string& path, int flags, mode_t mode) const {
  Fd fd = resolve(get(), path, flags, mode);
  if (fd) return fd;
  if (is_absent()) return std::nullopt;
  throw Error::from_errno("cannot open " + path);
}

std::optional<struct stat> RootFd::status(const std::string& path) const {
  const auto fd = try_open(path, O_PATH | O_NOFOLLOW);
  if (!fd) return std::nullopt;
  struct stat found{};
  if (fstat(fd->get(), &found) != 0) throw Error::from_errno("cannot look at " + path);
  return found;
}

std::optional<std::string> RootFd::read_link(const std::string& path) const {
  const auto fd = try_open(path, O_PATH | O_NOFOLLOW);
  if (!fd) return std::nullopt;
  char target[PATH_MAX];
  const ssize_t size = readlinkat(fd->get(), "", target, sizeof target);
  if (size >= 0) return std::string(target, static_cast<std::size_t>(size));
  if (errno == ENOENT || errno == EINVAL) return std::nullopt;  // not a link
  throw Error::from_errno("cannot read the link " + path);
}

std::optional<std::string> RootFd::read_file(const std::string& path, std::size_t limit) const {
  // Looked at first, so that no device or FIFO is opened; and again, because the name may lead elsewhere by then.
  struct stat found{};
  const auto seen = try_open(path, O_PATH);
  if (!seen || fstat(seen->get(), &found) != 0 || !S_ISREG(found.st_mode)) return std::nullopt;
  const auto fd = try_open(path, O_RDONLY | O_NONBLOCK);
  if (!fd || fstat(fd->get(), &found) != 0 || !S_ISREG(found.st_mode)) return std::nullopt;
  const base::Context context(path);
  return read_all(fd->get(), limit);
}

Fd RootFd::make_directories(const std::string& path, mode_t mode) const {
  if (auto present = try_open(path, O_PATH | O_DIRECTORY)) return std::move(*present);
  Fd made = walk(
      {.root = get(), .path = path, .flags = O_PATH | O_DIRECTORY, .mode = mode, .missing = Missing::make_directory});
  if (!made) throw Error::from_errno("cannot make the directory " + path);
  return made;
}

Fd RootFd::make_file(const std::string& path, mode_t mode) const {
  if (auto present = try_open(path, O_PATH)) return std::move(*present);
  Fd made = walk({.root = get(), .path = path, .flags = O_PATH, .mode = mode, .missing = Missing::make_file});
  if (!made) throw Error::from_errno("cannot make the file " + path);
  return made;
}

void RootFd::write_file(const std::string& path, std::string_view content, mode_t mode) const {
  const Place place = place_of(path);
  const Fd directory = make_directories(place.directory);
  if (unlinkat(directory.get(), place.name.c_str(), 0) != 0 && errno != ENOENT)
    throw Error::from_errno("cannot replace " + path);
  const Fd file(openat(directory.get(), place.name.c_str(),
                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0600));
  if (!file) throw Error::from_errno("cannot make " + path);
  const base::Context context(path);
  write_all(file.get(), content);
  if (fchmod(file.get(), mode) != 0) throw Error::from_errno("cannot set the mode");
}

void RootFd::symlink(const std::string& target, const std::string& path) const {
  const Place place = place_of(path);
  const Fd directory = open(place.directory, O_PATH | O_DIRECTORY);
  if (symlinkat(target.c_str(), directory.get(), place.name.c_str()) != 0)
    throw Error::from_errno("cannot make the link " + path);
}

void RootFd::remove(const std::string& path) const {
  const Place place = place_of(path);
  const auto directory = try_open(place.directory, O_PATH | O_DIRECTORY);
  if (!directory || unlinkat(directory->get(), place.name.c_str(), 0) == 0 || errno == ENOENT) return;
  if (errno == EISDIR && unlinkat(directory->get(), place.name.c_str(), AT_REMOVEDIR) == 0) return;
  throw Error::from_errno("cannot remove " + path);
}

std::vector<std::string> RootFd::list(const std::string& path) const {
  Fd fd = open(path, O_RDONLY | O_DIRECTORY);
  DIR* stream = fdopendir(fd.get());
  if (stream == nullptr) throw Error::from_errno("cannot list " + path);
  fd.release();
  std::vector<std::string> names;
  while (const dirent* entry = readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  closedir(stream);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace conductor::linux
