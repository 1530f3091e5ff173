#include "image/tree_entries.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

#include <dirent.h>
#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

namespace conductor::image {
namespace {

using base::Error;

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

// With a size of 0 the kernel tells the size that is needed (listxattr(2), getxattr(2)); it may grow meanwhile.
template <class Call>
std::string read_sized(const Call& call) {
  std::array<char, 512> few{};
  ssize_t size = call(few.data(), few.size());
  if (size >= 0) return {few.data(), static_cast<std::size_t>(size)};
  std::string text;
  while (size < 0 && errno == ERANGE) {
    const ssize_t needed = call(nullptr, 0);
    if (needed < 0) break;
    text.resize(static_cast<std::size_t>(needed));
    size = call(text.data(), text.size());
  }
  if (size < 0 && (errno == ENOTSUP || errno == ENODATA)) return {};
  if (size < 0) throw Error::from_errno("cannot read its extended attributes");
  text.resize(static_cast<std::size_t>(size));
  return text;
}

}  // namespace

struct stat status_at(int directory, const std::string& name) {
  struct stat found{};
  if (fstatat(directory, name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) throw Error::from_errno("cannot look at it");
  return found;
}

struct stat status_of(const linux::Fd& fd) {
  struct stat found{};
  if (fstat(fd.get(), &found) != 0) throw Error::from_errno("cannot look at it");
  return found;
}

bool is_whiteout(const struct stat& status) { return S_ISCHR(status.st_mode) && status.st_rdev == 0; }

std::vector<Name> read_names(const linux::Fd& directory) {
  linux::Fd own = linux::open_at(directory.get(), ".", open_as_directory);
  const std::unique_ptr<DIR, CloseDirectory> stream(fdopendir(own.get()));
  if (!stream) throw Error::from_errno("cannot list it");
  own.release();
  std::vector<Name> names;
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(stream.get());
    if (entry == nullptr) break;
    const std::string_view text = entry->d_name;
    if (text != "." && text != "..") names.push_back({entry->d_name, entry->d_type});
  }
  if (errno != 0) throw Error::from_errno("cannot list it");
  return names;
}

std::vector<Child> children_of(const linux::Fd& directory, bool layer) {
  std::vector<Child> children;
  for (auto& [text, type] : read_names(directory)) {
    Child child{text, text, false};
    if (type == DT_CHR || type == DT_UNKNOWN) child.whiteout = is_whiteout(status_at(directory.get(), child.name));
    if (!layer && child.whiteout) continue;
    if (layer && child.name.starts_with(whiteout_prefix))
      throw Error("a file of an image cannot be called " + base::escape_control(child.name) + ": in layers \"" +
                  std::string(whiteout_prefix) + "\" marks what is deleted");
    if (child.whiteout) child.archived = std::string(whiteout_prefix) + child.name;
    children.push_back(std::move(child));
  }
  std::sort(children.begin(), children.end(),
            [](const Child& a, const Child& b) { return a.archived < b.archived; });  // as unsigned bytes
  return children;
}

bool is_kept_attribute(std::string_view name) {
  return (name.starts_with("user.") && !name.starts_with("user.overlay.")) || name == "security.capability" ||
         name == "system.posix_acl_access" || name == "system.posix_acl_default";
}

Attributes attributes_of(const linux::Fd& fd) {
  Attributes result;
  const std::string names = read_sized([&](char* to, std::size_t size) { return flistxattr(fd.get(), to, size); });
  for (const char* name = names.c_str(); name < names.c_str() + names.size(); name += std::strlen(name) + 1) {
    const std::string_view text = name;
    const bool opaque = text == opaque_attribute;
    if (opaque || is_kept_attribute(text)) {
      std::string value = read_sized([&](char* to, std::size_t size) { return fgetxattr(fd.get(), name, to, size); });
      if (opaque)
        result.opaque = value == "y";
      else
        result.kept.emplace(text, std::move(value));
    }
    if (text == "trusted.overlay.redirect" || text == "trusted.overlay.metacopy")
      throw Error("it stands for a file of another layer (" + std::string(text) + "), which no archive can say");
  }
  return result;
}

}  // namespace conductor::image
