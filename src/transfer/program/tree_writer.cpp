#include "transfer/program/tree_writer.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

namespace conductor::transfer::program {
namespace {

using base::Error;
using linux::Fd;

void set_owner(int fd, const EntryMetadata& metadata) {
  if (fchownat(fd, "", metadata.uid, metadata.gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0)
    throw Error::from_errno("cannot set the owner");
}

// user.* where the file system has it; a capability of a program is part of what it is.
void set_attributes(int fd, const EntryMetadata& metadata) {
  for (const auto& [name, value] : metadata.attributes) {
    if (fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) == 0) continue;
    if (errno == ENOTSUP && name.starts_with("user.")) continue;
    throw Error::from_errno("cannot set the attribute " + base::escape_control(name));
  }
}

void set_times(int directory, const std::string& name, timespec modified) {
  const timespec times[2] = {modified, modified};
  if (utimensat(directory, name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
    throw Error::from_errno("cannot set the time");
}

}  // namespace

std::string clean_name(std::string_view name) {
  std::vector<std::string> parts;
  for (auto& part : base::split(name, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..")
      parts.push_back(std::move(part));
    else if (!parts.empty())
      parts.pop_back();
  }
  return base::join(parts, "/");
}

TreeWriter::Place TreeWriter::place(const std::string& name) {
  const auto slash = name.rfind('/');
  const std::string parent = slash == std::string::npos ? "" : name.substr(0, slash);
  if (!last_parent_fd_ || parent_is_stale_ || parent != last_parent_) {
    last_parent_fd_ = root_.make_directories(parent.empty() ? "." : parent);
    last_parent_ = parent;
    parent_is_stale_ = false;
  }
  return {last_parent_fd_.get(), slash == std::string::npos ? name : name.substr(slash + 1)};
}

void TreeWriter::make_room(const Place& place, const std::string& path, bool keep_directory) {
  struct stat found{};
  if (fstatat(place.parent, place.name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return;
    throw Error::from_errno("cannot look at it");
  }
  parent_is_stale_ = parent_is_stale_ || S_ISLNK(found.st_mode) || (S_ISDIR(found.st_mode) && !keep_directory);
  if (!S_ISDIR(found.st_mode)) {
    if (unlinkat(place.parent, place.name.c_str(), 0) != 0) throw Error::from_errno("cannot replace it");
  } else if (!keep_directory) {
    root_.remove_all(path);
  }
}

void TreeWriter::directory(const std::string& name, const EntryMetadata& metadata) {
  Fd made;
  if (name.empty()) {
    made = root_.open(".", O_RDONLY | O_DIRECTORY);
  } else {
    const Place at = place(name);
    make_room(at, name, true);
    if (mkdirat(at.parent, at.name.c_str(), 0700) != 0 && errno != EEXIST) throw Error::from_errno("cannot make it");
    made = linux::open_at(at.parent, at.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  }
  set_owner(made.get(), metadata);
  set_attributes(made.get(), metadata);
  if (fchmod(made.get(), metadata.mode) != 0) throw Error::from_errno("cannot set the mode");
  directory_times_.emplace_back(name, metadata.modified);
}

Fd TreeWriter::file(const std::string& name) {
  const Place at = place(name);
  make_room(at, name, false);
  return linux::open_at(at.parent, at.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY, 0600);
}

void TreeWriter::finish_file(const Fd& file, std::int64_t size, const EntryMetadata& metadata) {
  if (ftruncate(file.get(), size) != 0) throw Error::from_errno("cannot set the size");
  set_owner(file.get(), metadata);
  set_attributes(file.get(), metadata);
  if (fchmod(file.get(), metadata.mode) != 0) throw Error::from_errno("cannot set the mode");
  const timespec times[2] = {metadata.modified, metadata.modified};
  if (futimens(file.get(), times) != 0) throw Error::from_errno("cannot set the time");
}

void TreeWriter::symlink(const std::string& name, const std::string& target, const EntryMetadata& metadata) {
  const Place at = place(name);
  make_room(at, name, false);
  if (symlinkat(target.c_str(), at.parent, at.name.c_str()) != 0) throw Error::from_errno("cannot make the link");
  if (fchownat(at.parent, at.name.c_str(), metadata.uid, metadata.gid, AT_SYMLINK_NOFOLLOW) != 0)
    throw Error::from_errno("cannot set the owner");
  set_times(at.parent, at.name, metadata.modified);
}

void TreeWriter::hard_link(const std::string& name, const std::string& target) {
  const std::string from = clean_name(target);
  if (from == name) return;
  const auto slash = from.rfind('/');
  const auto parent = root_.try_open(slash == std::string::npos ? "." : from.substr(0, slash), O_PATH | O_DIRECTORY);
  const std::string last = slash == std::string::npos ? from : from.substr(slash + 1);
  struct stat found{};
  if (from.empty() || !parent || fstatat(parent->get(), last.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0)
    throw Error("the link's target " + base::escape_control(target) + " is not in the archive");
  const Place at = place(name);
  struct stat present{};
  const bool same = fstatat(at.parent, at.name.c_str(), &present, AT_SYMLINK_NOFOLLOW) == 0 &&
                    present.st_ino == found.st_ino && present.st_dev == found.st_dev;
  if (same) return;
  make_room(at, name, false);
  if (linkat(parent->get(), last.c_str(), at.parent, at.name.c_str(), 0) != 0)
    throw Error::from_errno("cannot link it to " + base::escape_control(target));
}

void TreeWriter::node(const std::string& name, mode_t type, dev_t device, const EntryMetadata& metadata) {
  const Place at = place(name);
  make_room(at, name, false);
  if (mknodat(at.parent, at.name.c_str(), type | 0600, device) != 0) throw Error::from_errno("cannot make the node");
  if (fchownat(at.parent, at.name.c_str(), metadata.uid, metadata.gid, AT_SYMLINK_NOFOLLOW) != 0)
    throw Error::from_errno("cannot set the owner");
  if (fchmodat(at.parent, at.name.c_str(), metadata.mode, 0) != 0) throw Error::from_errno("cannot set the mode");
  set_times(at.parent, at.name, metadata.modified);
}

// In their order: of a directory that came twice the last time counts. One that is gone again has none.
void TreeWriter::finish() {
  for (const auto& [name, modified] : directory_times_) {
    const auto directory = root_.try_open(name.empty() ? "." : name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!directory) continue;
    const timespec times[2] = {modified, modified};
    if (futimens(directory->get(), times) != 0)
      throw Error::from_errno("cannot set the time of " + base::escape_control(name));
  }
}

}  // namespace conductor::transfer::program
