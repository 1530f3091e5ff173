#include "builder/selection.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <deque>
#include <memory>

namespace conductor::builder {
namespace {

using base::Error;

constexpr int max_links = 40;  // as path_resolution(7)

std::string below(const std::string& directory, const std::string& name) {
  return directory.empty() ? name : directory + "/" + name;
}

std::string last_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// Components of a path, without empty ones and "."; ".." takes one back and stops at the root.
std::vector<std::string> components(const std::string& path) {
  std::vector<std::string> result;
  for (auto& name : base::split(path, '/')) {
    if (name.empty() || name == ".") continue;
    if (name != "..")
      result.push_back(std::move(name));
    else if (!result.empty())
      result.pop_back();
  }
  return result;
}

bool has_wildcard(const std::string& text) { return text.find_first_of("*?[\\") != std::string::npos; }

std::string read_link_at(int directory, const std::string& name, const std::string& path) {
  char target[PATH_MAX];
  const ssize_t size = readlinkat(directory, name.c_str(), target, sizeof target);
  if (size < 0) throw Error::from_errno("cannot read the link " + path);
  return {target, static_cast<std::size_t>(size)};
}

class Walk {
 public:
  Walk(const linux::RootFd& root, const parser::IgnoreRules& rules) : root_(root), rules_(rules) {}

  Selected take(const std::string& path, const std::string& name);
  bool ignored(const std::string& path) const { return !path.empty() && rules_.ignores(path); }

 private:
  void enter(const std::string& path, const std::string& target, std::vector<InputFile>& files);
  void visit(int directory, const std::string& name, const std::string& path, const std::string& target,
             std::vector<InputFile>& files);

  const linux::RootFd& root_;
  const parser::IgnoreRules& rules_;
};

Selected Walk::take(const std::string& path, const std::string& name) {
  Selected selected;
  InputFile first;
  first.path = path;
  first.target = name;
  const linux::Fd itself = root_.open(path, O_PATH | O_NOFOLLOW);
  if (fstat(itself.get(), &first.status) != 0) throw Error::from_errno("cannot look at " + path);
  selected.directory = S_ISDIR(first.status.st_mode);
  if (selected.directory) first.target.clear();
  selected.files.push_back(std::move(first));
  if (selected.directory) enter(path, "", selected.files);
  return selected;
}

void Walk::enter(const std::string& path, const std::string& target, std::vector<InputFile>& files) {
  linux::Fd fd = root_.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  DIR* stream = fdopendir(fd.get());
  if (stream == nullptr) throw Error::from_errno("cannot list " + path);
  const int directory = fd.release();
  const auto close = [](DIR* open) { closedir(open); };
  const std::unique_ptr<DIR, decltype(close)> owner(stream, close);
  std::vector<std::string> names;
  while (const dirent* entry = readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  for (const auto& name : names) visit(directory, name, below(path, name), below(target, name), files);
}

// A directory that is ignored is walked when a rule takes something back, and kept when something in it is.
void Walk::visit(int directory, const std::string& name, const std::string& path, const std::string& target,
                 std::vector<InputFile>& files) {
  const bool left_out = ignored(path);
  if (left_out && !rules_.has_exceptions()) return;
  InputFile file;
  file.path = path;
  file.target = target;
  if (fstatat(directory, name.c_str(), &file.status, AT_SYMLINK_NOFOLLOW) != 0)
    throw Error::from_errno("cannot look at " + path);
  const mode_t type = file.status.st_mode & S_IFMT;
  if (left_out && type != S_IFDIR) return;
  if (type == S_IFSOCK) return;  // belongs to a process, not to an image
  if (type == S_IFLNK) file.content = read_link_at(directory, name, path);
  files.push_back(std::move(file));
  if (type != S_IFDIR) return;
  const std::size_t before = files.size();
  enter(path, target, files);
  if (left_out && files.size() == before) files.pop_back();
}

bool is_directory(const linux::RootFd& root, const std::string& path) {
  const auto real = canonical_path(root, path);
  return real && root.try_open(*real, O_PATH | O_DIRECTORY);
}

// Every path below the root that the components of a pattern match, sorted.
std::vector<std::string> matches(const linux::RootFd& root, const std::vector<std::string>& pattern) {
  std::vector<std::string> found{""};
  for (const auto& part : pattern) {
    std::vector<std::string> next;
    for (const auto& path : found) {
      if (!has_wildcard(part)) {
        if (canonical_path(root, below(path, part))) next.push_back(below(path, part));
        continue;
      }
      if (!is_directory(root, path)) continue;
      for (const auto& name : root.list(path))
        if (parser::match_pattern(part, name)) next.push_back(below(path, name));
    }
    found = std::move(next);
  }
  return found;
}

[[noreturn]] void nothing_selected(const linux::RootFd& root, const std::string& pattern, bool is_ignored) {
  if (is_ignored) throw Error(base::escape_control(pattern) + " is left out of the build by the ignore rules");
  const std::string clean = base::join(components(pattern), "/");
  const auto slash = clean.rfind('/');
  const std::string parent = slash == std::string::npos ? "" : clean.substr(0, slash);
  std::string meant;
  if (is_directory(root, parent)) meant = base::did_you_mean(last_name(clean), root.list(parent));
  throw Error("there is no " + base::escape_control(pattern) + " to copy" + meant);
}

}  // namespace

std::optional<std::string> canonical_path(const linux::RootFd& root, const std::string& path, bool may_miss) {
  const auto first = base::split(path, '/');
  std::deque<std::string> names(first.begin(), first.end());
  std::vector<std::string> done;
  int links = 0;
  while (!names.empty()) {
    const std::string name = std::move(names.front());
    names.pop_front();
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      if (!done.empty()) done.pop_back();
      continue;
    }
    done.push_back(name);
    const std::string here = base::join(done, "/");
    const auto status = root.status(here);
    if (!status && !may_miss) return std::nullopt;
    if (!status || !S_ISLNK(status->st_mode)) continue;
    const auto target = root.read_link(here);
    if (!target || ++links > max_links) return std::nullopt;
    done.pop_back();
    if (target->starts_with('/')) done.clear();
    const auto more = base::split(*target, '/');
    names.insert(names.begin(), more.begin(), more.end());
  }
  return base::join(done, "/");
}

std::vector<Selected> select_files(const linux::RootFd& root, const parser::IgnoreRules& rules,
                                   const std::string& pattern) {
  const auto parts = components(pattern);
  const bool wild = has_wildcard(pattern);
  Walk walk(root, rules);
  std::vector<Selected> result;
  bool ignored = false;
  for (const auto& path : matches(root, parts)) {
    const auto real = canonical_path(root, path);
    if (!real) continue;
    const bool left_out = walk.ignored(path) || walk.ignored(*real);
    ignored = ignored || left_out;
    if (left_out && !rules.has_exceptions()) continue;
    Selected selected = walk.take(*real, last_name(path));
    if (left_out && selected.files.size() == 1) continue;
    result.push_back(std::move(selected));
  }
  if (result.empty() && !wild) nothing_selected(root, pattern, ignored);
  return result;
}

}  // namespace conductor::builder
