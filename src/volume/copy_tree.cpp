#include "volume/copy_tree.hpp"

#include "base/error.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace conductor::volume {
namespace {

using base::Error;
using linux::Fd;

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

Error failed(const char* what, const std::string& name) { return Error::from_errno(std::string(what) + " " + name); }

bool is_whiteout(const struct stat& file) { return S_ISCHR(file.st_mode) && file.st_rdev == makedev(0, 0); }

std::string attribute(int fd, const char* name) {
  std::string value;
  for (;;) {
    const ssize_t size = fgetxattr(fd, name, nullptr, 0);
    if (size < 0) throw failed("cannot read the attribute", name);
    value.resize(static_cast<std::size_t>(size));
    const ssize_t got = fgetxattr(fd, name, value.data(), value.size());
    if (got < 0 && errno == ERANGE) continue;
    if (got < 0) throw failed("cannot read the attribute", name);
    value.resize(static_cast<std::size_t>(got));
    return value;
  }
}

void copy_attributes(int from, int to) {
  std::string names(XATTR_LIST_MAX, '\0');
  const ssize_t size = flistxattr(from, names.data(), names.size());
  if (size < 0 && errno == ENOTSUP) return;
  if (size < 0) throw Error::from_errno("cannot list extended attributes");
  names.resize(static_cast<std::size_t>(size));
  for (std::size_t at = 0; at < names.size(); at += std::string_view(names.c_str() + at).size() + 1) {
    const char* name = names.c_str() + at;
    if (std::string_view(name).starts_with("trusted.overlay.")) continue;
    const std::string value = attribute(from, name);
    if (fsetxattr(to, name, value.data(), value.size(), 0) != 0 && errno != ENOTSUP)
      throw failed("cannot set the attribute", name);
  }
}

// The owner first: changing it takes set-user-id bits and capabilities away.
void copy_metadata(int from, int to, const struct stat& file) {
  if (fchown(to, file.st_uid, file.st_gid) != 0) throw Error::from_errno("cannot set an owner");
  if (fchmod(to, file.st_mode & 07777U) != 0) throw Error::from_errno("cannot set a mode");
  copy_attributes(from, to);
  const timespec times[2] = {file.st_atim, file.st_mtim};
  if (futimens(to, times) != 0) throw Error::from_errno("cannot set times");
}

void copy_bytes(int from, int to, const std::string& name) {
  constexpr std::size_t piece = 1U << 30U;
  bool by_range = true;  // shares blocks where the file system can; not between all pairs of them
  for (;;) {
    const ssize_t size =
        by_range ? copy_file_range(from, nullptr, to, nullptr, piece, 0) : sendfile(to, from, nullptr, piece);
    if (size == 0) return;
    if (size > 0 || errno == EINTR) continue;
    const bool refused = errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP;
    if (!by_range || !refused) throw failed("cannot copy", name);
    by_range = false;
  }
}

class Copier {
 public:
  explicit Copier(int target) : target_(target) {}

  void directory(int from, int to) {
    Fd readable = linux::open_at(from, ".", O_RDONLY | O_DIRECTORY);
    const std::unique_ptr<DIR, CloseDirectory> stream(fdopendir(readable.get()));
    if (!stream) throw Error::from_errno("cannot list a directory");
    const int source = readable.release();
    for (;;) {
      errno = 0;
      const dirent* entry = readdir(stream.get());
      if (entry == nullptr) break;
      const std::string name = entry->d_name;
      if (name != "." && name != "..") copy(source, to, name);
    }
    if (errno != 0) throw Error::from_errno("cannot list a directory");
    struct stat found{};
    if (fstat(source, &found) != 0) throw Error::from_errno("cannot look at a directory");
    copy_metadata(source, to, found);  // last: the times
  }

 private:
  int target_;
  std::string path_ = ".";  // of the directory being filled, below target_, where nobody else makes links
  // Where the first name of a file with several names was copied to.
  std::map<std::pair<dev_t, ino_t>, std::string> linked_;

  void copy(int from, int to, const std::string& name) {
    struct stat file{};
    if (fstatat(from, name.c_str(), &file, AT_SYMLINK_NOFOLLOW) != 0) throw failed("cannot look at", name);
    if (is_whiteout(file) || (!S_ISDIR(file.st_mode) && file.st_nlink > 1 && link_again(to, name, file))) return;
    if (S_ISDIR(file.st_mode))
      below(from, to, name);
    else if (S_ISREG(file.st_mode))
      regular(from, to, name, file);
    else
      special(from, to, name, file);
    if (!S_ISDIR(file.st_mode) && file.st_nlink > 1)
      linked_.emplace(std::pair(file.st_dev, file.st_ino), path_ + "/" + name);
  }

  bool link_again(int to, const std::string& name, const struct stat& file) const {
    const auto first = linked_.find({file.st_dev, file.st_ino});
    if (first == linked_.end()) return false;
    if (linkat(target_, first->second.c_str(), to, name.c_str(), 0) != 0) throw failed("cannot link", name);
    return true;
  }

  void below(int from, int to, const std::string& name) {
    if (mkdirat(to, name.c_str(), 0700) != 0) throw failed("cannot make the directory", name);
    const Fd source = linux::open_at(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    const Fd target = linux::open_at(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    const std::size_t length = path_.size();
    path_ += "/" + name;
    directory(source.get(), target.get());
    path_.resize(length);
  }

  static void regular(int from, int to, const std::string& name, const struct stat& file) {
    const Fd source = linux::open_at(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const Fd target = linux::open_at(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    copy_bytes(source.get(), target.get(), name);
    copy_metadata(source.get(), target.get(), file);
  }

  // Symbolic links, FIFOs, sockets and devices.
  static void special(int from, int to, const std::string& name, const struct stat& file) {
    if (S_ISLNK(file.st_mode)) {
      std::string text(PATH_MAX, '\0');
      const ssize_t size = readlinkat(from, name.c_str(), text.data(), text.size());
      if (size < 0) throw failed("cannot read the link", name);
      text.resize(static_cast<std::size_t>(size));
      if (symlinkat(text.c_str(), to, name.c_str()) != 0) throw failed("cannot make the link", name);
    } else if (mknodat(to, name.c_str(), file.st_mode, file.st_rdev) != 0) {
      throw failed("cannot make", name);
    }
    if (fchownat(to, name.c_str(), file.st_uid, file.st_gid, AT_SYMLINK_NOFOLLOW) != 0)
      throw failed("cannot set the owner of", name);
    // No link is followed here: what has just been made is none, in a directory that nobody else sees.
    if (!S_ISLNK(file.st_mode) && fchmodat(to, name.c_str(), file.st_mode & 07777U, 0) != 0)
      throw failed("cannot set the mode of", name);
    const timespec times[2] = {file.st_atim, file.st_mtim};
    if (utimensat(to, name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) throw failed("cannot set the times of", name);
  }
};

}  // namespace

void copy_tree(const Fd& source, const Fd& target) { Copier(target.get()).directory(source.get(), target.get()); }

}  // namespace conductor::volume
