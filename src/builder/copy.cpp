#include "builder/copy.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "builder/content_hashes.hpp"
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

std::string below(const std::string& directory, const std::string& name) {
  return directory.empty() ? name : directory + "/" + name;
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

// That a copy is what the key of its step says.
void require_same(int copy, const InputFile& file) {
  if (lseek(copy, 0, SEEK_SET) != 0) throw Error::from_errno("cannot read a copy");
  if (hash_of(copy, file.status.st_size, file.path) != file.content)
    throw Error(base::escape_control(file.path) + " changed while it was copied");
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

MadeDirectory make_directories(const linux::RootFd& tree, const std::string& path, const Owner& owner) {
  const auto real = canonical_path(tree, path, true);
  if (!real) throw Error("the links of " + path + " lead nowhere");
  MadeDirectory result{*real};
  std::string prefix;
  for (const auto& name : base::split(*real, '/')) {
    prefix = below(prefix, name);
    const auto status = tree.status(prefix);
    if (status && !S_ISDIR(status->st_mode)) throw Error("a file stands in the place of the directory /" + prefix);
    if (status) continue;
    const linux::Fd directory = tree.make_directories(prefix, 0755);
    result.made = true;
    if (fchownat(directory.get(), "", owner.user, owner.group, AT_EMPTY_PATH) != 0)
      throw Error::from_errno("cannot set the owner of /" + prefix);
  }
  return result;
}

Place Copier::place(bool directory, const std::string& name) const {
  const bool there = tree_.try_open(order_.destination, O_PATH | O_DIRECTORY).has_value();
  Place place = place_for(order_.destination, there, directory, name);
  if (directory || there || order_.destination.ends_with('/')) return place;
  // A link in the image that stands in a file's place says where the file goes.
  const auto real = canonical_path(tree_, order_.destination, true);
  return real && !real->empty() ? place_for("/" + *real, false, false, name) : place;
}

mode_t Copier::mode_of(const struct stat& status) const {
  const mode_t mode = status.st_mode & 07777U;
  return order_.mode ? order_.mode->apply(mode, S_ISDIR(status.st_mode)) : mode;
}

void Copier::set_owner(int fd, const struct stat& status, const std::string& path) const {
  const Owner owner = order_.owner.value_or(Owner{status.st_uid, status.st_gid});
  if (fchown(fd, owner.user, owner.group) != 0 || fchmod(fd, mode_of(status)) != 0)  // chown clears set-user-ID
    throw Error::from_errno("cannot set the owner and mode of " + path);
}

void Copier::set_owner_at(int directory, const std::string& name, const struct stat& status,
                          const std::string& path) const {
  const Owner owner = order_.owner.value_or(Owner{status.st_uid, status.st_gid});
  const timespec times[2] = {status.st_atim, status.st_mtim};
  if (fchownat(directory, name.c_str(), owner.user, owner.group, AT_SYMLINK_NOFOLLOW) != 0 ||
      (!S_ISLNK(status.st_mode) && fchmodat(directory, name.c_str(), mode_of(status), 0) != 0) ||
      utimensat(directory, name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
    throw Error::from_errno("cannot set the owner, mode and time of " + path);
}

Copier::Directory Copier::make_destination(const std::string& path) const {
  const MadeDirectory there = make_directories(tree_, path, order_.owner.value_or(Owner{}));
  Directory result;
  result.itself = true;
  if (there.made || &tree_ == &upper_)
    open_made(result, there.path);
  else
    result.fd = tree_.open(there.path, O_RDONLY | O_DIRECTORY);
  return result;
}

void Copier::copy(const linux::RootFd& from, const Selected& source) {
  const InputFile& first = source.files.front();
  const Place where = place(source.directory, first.target);
  if (source.directory) return copy_directory(from, source, where.directory);
  copy_entry(from, first, make_destination(where.directory), where.name, where.directory + "/" + where.name);
}

void Copier::write(const InlineFile& file) {
  const Place where = place(false, file.name);
  const Directory directory = make_destination(where.directory);
  const std::string path = where.directory + "/" + where.name;
  const linux::Fd out(make_entry(directory.fd.get(), where.name, path, [&] {
    return openat(directory.fd.get(), where.name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  }));
  const base::Context context(path);
  linux::write_all(out.get(), file.content);
  struct stat status{};  // root's
  status.st_mode = S_IFREG | 0644;
  set_owner(out.get(), status, path);
}

// A directory just made through the overlay, as it lies in the upper directory.
void Copier::open_made(Directory& directory, const std::string& path) const {
  directory.upper = canonical_path(tree_, path);
  if (!directory.upper) throw Error("the directory " + path + " is gone");
  directory.fd = upper_.open(*directory.upper, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

Copier::Directory Copier::enter(const Directory& parent, const InputFile& file, const std::string& path) const {
  const std::string name = last_name(file.target);
  constexpr int itself = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  Directory directory;
  directory.target = file.target;
  directory.source = &file;
  const bool made = mkdirat(parent.fd.get(), name.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) throw Error::from_errno("cannot make the directory " + path);
  if (made && !parent.upper) {
    open_made(directory, path);
    return directory;
  }
  directory.fd = linux::Fd(openat(parent.fd.get(), name.c_str(), itself));
  const int code = directory.fd ? 0 : errno;
  if (parent.upper && (made || &tree_ == &upper_)) directory.upper = below(*parent.upper, name);
  if (directory.fd) return directory;
  if (made || (code != ELOOP && code != ENOTDIR)) throw Error("cannot open the directory " + path, code);
  // A link to a directory of the image: its contents go where it points, and what it points to stays as it is.
  auto linked = tree_.try_open(path, O_RDONLY | O_DIRECTORY);
  if (!linked) throw Error("a file stands in the place of the directory " + path);
  directory.fd = std::move(*linked);
  directory.source = nullptr;
  return directory;
}

void Copier::leave(const linux::RootFd& from, const Directory& directory) const {
  if (directory.source == nullptr) return;
  const InputFile& source = *directory.source;
  if (!directory.itself) {
    set_owner(directory.fd.get(), source.status, directory.target);
    if (!source.content.empty())
      copy_attributes(from.open(source.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW).get(), directory.fd.get(),
                      directory.target);
  }
  set_times(directory.fd.get(), source.status, directory.target);
}

// Entries come parents first, so the directories that are open are always the way down to the current one.
void Copier::copy_directory(const linux::RootFd& from, const Selected& source, const std::string& destination) {
  std::vector<Directory> open;
  open.push_back(make_destination(destination));
  open.back().source = &source.files.front();
  for (std::size_t i = 1; i < source.files.size(); ++i) {
    const InputFile& file = source.files[i];
    const std::string parent = parent_of(file.target);
    for (; open.back().target != parent; open.pop_back()) leave(from, open.back());
    const std::string path = (destination == "/" ? "" : destination) + "/" + file.target;
    if (S_ISDIR(file.status.st_mode))
      open.push_back(enter(open.back(), file, path));
    else
      copy_entry(from, file, open.back(), last_name(file.target), path);
  }
  for (; !open.empty(); open.pop_back()) leave(from, open.back());
}

void Copier::copy_entry(const linux::RootFd& from, const InputFile& file, const Directory& directory,
                        const std::string& name, const std::string& path) {
  const mode_t type = file.status.st_mode & S_IFMT;
  if (type != S_IFREG && type != S_IFLNK && type != S_IFIFO && type != S_IFCHR && type != S_IFBLK) return;
  if (type == S_IFCHR && file.status.st_rdev == 0) return;  // an overlay's whiteout, seen without the overlay
  if (link_again(file, directory, name, path)) return;
  if (type == S_IFREG) {
    copy_regular(from, file, directory, name, path);
  } else {
    make_entry(directory.fd.get(), name, path, [&] {
      return type == S_IFLNK ? symlinkat(file.content.c_str(), directory.fd.get(), name.c_str())
                             : mknodat(directory.fd.get(), name.c_str(), type | 0600U, file.status.st_rdev);
    });
    set_owner_at(directory.fd.get(), name, file.status, path);
  }
  struct stat made{};
  if (file.status.st_nlink < 2 || fstatat(directory.fd.get(), name.c_str(), &made, AT_SYMLINK_NOFOLLOW) != 0) return;
  linked_[{file.status.st_dev, file.status.st_ino}] = {real_path(directory, name, path), made.st_ino};
}

void Copier::copy_regular(const linux::RootFd& from, const InputFile& file, const Directory& directory,
                          const std::string& name, const std::string& path) {
  const linux::Fd out(make_entry(directory.fd.get(), name, path, [&] {
    return openat(directory.fd.get(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  }));
  if (!file.spooled.empty()) return take_spooled(file, directory, name, path);
  if (file.bytes) {
    const base::Context context(path);
    linux::write_all(out.get(), *file.bytes);
    set_owner(out.get(), file.status, path);
    if (copied_) copied_(file.status.st_size);
  } else {
    const linux::Fd in = from.open(file.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    copy_content(in.get(), out.get(), file.status, path, copied_);
    struct stat after{};
    if (fstat(in.get(), &after) != 0) throw Error::from_errno("cannot look at " + file.path);
    if (!same_state(file.status, after)) throw Error(base::escape_control(file.path) + " changed while it was copied");
    set_owner(out.get(), file.status, path);
    copy_attributes(in.get(), out.get(), path);
    if (file.unsettled) require_same(out.get(), file);
  }
  set_times(out.get(), file.status, path);
}

// The copy that was made with the hash takes the place of the empty file, in the upper directory: what the overlay
// still knows of that file is wrong from here on, so nothing else of the step may have its name.
void Copier::take_spooled(const InputFile& file, const Directory& directory, const std::string& name,
                          const std::string& path) const {
  const linux::Fd ready = linux::open_file(file.spooled, O_RDWR | O_NOFOLLOW);
  if (file.unsettled) require_same(ready.get(), file);
  set_owner(ready.get(), file.status, path);
  set_times(ready.get(), file.status, path);
  const std::string real = real_path(directory, "", path);
  const linux::Fd upper = upper_.open(real, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (renameat(AT_FDCWD, file.spooled.c_str(), upper.get(), name.c_str()) != 0)
    throw Error::from_errno("cannot put " + path + " into the layer");
  if (copied_) copied_(file.status.st_size);
}

// Of an entry of a directory, or with an empty name of the directory; without links, the same in both trees.
std::string Copier::real_path(const Directory& directory, const std::string& name, const std::string& path) const {
  const auto parent = directory.upper ? directory.upper : canonical_path(tree_, parent_of(path));
  if (!parent) throw Error("the directory of " + path + " is gone");
  return name.empty() ? *parent : below(*parent, name);
}

// A further name of a file that was copied already, and is still what stands where it was copied to. To the kernel the
// overlay and its upper directory are two file systems: the first name is looked up in the one that gets the second.
bool Copier::link_again(const InputFile& file, const Directory& directory, const std::string& name,
                        const std::string& path) {
  if (file.status.st_nlink < 2) return false;
  const auto known = linked_.find({file.status.st_dev, file.status.st_ino});
  if (known == linked_.end() || known->second.path == real_path(directory, name, path)) return false;
  const auto first = (directory.upper ? upper_ : tree_).try_open(known->second.path, O_PATH | O_NOFOLLOW);
  struct stat there{};
  if (!first || fstat(first->get(), &there) != 0 || there.st_ino != known->second.inode) return false;
  const std::string handle = "/proc/self/fd/" + std::to_string(first->get());
  make_entry(directory.fd.get(), name, path,
             [&] { return linkat(AT_FDCWD, handle.c_str(), directory.fd.get(), name.c_str(), AT_SYMLINK_FOLLOW); });
  return true;
}

}  // namespace conductor::builder
