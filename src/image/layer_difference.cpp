#include "image/layer_difference.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "image/oci_config.hpp"
#include "image/tree_entries.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <memory>

namespace conductor::image {
namespace {

using base::Error;

const char* kind_of(const struct stat& status) {
  switch (status.st_mode & S_IFMT) {
    case S_IFDIR:
      return "directory";
    case S_IFREG:
      return "file";
    case S_IFLNK:
      return "symbolic link";
    case S_IFIFO:
      return "FIFO";
    case S_IFSOCK:
      return "socket";
    default:
      return "device";
  }
}

std::string octal(unsigned mode) {
  std::string text;
  for (int shift = 9; shift >= 0; shift -= 3)
    text += static_cast<char>('0' + (mode >> static_cast<unsigned>(shift) & 7U));
  return text;
}

std::string both(const std::string& what, const std::string& first, const std::string& second) {
  return what + " " + first + " and " + second;
}

std::string owner(const struct stat& status) {
  return std::to_string(status.st_uid) + ":" + std::to_string(status.st_gid);
}

std::string link_target(const linux::Fd& directory, const std::string& name) {
  std::array<char, PATH_MAX> target{};
  const ssize_t size = readlinkat(directory.get(), name.c_str(), target.data(), target.size());
  if (size < 0) throw Error::from_errno("cannot read a link");
  return base::escape_control({target.data(), static_cast<std::size_t>(size)});
}

std::size_t read_block(const linux::Fd& file, char* block, std::size_t size) {
  std::size_t used = 0;
  while (used < size) {
    const ssize_t count = read(file.get(), block + used, size - used);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw Error::from_errno("cannot read a file of a layer");
    if (count == 0) break;
    used += static_cast<std::size_t>(count);
  }
  return used;
}

// The offset of the first byte that differs, of files of one size.
std::optional<std::int64_t> compare_content(const linux::Fd& first, const linux::Fd& second) {
  constexpr std::size_t block_size = 256UL << 10U;
  const auto a = std::make_unique_for_overwrite<char[]>(block_size);
  const auto b = std::make_unique_for_overwrite<char[]>(block_size);
  for (std::int64_t offset = 0;;) {
    const std::size_t size = read_block(first, a.get(), block_size);
    const std::size_t common = std::min(size, read_block(second, b.get(), block_size));
    const auto* differs = std::mismatch(a.get(), a.get() + common, b.get()).first;
    if (differs != a.get() + common) return offset + (differs - a.get());
    if (common < block_size) return std::nullopt;
    offset += static_cast<std::int64_t>(common);
  }
}

struct Pair {
  linux::Fd first, second;
};

class Comparer {
 public:
  explicit Comparer(bool times) : times_(times) {}

  // The time of the root itself is not part of a layer.
  std::optional<LayerDifference> roots(const Pair& pair) {
    if (!times_)
      if (const std::string how = status(status_of(pair.first), status_of(pair.second)); !how.empty())
        return LayerDifference{"/", how};
    return below(pair, "");
  }

 private:
  std::optional<LayerDifference> below(const Pair& pair, const std::string& path) {
    const auto left = children_of(pair.first, true);
    const auto right = children_of(pair.second, true);
    auto a = left.begin();
    auto b = right.begin();
    while (a != left.end() || b != right.end()) {
      if (b == right.end() || (a != left.end() && a->archived < b->archived)) return only(path, *a, "first");
      if (a == left.end() || b->archived < a->archived) return only(path, *b, "second");
      if (auto found = entry(pair, *a, path + a->name)) return found;
      ++a, ++b;
    }
    return std::nullopt;
  }

  static LayerDifference only(const std::string& path, const Child& child, const std::string& time) {
    return {"/" + path + child.name, (child.whiteout ? "deleted only the " : "only the ") + time + " time"};
  }

  std::optional<LayerDifference> entry(const Pair& pair, const Child& child, const std::string& path) {
    if (child.whiteout) return std::nullopt;
    const base::Context context("/" + base::escape_control(path));
    const auto a = status_at(pair.first.get(), child.name);
    const auto b = status_at(pair.second.get(), child.name);
    if (const std::string how = status(a, b); !how.empty()) return LayerDifference{"/" + path, how};
    if (S_ISLNK(a.st_mode) && !times_) {
      const std::string from = link_target(pair.first, child.name);
      const std::string to = link_target(pair.second, child.name);
      if (from != to) return LayerDifference{"/" + path, both("link target", from, to)};
    }
    if (!S_ISREG(a.st_mode) && !S_ISDIR(a.st_mode)) return std::nullopt;
    constexpr int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
    const Pair inner{linux::open_at(pair.first.get(), child.name, flags),
                     linux::open_at(pair.second.get(), child.name, flags)};
    if (!times_ && attributes_of(inner.first) != attributes_of(inner.second))
      return LayerDifference{"/" + path, "extended attributes"};
    if (S_ISDIR(a.st_mode)) return below(inner, path + "/");
    if (times_) return std::nullopt;
    if (const auto offset = compare_content(inner.first, inner.second))
      return LayerDifference{"/" + path, "content, from byte " + std::to_string(*offset) + " on"};
    return std::nullopt;
  }

  std::string status(const struct stat& a, const struct stat& b) const {
    constexpr std::int64_t second = 1'000'000'000;
    if (times_) {
      if (a.st_mtim.tv_sec == b.st_mtim.tv_sec) return {};
      return both("time", oci_time(a.st_mtim.tv_sec * second), oci_time(b.st_mtim.tv_sec * second));
    }
    if ((a.st_mode & S_IFMT) != (b.st_mode & S_IFMT)) return both("type", kind_of(a), kind_of(b));
    if (a.st_mode != b.st_mode) return both("mode", octal(a.st_mode & 07777U), octal(b.st_mode & 07777U));
    if (a.st_uid != b.st_uid || a.st_gid != b.st_gid) return both("owner", owner(a), owner(b));
    if (S_ISREG(a.st_mode) && a.st_size != b.st_size)
      return both("size", std::to_string(a.st_size), std::to_string(b.st_size));
    if ((S_ISCHR(a.st_mode) || S_ISBLK(a.st_mode)) && a.st_rdev != b.st_rdev) return "device numbers";
    return {};
  }

  bool times_;
};

}  // namespace

std::optional<LayerDifference> compare_layers(const std::string& first, const std::string& second) {
  for (const bool times : {false, true}) {
    const Pair roots{linux::open_file(first, open_as_directory), linux::open_file(second, open_as_directory)};
    if (auto found = Comparer(times).roots(roots)) return found;
  }
  return std::nullopt;
}

std::optional<LayerDifference> Images::first_difference(const std::string& first, const std::string& second) const {
  return first == second ? std::nullopt : compare_layers(layer_directory(first), layer_directory(second));
}

}  // namespace conductor::image
