#include "builder/file_content.hpp"

#include "base/error.hpp"
#include "builder/content_hashes.hpp"
#include "linux/fd.hpp"

#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

namespace conductor::builder {
namespace {

using base::Error;

constexpr std::size_t small_size = 64U << 10U;
constexpr std::size_t large_buffer = 1U << 20U;

void copy_by_reading(int source, int target, const std::string& path) {
  std::array<char, small_size> buffer;
  for (;;) {
    const ssize_t size = read(source, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) throw Error::from_errno("cannot read " + path);
    if (size == 0) return;
    const base::Context context(path);
    linux::write_all(target, {buffer.data(), static_cast<std::size_t>(size)});
    if (static_cast<std::size_t>(size) < buffer.size()) return;  // of a small file: all of it
  }
}

bool cannot_offload(int code) {
  return code == EXDEV || code == EINVAL || code == ENOSYS || code == EOPNOTSUPP || code == EBADF;
}

// One extent: in the kernel where it can, else through a buffer at the same offsets.
void copy_extent(int source, int target, off_t begin, off_t end, const std::string& path, bool& offload) {
  std::vector<char> buffer;
  while (begin < end) {
    const auto wanted = static_cast<std::size_t>(end - begin);
    ssize_t size = 0;
    if (offload) {
      off_t in = begin, out = begin;
      size = copy_file_range(source, &in, target, &out, wanted, 0);
      if (size < 0 && cannot_offload(errno)) {
        offload = false;
        continue;
      }
    } else {
      buffer.resize(std::min(wanted, large_buffer));
      size = pread(source, buffer.data(), buffer.size(), begin);
      if (size > 0) size = pwrite(target, buffer.data(), static_cast<std::size_t>(size), begin);
    }
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) throw Error::from_errno("cannot copy " + path);
    if (size == 0) throw Error(path + " became shorter while it was copied");
    begin += size;
  }
}

}  // namespace

void copy_content(int source, int target, const struct stat& status, const std::string& path) {
  if (status.st_size < static_cast<off_t>(small_size)) return copy_by_reading(source, target, path);
  bool offload = true;
  off_t at = 0;
  while (at < status.st_size) {
    off_t begin = lseek(source, at, SEEK_DATA);
    if (begin < 0 && errno == ENXIO) break;  // a hole up to the end
    if (begin < 0) begin = at;               // no holes on this file system
    off_t end = lseek(source, begin, SEEK_HOLE);
    if (end < 0) end = status.st_size;
    copy_extent(source, target, begin, std::min(end, status.st_size), path, offload);
    at = end;
  }
  if (ftruncate(target, status.st_size) != 0) throw Error::from_errno("cannot write " + path);
}

void copy_attributes(int source, int target, const std::string& path) {
  char names[4096];
  const ssize_t size = flistxattr(source, names, sizeof names);
  if (size < 0 && errno != ENOTSUP) throw Error::from_errno("cannot read the attributes of " + path);
  for (ssize_t at = 0; at < size;) {
    const std::string name(names + at);
    at += static_cast<ssize_t>(name.size()) + 1;
    if (!is_copied_attribute(name)) continue;
    char value[4096];
    const ssize_t length = fgetxattr(source, name.c_str(), value, sizeof value);
    const base::Context context(path);
    if (length < 0 || fsetxattr(target, name.c_str(), value, static_cast<std::size_t>(length), 0) != 0)
      throw Error::from_errno("cannot copy the attribute " + name);
  }
}

}  // namespace conductor::builder
