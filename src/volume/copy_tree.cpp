#include "volume/copy_tree.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "linux/root_fd.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace conductor::volume {
namespace {

using base::Error;
using linux::Fd;

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

Error failed(const char* what, const std::string& name) {
  return Error::from_errno(std::string(what) + " " + base::escape_control(name));
}

struct stat status_of(const Fd& fd) {
  struct stat found{};
  if (fstat(fd.get(), &found) != 0) throw Error::from_errno("cannot look at a file");
  return found;
}

std::optional<struct stat> status_at(int directory, const std::string& name) {
  struct stat found{};
  if (fstatat(directory, name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0) return found;
  if (errno == ENOENT) return std::nullopt;
  throw failed("cannot look at", name);
}

// What an O_PATH descriptor stands for, opened for use: no name is involved.
std::string path_of(const Fd& seen) { return "/proc/self/fd/" + std::to_string(seen.get()); }

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

constexpr const char* opaque_attribute = "trusted.overlay.opaque";

void copy_attributes(int from, int to, bool layer) {
  std::string names(XATTR_LIST_MAX, '\0');
  const ssize_t size = flistxattr(from, names.data(), names.size());
  if (size < 0 && errno == ENOTSUP) return;
  if (size < 0) throw Error::from_errno("cannot list extended attributes");
  names.resize(static_cast<std::size_t>(size));
  for (std::size_t at = 0; at < names.size(); at += std::string_view(names.c_str() + at).size() + 1) {
    const char* name = names.c_str() + at;
    const bool opaque = layer && std::string_view(name) == opaque_attribute;
    if (std::string_view(name).starts_with("trusted.overlay.") && !opaque) continue;
    const std::string value = attribute(from, name);
    if (fsetxattr(to, name, value.data(), value.size(), 0) != 0 && errno != ENOTSUP)
      throw failed("cannot set the attribute", name);
  }
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

// Files of /proc and their like say that they are empty.
void copy_unknown_size(int from, int to, const std::string& name) {
  std::string buffer(1U << 16U, '\0');
  for (;;) {
    const ssize_t size = read(from, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) throw failed("cannot read", name);
    if (size == 0) return;
    linux::write_all(to, std::string_view(buffer).substr(0, static_cast<std::size_t>(size)));
  }
}

bool is_mount_point(int directory, const std::string& name) {
  struct statx found{};
  if (statx(directory, name.c_str(), AT_SYMLINK_NOFOLLOW, 0, &found) != 0) return false;
  return (found.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

std::string name_beside() {
  std::uint64_t number = 0;
  if (getrandom(&number, sizeof number, 0) != static_cast<ssize_t>(sizeof number))
    throw Error::from_errno("cannot make a name");
  char text[40];
  std::snprintf(text, sizeof text, ".conductor-%016llx", static_cast<unsigned long long>(number));
  return text;
}

// A name that is being made in a directory: beside the final one when that exists, and gone again unless finished.
class NewName {
 public:
  NewName(int directory, std::string name, bool replaces)
      : directory_(directory), name_(std::move(name)), made_(replaces ? name_beside() : name_) {}
  ~NewName() {
    if (!finished_) unlinkat(directory_, made_.c_str(), 0);
  }
  NewName(const NewName&) = delete;
  NewName& operator=(const NewName&) = delete;
  const std::string& text() const { return made_; }
  void finish() {
    if (made_ != name_ && renameat(directory_, made_.c_str(), directory_, name_.c_str()) != 0)
      throw failed("cannot replace", name_);
    finished_ = true;
  }

 private:
  int directory_;
  std::string name_, made_;
  bool finished_ = false;
};

class Copier {
 public:
  Copier(int target, const CopyRules& rules) : target_(target), rules_(rules) {}

  void content(int from, int to) {
    const Fd readable = linux::open_at(from, ".", O_RDONLY | O_DIRECTORY);
    for (const auto& name : names_in(readable)) copy(readable.get(), to, name);
  }
  void entry(const Fd& seen, int to, const std::string& name) {
    const struct stat file = status_of(seen);
    if (is_whiteout(file) && !rules_.layer) return;
    const auto present = rules_.merge ? status_at(to, name) : std::nullopt;
    if (present) refuse_kinds(file, *present, name);
    ++copied_.entries;
    if (S_ISDIR(file.st_mode)) return directory(seen, to, name, present.has_value());
    if (file.st_nlink > 1 && link_again(to, name, file, present.has_value())) return;
    if (S_ISREG(file.st_mode) && present && is_mount_point(to, name)) return write_in_place(seen, to, name);
    NewName made(to, name, present.has_value());
    if (S_ISREG(file.st_mode))
      regular(seen, to, made.text(), file);
    else
      special(seen, to, made.text(), name, file);
    remember(to, made.text(), name, file);
    made.finish();
  }
  // The attributes of a directory, after its content: the times.
  void metadata(int from, int to, const struct stat& file) {
    const uid_t user = rules_.owner ? rules_.owner->user : file.st_uid;
    const gid_t group = rules_.owner ? rules_.owner->group : file.st_gid;
    // The owner first: changing it takes set-user-id bits and capabilities away.
    if (fchown(to, user, group) != 0) throw Error::from_errno("cannot set an owner");
    if (fchmod(to, mode_of(file)) != 0) throw Error::from_errno("cannot set a mode");
    if (!rules_.owner) copy_attributes(from, to, rules_.layer);
    const timespec times[2] = {file.st_atim, file.st_mtim};
    if (futimens(to, times) != 0) throw Error::from_errno("cannot set times");
  }
  const Copied& copied() const { return copied_; }

 private:
  struct First {  // the copy of a file with several names
    std::string path;
    dev_t device = 0;
    ino_t number = 0;
  };

  int target_;
  const CopyRules& rules_;
  std::string path_;  // of the directory being filled, below target_; empty or with "/" at its end
  std::map<std::pair<dev_t, ino_t>, First> linked_;
  Copied copied_;

  static std::vector<std::string> names_in(const Fd& readable) {
    Fd own = linux::open_at(readable.get(), ".", O_RDONLY | O_DIRECTORY);
    const std::unique_ptr<DIR, CloseDirectory> stream(fdopendir(own.get()));
    if (!stream) throw Error::from_errno("cannot list a directory");
    own.release();
    std::vector<std::string> names;
    for (;;) {
      errno = 0;
      const dirent* found = readdir(stream.get());
      if (found == nullptr) break;
      const std::string_view name = found->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    if (errno != 0) throw Error::from_errno("cannot list a directory");
    return names;
  }

  unsigned mode_of(const struct stat& file) const {
    const bool kept = !rules_.owner || S_ISDIR(file.st_mode);
    return file.st_mode & (kept ? 07777U : 01777U);
  }

  void copy(int from, int to, const std::string& name) {
    if (rules_.leave_out && rules_.leave_out(path_ + name)) return;
    const Fd seen(openat(from, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!seen && errno == ENOENT && rules_.changing) return;
    if (!seen) throw failed("cannot look at", name);
    entry(seen, to, name);
  }

  static void refuse_kinds(const struct stat& file, const struct stat& present, const std::string& name) {
    const std::string shown = "'" + base::escape_control(name) + "'";
    if (S_ISDIR(file.st_mode) && !S_ISDIR(present.st_mode))
      throw Error("cannot replace " + shown + ", which is no directory, by a directory");
    if (!S_ISDIR(file.st_mode) && S_ISDIR(present.st_mode))
      throw Error("cannot replace the directory " + shown + " by something that is none");
  }

  // The first name's copy, reached in the target's own root and compared with what was made: others may have moved it.
  bool link_again(int to, const std::string& name, const struct stat& file, bool present) const {
    const auto first = linked_.find({file.st_dev, file.st_ino});
    if (first == linked_.end()) return false;
    const linux::RootFd root(linux::open_at(target_, ".", O_PATH | O_DIRECTORY));
    const auto copy = root.try_open(first->second.path, O_PATH | O_NOFOLLOW);
    if (!copy) return false;
    const struct stat found = status_of(*copy);
    if (found.st_dev != first->second.device || found.st_ino != first->second.number) return false;
    NewName made(to, name, present);
    if (linkat(copy->get(), "", to, made.text().c_str(), AT_EMPTY_PATH) != 0) throw failed("cannot link", name);
    made.finish();
    return true;
  }

  void remember(int to, const std::string& made, const std::string& name, const struct stat& file) {
    if (file.st_nlink < 2) return;
    if (const auto copy = status_at(to, made))
      linked_.emplace(std::pair(file.st_dev, file.st_ino), First{path_ + name, copy->st_dev, copy->st_ino});
  }

  void directory(const Fd& seen, int to, const std::string& name, bool present) {
    if (!present && mkdirat(to, name.c_str(), 0700) != 0 && (errno != EEXIST || !rules_.merge))
      throw failed("cannot make the directory", name);
    const Fd source = linux::open_at(seen.get(), ".", O_RDONLY | O_DIRECTORY);
    const Fd target = linux::open_at(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    const std::size_t length = path_.size();
    path_ += name + "/";
    content(source.get(), target.get());
    path_.resize(length);
    if (!present || !rules_.owner) metadata(source.get(), target.get(), status_of(source));
  }

  void write_content(const Fd& seen, int target, const std::string& name) {
    const Fd source = linux::open_file(path_of(seen), O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (status_of(source).st_size > 0)
      copy_bytes(source.get(), target, name);
    else
      copy_unknown_size(source.get(), target, name);
  }

  void regular(const Fd& seen, int to, const std::string& name, const struct stat& file) {
    const Fd target = linux::open_at(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    write_content(seen, target.get(), name);
    const Fd source = linux::open_file(path_of(seen), O_RDONLY | O_NONBLOCK | O_NOCTTY);
    metadata(source.get(), target.get(), file);
    copied_.bytes += status_of(target).st_size;
  }

  // A file that something is mounted on has no other name to come from.
  void write_in_place(const Fd& seen, int to, const std::string& name) {
    const Fd there = linux::open_at(to, name, O_PATH | O_NOFOLLOW);
    if (!S_ISREG(status_of(there).st_mode)) throw Error("cannot write to '" + base::escape_control(name) + "'");
    const Fd target = linux::open_file(path_of(there), O_WRONLY | O_TRUNC | O_NOCTTY);
    write_content(seen, target.get(), name);
    copied_.bytes += status_of(target).st_size;
  }

  // Symbolic links, FIFOs, sockets and devices. `name` is the one to speak of.
  void special(const Fd& seen, int to, const std::string& made, const std::string& name,
               const struct stat& file) const {
    if (S_ISLNK(file.st_mode)) {
      std::string text(PATH_MAX, '\0');
      const ssize_t size = readlinkat(seen.get(), "", text.data(), text.size());
      if (size < 0) throw failed("cannot read the link", name);
      text.resize(static_cast<std::size_t>(size));
      if (symlinkat(text.c_str(), to, made.c_str()) != 0) throw failed("cannot make the link", name);
    } else {
      if (rules_.owner && (S_ISCHR(file.st_mode) || S_ISBLK(file.st_mode)))
        throw Error("'" + base::escape_control(name) + "' is a device").with_hint("-a copies devices, too");
      if (mknodat(to, made.c_str(), (file.st_mode & S_IFMT) | 0600U, file.st_rdev) != 0)
        throw failed("cannot make", name);
    }
    special_metadata(linux::open_at(to, made, O_PATH | O_NOFOLLOW), name, file);
  }

  void special_metadata(const Fd& made, const std::string& name, const struct stat& file) const {
    if ((status_of(made).st_mode & S_IFMT) != (file.st_mode & S_IFMT)) throw Error("'" + name + "' changed meanwhile");
    const uid_t user = rules_.owner ? rules_.owner->user : file.st_uid;
    const gid_t group = rules_.owner ? rules_.owner->group : file.st_gid;
    if (fchownat(made.get(), "", user, group, AT_EMPTY_PATH) != 0) throw failed("cannot set the owner of", name);
    if (!S_ISLNK(file.st_mode) && chmod(path_of(made).c_str(), mode_of(file)) != 0)
      throw failed("cannot set the mode of", name);
    const timespec times[2] = {file.st_atim, file.st_mtim};
    if (utimensat(made.get(), "", times, AT_EMPTY_PATH) != 0) throw failed("cannot set the times of", name);
  }
};

}  // namespace

void copy_tree(const Fd& source, const Fd& target) {
  const CopyRules rules;
  Copier copier(target.get(), rules);
  copier.content(source.get(), target.get());
  const Fd readable = linux::open_at(source.get(), ".", O_RDONLY | O_DIRECTORY);
  copier.metadata(readable.get(), target.get(), status_of(readable));
}

Copied copy_content(const Fd& source, const Fd& target, const CopyRules& rules) {
  Copier copier(target.get(), rules);
  copier.content(source.get(), target.get());
  return copier.copied();
}

Copied copy_file(const Fd& source, const Fd& target, const std::string& name, const CopyRules& rules) {
  Copier copier(target.get(), rules);
  copier.entry(source, target.get(), name);
  return copier.copied();
}

}  // namespace conductor::volume
