#include "builder/copy.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "builder/file_content.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace conductor::builder {
namespace {

using base::Error;

std::string last_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }
std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

std::string without_end_slashes(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

// Calls `make` for a name; what is there and no directory gives way. A directory is never replaced by something else.
template <class Make>
auto make_entry(int directory, const std::string& name, const std::string& path, Make make) {
  auto made = make();
  if (made >= 0) return made;
  struct stat there{};
  if (errno == EEXIST && fstatat(directory, name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0) {
    if (S_ISDIR(there.st_mode)) throw Error("a directory stands in the place of the file " + path);
    if (unlinkat(directory, name.c_str(), 0) != 0) throw Error::from_errno("cannot replace " + path);
    made = make();
  }
  if (made < 0) throw Error::from_errno("cannot make " + path);
  return made;
}

void set_times(int fd, const struct stat& status, const std::string& path) {
  const timespec times[2] = {status.st_atim, status.st_mtim};
  if (futimens(fd, times) != 0) throw Error::from_errno("cannot set the time of " + path);
}

bool same_state(const struct stat& a, const struct stat& b) {
  return a.st_ino == b.st_ino && a.st_size == b.st_size && a.st_ctim.tv_sec == b.st_ctim.tv_sec &&
         a.st_ctim.tv_nsec == b.st_ctim.tv_nsec;
}

}  // namespace

Place place_for(const std::string& destination, bool destination_is_directory, bool source_is_directory,
                const std::string& name) {
  const std::string clean = without_end_slashes(destination);
  if (source_is_directory) return {clean, {}};
  if (destination.ends_with('/') || destination_is_directory) return {clean, name};
  const std::string parent = parent_of(clean);
  return {parent.empty() ? "/" : parent, last_name(clean)};
}

Place Copier::place(bool directory, const std::string& name) const {
  const bool there = tree_.try_open(order_.destination, O_PATH | O_DIRECTORY).has_value();
  Place place = place_for(order_.destination, there, directory, name);
  if (directory || there || order_.destination.ends_with('/')) return place;
  // A link in the image that stands in a file's place says where the file goes.
  const auto real = canonical_path(tree_, order_.destination, true);
  return real && !real->empty() ? place_for("/" + *real, false, false, name) : place;
}

void Copier::set_owner(int fd, const struct stat& status, const std::string& path) const {
  const Owner owner = order_.owner.value_or(Owner{status.st_uid, status.st_gid});
  const mode_t mode = order_.mode.value_or(status.st_mode & 07777U);
  if (fchown(fd, owner.user, owner.group) != 0 || fchmod(fd, mode) != 0)  // in this order: chown clears set-user-ID
    throw Error::from_errno("cannot set the owner and mode of " + path);
}

void Copier::set_owner_at(int directory, const std::string& name, const struct stat& status,
                          const std::string& path) const {
  const Owner owner = order_.owner.value_or(Owner{status.st_uid, status.st_gid});
  const timespec times[2] = {status.st_atim, status.st_mtim};
  if (fchownat(directory, name.c_str(), owner.user, owner.group, AT_SYMLINK_NOFOLLOW) != 0 ||
      (!S_ISLNK(status.st_mode) &&
       fchmodat(directory, name.c_str(), order_.mode.value_or(status.st_mode & 07777U), 0) != 0) ||
      utimensat(directory, name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
    throw Error::from_errno("cannot set the owner, mode and time of " + path);
}

// Directories on the way to a file: 0755, with the owner that --chown gives.
linux::Fd Copier::make_parents(const std::string& path, bool& made) const {
  made = false;
  std::string prefix;
  for (const auto& name : base::split(path, '/')) {
    if (name.empty()) continue;
    prefix += "/" + name;
    if (tree_.try_open(prefix, O_PATH | O_DIRECTORY)) continue;
    const linux::Fd directory = tree_.make_directories(prefix, 0755);
    made = true;
    const Owner owner = order_.owner.value_or(Owner{});
    if (fchownat(directory.get(), "", owner.user, owner.group, AT_EMPTY_PATH) != 0)
      throw Error::from_errno("cannot set the owner of " + prefix);
  }
  return tree_.open(path, O_RDONLY | O_DIRECTORY);
}

void Copier::copy(const linux::RootFd& from, const Selected& source) {
  const InputFile& first = source.files.front();
  const Place where = place(source.directory, first.target);
  if (source.directory) return copy_directory(from, source, where.directory);
  bool made = false;
  const Directory directory{{}, make_parents(where.directory, made), std::nullopt, {}};
  copy_entry(from, first, directory, where.name, where.directory + "/" + where.name);
}

void Copier::write(const InlineFile& file) {
  const Place where = place(false, file.name);
  bool made = false;
  const linux::Fd directory = make_parents(where.directory, made);
  const std::string path = where.directory + "/" + where.name;
  const linux::Fd out(make_entry(directory.get(), where.name, path, [&] {
    return openat(directory.get(), where.name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  }));
  const base::Context context(path);
  linux::write_all(out.get(), file.content);
  const Owner owner = order_.owner.value_or(Owner{});
  if (fchown(out.get(), owner.user, owner.group) != 0 || fchmod(out.get(), order_.mode.value_or(0644)) != 0)
    throw Error::from_errno("cannot set the owner and mode");
}

// A directory just made through the overlay, as it lies in the upper directory.
Copier::Directory Copier::made_directory(const InputFile& file, const std::string& path) const {
  const auto real = canonical_path(tree_, path);
  if (!real) throw Error("the directory " + path + " is gone");
  return {file.target, upper_.open(*real, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), file.status, *real};
}

Copier::Directory Copier::enter(const Directory& parent, const InputFile& file, const std::string& path) const {
  const std::string name = last_name(file.target);
  constexpr int itself = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  const bool made = mkdirat(parent.fd.get(), name.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) throw Error::from_errno("cannot make the directory " + path);
  if (made && parent.upper.empty()) return made_directory(file, path);
  linux::Fd fd(openat(parent.fd.get(), name.c_str(), itself));
  if (fd) return {file.target, std::move(fd), file.status, made ? parent.upper + "/" + name : ""};
  // A link to a directory of the image: its contents go where it points, and what it points to stays as it is.
  if (auto linked = tree_.try_open(path, O_RDONLY | O_DIRECTORY))
    return {file.target, std::move(*linked), std::nullopt, {}};
  throw Error("a file stands in the place of the directory " + path);
}

void Copier::leave(const Directory& directory) const {
  if (!directory.status) return;
  set_owner(directory.fd.get(), *directory.status, directory.target);
  set_times(directory.fd.get(), *directory.status, directory.target);
}

// Entries come parents first, so the directories that are open are always the way down to the current one.
void Copier::copy_directory(const linux::RootFd& from, const Selected& source, const std::string& destination) {
  std::vector<Directory> open;
  bool made = false;
  linux::Fd top = make_parents(destination, made);
  if (made)
    open.push_back(made_directory(source.files.front(), destination));
  else
    open.push_back({{}, std::move(top), std::nullopt, {}});
  open.back().target.clear();
  const std::string root = destination == "/" ? "" : destination;
  for (std::size_t i = 1; i < source.files.size(); ++i) {
    const InputFile& file = source.files[i];
    const std::string parent = parent_of(file.target);
    while (open.back().target != parent) {
      leave(open.back());
      open.pop_back();
    }
    const std::string path = root + "/" + file.target;
    if (S_ISDIR(file.status.st_mode))
      open.push_back(enter(open.back(), file, path));
    else
      copy_entry(from, file, open.back(), last_name(file.target), path);
  }
  for (; !open.empty(); open.pop_back()) leave(open.back());
}

void Copier::copy_entry(const linux::RootFd& from, const InputFile& file, const Directory& directory,
                        const std::string& name, const std::string& path) {
  const mode_t type = file.status.st_mode & S_IFMT;
  if (type != S_IFREG && type != S_IFLNK && type != S_IFIFO && type != S_IFCHR && type != S_IFBLK) return;
  if (type == S_IFCHR && file.status.st_rdev == 0) return;  // an overlay's whiteout, seen without the overlay
  if (link_again(file, directory, name, path)) return;
  if (type == S_IFREG) {
    copy_regular(from, file, directory.fd, name, path);
  } else {
    make_entry(directory.fd.get(), name, path, [&] {
      return type == S_IFLNK ? symlinkat(file.content.c_str(), directory.fd.get(), name.c_str())
                             : mknodat(directory.fd.get(), name.c_str(), type | 0600U, file.status.st_rdev);
    });
    set_owner_at(directory.fd.get(), name, file.status, path);
  }
  struct stat made{};
  if (file.status.st_nlink < 2 || fstatat(directory.fd.get(), name.c_str(), &made, AT_SYMLINK_NOFOLLOW) != 0) return;
  const bool upper = !directory.upper.empty();
  linked_[{file.status.st_dev, file.status.st_ino}] = {upper ? directory.upper + "/" + name : path, made.st_ino, upper};
}

void Copier::copy_regular(const linux::RootFd& from, const InputFile& file, const linux::Fd& directory,
                          const std::string& name, const std::string& path) {
  const linux::Fd out(make_entry(directory.get(), name, path, [&] {
    return openat(directory.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  }));
  if (file.bytes) {
    const base::Context context(path);
    linux::write_all(out.get(), *file.bytes);
    set_owner(out.get(), file.status, path);
  } else {
    const linux::Fd in = from.open(file.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    copy_content(in.get(), out.get(), file.status, path);
    struct stat after{};
    if (fstat(in.get(), &after) != 0) throw Error::from_errno("cannot look at " + file.path);
    if (!same_state(file.status, after)) throw Error(base::escape_control(file.path) + " changed while it was copied");
    set_owner(out.get(), file.status, path);
    copy_attributes(in.get(), out.get(), path);
  }
  set_times(out.get(), file.status, path);
}

// A further name of a file that was copied already, and is still what stands where it was copied to. The overlay and
// its upper directory are two file systems to the kernel: a name in one is no further name of a file in the other.
bool Copier::link_again(const InputFile& file, const Directory& directory, const std::string& name,
                        const std::string& path) {
  if (file.status.st_nlink < 2) return false;
  const auto known = linked_.find({file.status.st_dev, file.status.st_ino});
  const bool upper = !directory.upper.empty();
  if (known == linked_.end() || known->second.upper != upper || known->second.path == path) return false;
  const auto first = (upper ? upper_ : tree_).try_open(known->second.path, O_PATH | O_NOFOLLOW);
  struct stat there{};
  if (!first || fstat(first->get(), &there) != 0 || there.st_ino != known->second.inode) return false;
  const std::string handle = "/proc/self/fd/" + std::to_string(first->get());
  make_entry(directory.fd.get(), name, path,
             [&] { return linkat(AT_FDCWD, handle.c_str(), directory.fd.get(), name.c_str(), AT_SYMLINK_FOLLOW); });
  return true;
}

}  // namespace conductor::builder
