#include "engine/copy_place.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <optional>
#include <vector>

namespace conductor::engine {

namespace {

using base::Error;
using linux::Fd;

struct stat status_of(const Fd& fd) {
  struct stat found{};
  if (fstat(fd.get(), &found) != 0) throw Error::from_errno("cannot look at a file");
  return found;
}

std::string quoted(const std::string& shown) { return "'" + base::escape_control(shown) + "'"; }

std::string without_slashes(const std::string& path) {
  const auto end = path.find_last_not_of('/');
  return end == std::string::npos ? "" : path.substr(0, end + 1);
}

// The last name of a path that is one: neither "." nor ".." nor the root.
struct Split {
  std::string directory, name;
};
std::optional<Split> split_path(const std::string& path) {
  const std::string clean = without_slashes(path);
  const auto slash = clean.rfind('/');
  Split split;
  split.directory = slash == std::string::npos ? "." : clean.substr(0, slash + 1);
  split.name = slash == std::string::npos ? clean : clean.substr(slash + 1);
  if (split.name.empty() || split.name == "." || split.name == "..") return std::nullopt;
  return split;
}

// What the path ends in once "." and ".." are worked out; empty for the root.
std::string name_of(const std::string& path) {
  std::vector<std::string> names;
  for (auto& name : base::split(path, '/')) {
    if (name == ".." && !names.empty()) names.pop_back();
    if (!name.empty() && name != "." && name != "..") names.push_back(std::move(name));
  }
  return names.empty() ? "" : names.back();
}

std::string link_text(const Fd& link) {
  std::array<char, PATH_MAX> text{};
  const ssize_t size = readlinkat(link.get(), "", text.data(), text.size());
  if (size < 0) throw Error::from_errno("cannot read a link");
  return {text.data(), static_cast<std::size_t>(size)};
}

// The directory that holds, or would hold, what the path stands for, links at its end followed; the name is empty for a
// directory that has none there ("/", "a/..").
struct Found {
  Fd directory;
  std::string name;
  std::optional<struct stat> status;  // nothing: it does not exist
};
Found locate(const linux::RootFd& root, std::string path, const std::string& shown) {
  constexpr int max_links = 40;
  for (int links = 0; links <= max_links; ++links) {
    const auto split = split_path(path);
    if (!split) {
      Fd directory = root.open(path.empty() ? "/" : path, O_PATH | O_DIRECTORY);
      const auto status = status_of(directory);
      return {std::move(directory), "", status};
    }
    auto directory = root.try_open(split->directory, O_PATH | O_DIRECTORY);
    if (!directory) throw Error("there is no directory for " + quoted(shown));
    const Fd entry(openat(directory->get(), split->name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!entry && errno != ENOENT) throw Error::from_errno("cannot look at " + quoted(shown));
    if (!entry) return {std::move(*directory), split->name, std::nullopt};
    const auto status = status_of(entry);
    if (!S_ISLNK(status.st_mode)) return {std::move(*directory), split->name, status};
    const std::string text = link_text(entry);
    path = text.starts_with('/') ? text : split->directory + "/" + text;
  }
  throw Error("cannot look at " + quoted(shown), ELOOP);
}

}  // namespace

CopySource find_source(const linux::RootFd& root, const std::string& path, bool follow, const std::string& shown) {
  CopySource source;
  source.content = path == "." || path.ends_with("/.");
  const bool directory = source.content || path.ends_with('/');
  auto file = root.try_open(path.empty() ? "/" : path, O_PATH | (follow || directory ? 0 : O_NOFOLLOW));
  if (!file) {
    if (errno == ENOTDIR) throw Error(quoted(shown) + " is not a directory");
    throw Error("there is no " + quoted(shown));
  }
  source.file = std::move(*file);
  source.status = status_of(source.file);
  if (directory && !S_ISDIR(source.status.st_mode)) throw Error(quoted(shown) + " is not a directory");
  source.name = name_of(path);
  if (source.name.empty()) source.content = true;  // the root has no name to go by
  return source;
}

CopyTarget find_target(const linux::RootFd& root, const std::string& path, const CopySource& source,
                       const std::string& shown) {
  const bool is_directory = S_ISDIR(source.status.st_mode);
  const bool must_exist = path.ends_with('/') || path.ends_with("/.");
  Found found = locate(root, path.empty() ? "/" : path, shown);
  if (!found.status) {
    if (path.ends_with("/.") || (must_exist && !is_directory))
      throw Error("there is no directory " + quoted(shown)).with_hint("make it first, or leave the '/' at its end out");
    return {std::move(found.directory), found.name};
  }
  if (S_ISDIR(found.status->st_mode)) {
    Fd directory = found.name.empty()
                       ? std::move(found.directory)
                       : linux::open_at(found.directory.get(), found.name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    return {std::move(directory), is_directory && source.content ? "" : source.name};
  }
  if (must_exist) throw Error(quoted(shown) + " is not a directory");
  if (is_directory) throw Error("a directory cannot be copied onto the file " + quoted(shown));
  return {std::move(found.directory), found.name};
}

}  // namespace conductor::engine
