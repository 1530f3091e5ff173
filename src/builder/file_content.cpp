#include "builder/file_content.hpp"

#include "base/error.hpp"
#include "base/sha256.hpp"
#include "base/text.hpp"
#include "linux/fd.hpp"

#include <linux/limits.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <vector>

namespace conductor::builder {
namespace {

using base::Error;

constexpr std::size_t small_size = 64U << 10U;
constexpr std::size_t large_buffer = 1U << 20U, offload_size = 16U << 20U;

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
void copy_extent(int source, int target, off_t begin, off_t end, const std::string& path, bool& offload,
                 const CopiedBytes& copied) {
  std::vector<char> buffer;
  while (begin < end) {
    const std::size_t wanted = std::min(static_cast<std::size_t>(end - begin), offload_size);
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
    if (copied) copied(size);
  }
}

// Those a COPY takes along. Both limits are those of the kernel (xattr(7)); most files have none, which costs one call.
std::map<std::string, std::string> attributes_of(int file, const std::string& path) {
  std::map<std::string, std::string> result;
  const ssize_t needed = flistxattr(file, nullptr, 0);
  if (needed < 0 && errno != ENOTSUP) throw Error::from_errno("cannot read the attributes of " + path);
  if (needed <= 0) return result;
  std::string names(XATTR_LIST_MAX, '\0'), value(XATTR_SIZE_MAX, '\0');
  const ssize_t size = flistxattr(file, names.data(), names.size());
  if (size < 0) throw Error::from_errno("cannot read the attributes of " + path);
  for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
    const std::string name(names.c_str() + at);
    at += name.size() + 1;
    if (!is_copied_attribute(name)) continue;
    const ssize_t length = fgetxattr(file, name.c_str(), value.data(), value.size());
    if (length < 0) throw Error::from_errno("cannot read the attributes of " + path);
    result[name] = value.substr(0, static_cast<std::size_t>(length));
  }
  return result;
}

}  // namespace

void copy_content(int source, int target, const struct stat& status, const std::string& path,
                  const CopiedBytes& copied) {
  if (status.st_size < static_cast<off_t>(small_size)) {
    copy_by_reading(source, target, path);
    if (copied) copied(status.st_size);
    return;
  }
  bool offload = true;
  off_t at = 0;
  while (at < status.st_size) {
    off_t begin = lseek(source, at, SEEK_DATA);
    if (begin < 0 && errno == ENXIO) break;  // a hole up to the end
    if (begin < 0) begin = at;               // no holes on this file system
    off_t end = lseek(source, begin, SEEK_HOLE);
    if (end < 0) end = status.st_size;
    copy_extent(source, target, begin, std::min(end, status.st_size), path, offload, copied);
    at = end;
  }
  if (ftruncate(target, status.st_size) != 0) throw Error::from_errno("cannot write " + path);
}

bool is_copied_attribute(const std::string& name) {
  return name == "security.capability" || (name.starts_with("user.") && !name.starts_with("user.overlay."));
}

void copy_attributes(int source, int target, const std::string& path) {
  for (const auto& [name, value] : attributes_of(source, path))
    if (fsetxattr(target, name.c_str(), value.data(), value.size(), 0) != 0)
      throw Error::from_errno("cannot copy the attribute " + base::escape_control(name) + " to " + path);
}

std::string attributes_hash(int file, const std::string& path) {
  const auto attributes = attributes_of(file, path);
  if (attributes.empty()) return {};
  base::Sha256 hash;
  for (const auto& [name, value] : attributes) hash.field(name).field(value);
  return hash.hex();
}

}  // namespace conductor::builder
