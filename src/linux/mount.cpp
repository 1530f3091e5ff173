#include "linux/mount.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "linux/new_mount.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

namespace conductor::linux {
namespace {

using base::Error;

// Fields of /proc/PID/mountinfo write blank, tab, line end and backslash as \ooo (proc(5)).
std::string unescape(std::string_view field) {
  std::string text;
  const auto octal = [](char c) { return c >= '0' && c <= '7'; };
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] == '\\' && i + 3 < field.size() && octal(field[i + 1]) && octal(field[i + 2]) && octal(field[i + 3])) {
      text += static_cast<char>((field[i + 1] - '0') * 64 + (field[i + 2] - '0') * 8 + (field[i + 3] - '0'));
      i += 3;
    } else {
      text += field[i];
    }
  }
  return text;
}

void change(int tree, mount_attr attributes, bool recursive, const char* what) {
  const unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0U);
  if (mount_setattr(tree, "", flags, &attributes, sizeof attributes) != 0) throw Error::from_errno(what);
}

// The type of a mounted file system, as mountinfo has it; its number when it is mounted nowhere.
std::string filesystem_name(int tree) {
  struct stat found{};
  struct statfs type{};
  if (fstat(tree, &found) != 0 || fstatfs(tree, &type) != 0) return "it is on";
  const std::string device = std::to_string(major(found.st_dev)) + ":" + std::to_string(minor(found.st_dev));
  for (const auto& line : base::split(read_file("/proc/self/mountinfo"), '\n')) {
    const auto dash = line.find(" - ");
    if (dash == std::string::npos || line.find(" " + device + " ") > dash) continue;
    const auto begin = dash + 3;
    return line.substr(begin, line.find(' ', begin) - begin);
  }
  return "with the number " + std::to_string(type.f_type);
}

}  // namespace

// --- new file systems --------------------------------------------------------------------------------

FilesystemContext::FilesystemContext(std::string type)
    : type_(std::move(type)), fd_(fsopen(type_.c_str(), FSOPEN_CLOEXEC)) {
  if (!fd_) throw Error::from_errno("cannot prepare a file system " + type_);
}

bool FilesystemContext::try_set(const char* key, const std::string& value) {
  if (value.empty()) return fsconfig(fd_.get(), FSCONFIG_SET_FLAG, key, nullptr, 0) == 0;
  return fsconfig(fd_.get(), FSCONFIG_SET_STRING, key, value.c_str(), 0) == 0;
}

void FilesystemContext::set(const char* key, const std::string& value) {
  if (!try_set(key, value)) throw failure(std::string("option ") + key + (value.empty() ? "" : "=" + value));
}

Fd FilesystemContext::mount(std::uint64_t attributes) {
  if (fsconfig(fd_.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) throw failure("cannot make it");
  Fd tree(fsmount(fd_.get(), FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes)));
  if (!tree) throw failure("cannot mount it");
  return tree;
}

// Each read of the context gives one message, "e " and an error, "w " and a warning, "i " and a remark.
Error FilesystemContext::failure(const std::string& what) const {
  const int code = errno;
  std::string text = "file system " + type_ + ": " + what;
  char message[512];
  for (;;) {
    const ssize_t size = read(fd_.get(), message, sizeof message);
    if (size <= 0) break;
    const auto line = base::trim(std::string_view(message, static_cast<std::size_t>(size)));
    if (line.starts_with("e ")) text += ": " + std::string(line.substr(2));
  }
  return Error(text, code);
}

Fd new_filesystem(const std::string& type, const std::vector<std::pair<std::string, std::string>>& options,
                  std::uint64_t attributes) {
  FilesystemContext context(type);
  for (const auto& [key, value] : options) context.set(key.c_str(), value);
  return context.mount(attributes);
}

// --- trees --------------------------------------------------------------------------------

Fd clone_tree(int source, bool recursive) {
  const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0U);
  Fd tree(open_tree(source, "", flags));
  if (!tree) throw Error::from_errno("cannot copy a mount");
  return tree;
}

void set_attributes(int tree, std::uint64_t add, bool recursive, std::uint64_t clear) {
  mount_attr attributes{};
  attributes.attr_set = add;
  attributes.attr_clr = clear;
  change(tree, attributes, recursive, "cannot change the attributes of a mount");
}

void map_ids(int tree, const Fd& user_namespace, bool recursive) {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<std::uint64_t>(user_namespace.get());
  const unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0U);
  if (mount_setattr(tree, "", flags, &attributes, sizeof attributes) == 0) return;
  const Error refusal = Error::from_errno("cannot map the ids of its files");
  if (refusal.code() != EINVAL) throw refusal;
  throw Error("the file system " + filesystem_name(tree) + (recursive ? ", or one mounted below," : "") +
                  " cannot be mounted with mapped ids; --userns host does without",
              EINVAL);
}

void set_propagation(int tree, std::uint64_t propagation, bool recursive) {
  mount_attr attributes{};
  attributes.propagation = propagation;
  change(tree, attributes, recursive, "cannot change the propagation of a mount");
}

void attach(int tree, int target) {
  if (move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0)
    throw Error::from_errno("cannot put a mount in place");
}

void make_mounts_private() {
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    throw Error::from_errno("cannot make the mounts private");
}

void pivot_to(int root) {
  // pivot_root(".", ".") stacks the old root on the new one; detached, it is out of reach (pivot_root(2), notes).
  if (fchdir(root) != 0) throw Error::from_errno("cannot enter the new root");
  if (syscall(SYS_pivot_root, ".", ".") != 0) throw Error::from_errno("cannot change the root");
  if (umount2(".", MNT_DETACH) != 0) throw Error::from_errno("cannot detach the old root");
  if (chdir("/") != 0) throw Error::from_errno("cannot enter the root");
}

void unmount(const std::string& path) {
  if (umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) return;
  if (errno != EINVAL && errno != ENOENT) throw Error::from_errno("cannot unmount " + path);
}

// "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue" (proc(5)); the number of optional
// fields before the dash varies.
std::vector<MountEntry> list_mounts(const std::string& mountinfo) {
  constexpr std::size_t point_field = 4;
  constexpr std::size_t first_optional = 6;
  std::vector<MountEntry> entries;
  const std::string text = read_file(mountinfo);
  for (const auto& line : base::split(text, '\n')) {
    const auto field = base::split(line, ' ');
    std::size_t dash = first_optional;
    while (dash < field.size() && field[dash] != "-") ++dash;
    if (dash + 3 >= field.size()) continue;
    entries.push_back({unescape(field[point_field]), unescape(field[dash + 1]), unescape(field[dash + 2]),
                       unescape(field[dash + 3])});
  }
  return entries;
}

}  // namespace conductor::linux
