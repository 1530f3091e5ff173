// What a directory of a layer or of a merged tree holds, entry by entry and by descriptor: a container wrote it, and
// may have put links anywhere.
#pragma once

#include "linux/fd.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::image {

// Marks in archives of layers (OCI image layer specification), and the one that overlayfs has for an opaque directory.
inline constexpr std::string_view whiteout_prefix = ".wh.";
inline constexpr std::string_view opaque_marker = ".wh..wh..opq";
inline constexpr const char* opaque_attribute = "trusted.overlay.opaque";

inline constexpr int open_as_directory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

// lstat(2) of a name; fstat(2).
struct stat status_at(int directory, const std::string& name);
struct stat status_of(const linux::Fd& fd);

// How overlayfs says that a name of a lower layer is gone.
bool is_whiteout(const struct stat& status);

struct Name {
  std::string text;
  unsigned char type;  // as readdir(3) says
};
// Without "." and "..", in no order. `directory` stays the caller's, its offset too.
std::vector<Name> read_names(const linux::Fd& directory);

struct Child {
  std::string archived;  // its name in an archive: with the prefix for a whiteout
  std::string name;      // on disk
  bool whiteout = false;
};
// Sorted by the bytes of `archived`. Of a layer: throws Error for a name that could be taken for a mark. Of a merged
// tree: without whiteouts, which mean nothing there.
std::vector<Child> children_of(const linux::Fd& directory, bool layer);

// Extended attributes that belong to an image: user.*, security.capability and access control lists.
bool is_kept_attribute(std::string_view name);
struct Attributes {
  std::map<std::string, std::string> kept;
  bool opaque = false;  // hides what lower layers have in the directory

  bool operator==(const Attributes&) const = default;
};
// Of an open file or directory. Throws Error for one that stands for a file of another layer.
Attributes attributes_of(const linux::Fd& fd);

}  // namespace conductor::image
