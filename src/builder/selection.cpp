#include "builder/selection.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "builder/file_content.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <deque>
#include <memory>
#include <set>
#include <utility>

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

std::string read_link_at(int directory, const std::string& name, const std::string& path) {
  char target[PATH_MAX];
  const ssize_t size = readlinkat(directory, name.c_str(), target, sizeof target);
  if (size < 0) throw Error::from_errno("cannot read the link " + path);
  return {target, static_cast<std::size_t>(size)};
}

class Walk {
 public:
  Walk(const linux::RootFd& root, const parser::IgnoreRules& rules, const parser::IgnoreRules& exclude)
      : root_(root), rules_(rules), exclude_(exclude) {}

  // A source: the file or directory at a path without links. `excludable`: --exclude may name it itself.
  Selected take(const std::string& path, const std::string& name, bool excludable);
  // What is at `path`, with all below it, as `target`.
  void add(const std::string& path, const std::string& target, std::vector<InputFile>& files);
  bool ignored(const std::string& path) const { return !path.empty() && rules_.ignores(path); }
  // Ignored with all that is below it.
  bool ignored_whole(const std::string& path) const { return ignored(path) && !rules_.may_keep_below(path); }

 private:
  void enter(const std::string& path, const std::string& target, InputFile& itself, std::vector<InputFile>& files);
  void visit(int directory, const std::string& name, const std::string& path, const std::string& target,
             std::vector<InputFile>& files);

  const linux::RootFd& root_;
  const parser::IgnoreRules& rules_;
  const parser::IgnoreRules& exclude_;
};

InputFile look_at(const linux::RootFd& root, const std::string& path, const std::string& target) {
  InputFile file;
  file.path = path;
  file.target = target;
  const linux::Fd itself = root.open(path, O_PATH | O_NOFOLLOW);
  if (fstat(itself.get(), &file.status) != 0) throw Error::from_errno("cannot look at " + path);
  return file;
}

Selected Walk::take(const std::string& path, const std::string& name, bool excludable) {
  Selected selected;
  InputFile first = look_at(root_, path, name);
  selected.directory = S_ISDIR(first.status.st_mode);
  if (S_ISSOCK(first.status.st_mode)) throw Error(base::escape_control(path) + " is a socket");
  if (excludable && exclude_.ignores(name) && !(selected.directory && exclude_.has_exceptions())) return selected;
  if (selected.directory) first.target.clear();
  selected.files.push_back(std::move(first));
  if (selected.directory) enter(path, "", selected.files.front(), selected.files);
  return selected;
}

void Walk::add(const std::string& path, const std::string& target, std::vector<InputFile>& files) {
  const auto slash = path.rfind('/');
  const linux::Fd directory =
      root_.open(slash == std::string::npos ? "" : path.substr(0, slash), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  visit(directory.get(), last_name(path), path, target, files);
}

// `itself` may move when files are added, so it is finished first.
void Walk::enter(const std::string& path, const std::string& target, InputFile& itself, std::vector<InputFile>& files) {
  linux::Fd fd = root_.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  itself.content = attributes_hash(fd.get(), path);
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

// A directory that is left out is walked when a rule may take something in it back, and kept when something is.
void Walk::visit(int directory, const std::string& name, const std::string& path, const std::string& target,
                 std::vector<InputFile>& files) {
  const bool by_rules = ignored(path), excluded = exclude_.ignores(target), left_out = by_rules || excluded;
  if (by_rules && !rules_.may_keep_below(path)) return;
  if (excluded && !exclude_.may_keep_below(target)) return;
  InputFile file;
  file.path = path;
  file.target = target;
  if (fstatat(directory, name.c_str(), &file.status, AT_SYMLINK_NOFOLLOW) != 0)
    throw Error::from_errno("cannot look at " + path);
  const mode_t type = file.status.st_mode & S_IFMT;
  if (left_out && type != S_IFDIR) return;
  if (type == S_IFSOCK) return;
  if (type == S_IFLNK) file.content = read_link_at(directory, name, path);
  files.push_back(std::move(file));
  if (type != S_IFDIR) return;
  const std::size_t before = files.size();
  enter(path, target, files.back(), files);
  if (left_out && files.size() == before) files.pop_back();
}

bool is_directory(const linux::RootFd& root, const std::string& path) {
  const auto real = canonical_path(root, path);
  return real && root.try_open(*real, O_PATH | O_DIRECTORY);
}

bool any_depth(const std::string& part) { return part.find("**") != std::string::npos; }

// Every path below a directory, links not followed, that a pattern with `**` matches; not what is below a match.
void matches_below(const linux::RootFd& root, const std::string& directory, const std::string& prefix,
                   const std::string& pattern, const Walk& walk, std::vector<std::string>& found) {
  for (const auto& name : root.list(directory)) {
    const std::string path = below(directory, name), rest = below(prefix, name);
    if (walk.ignored_whole(path)) continue;
    const auto status = root.status(path);
    if (!status) continue;
    if (parser::match_pattern(pattern, rest, true))
      found.push_back(path);
    else if (S_ISDIR(status->st_mode))
      matches_below(root, path, rest, pattern, walk, found);
  }
}

// Every path below `base` that the components of a pattern match, sorted. `**` counts with a walk to go by.
std::vector<std::string> matches(const linux::RootFd& root, const std::string& base,
                                 const std::vector<std::string>& pattern, const Walk* walk = nullptr) {
  std::vector<std::string> found{base};
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const std::string& part = pattern[i];
    std::vector<std::string> next;
    const bool deep = walk != nullptr && any_depth(part);
    const auto rest = deep ? base::join({pattern.begin() + static_cast<std::ptrdiff_t>(i), pattern.end()}, "/") : "";
    for (const auto& path : found) {
      if (!has_wildcard(part)) {
        if (canonical_path(root, below(path, part))) next.push_back(below(path, part));
        continue;
      }
      const auto real = canonical_path(root, path);
      if (!real || !root.try_open(*real, O_PATH | O_DIRECTORY)) continue;
      if (deep) {
        matches_below(root, *real, "", rest, *walk, next);
        continue;
      }
      for (const auto& name : root.list(*real))
        if (parser::match_pattern(part, name)) next.push_back(below(path, name));
    }
    found = std::move(next);
    if (deep) break;
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

// --- --parents ----------------------------------------------------------------------------------------------

// Paths below `base` into one selection of a directory: each with the directories above it.
class ParentsSelection {
 public:
  ParentsSelection(const linux::RootFd& root, Walk& walk, std::string base)
      : root_(root), walk_(walk), base_(std::move(base)) {
    selected_.directory = true;
    selected_.files.push_back(look_at(root_, base_, ""));
  }

  void add(const std::string& path) {
    const auto names = components(path.substr(base_.size()));
    if (names.empty()) {
      selected_ = walk_.take(base_, "", false);
      whole_.insert("");
      return;
    }
    if (whole_.contains("")) return;
    auto& files = selected_.files;
    const std::size_t before = files.size();
    std::string target;
    for (std::size_t i = 0; i + 1 < names.size(); ++i) {
      target = below(target, names[i]);
      if (whole_.contains(target)) return;
      if (above_.insert(target).second) add_directory(target);
    }
    target = below(target, names.back());
    const auto real = canonical_path(root_, parent_of(below(base_, target)));
    const std::size_t directories = files.size();
    if (real && whole_.insert(target).second) walk_.add(below(*real, names.back()), target, files);
    if (files.size() > directories) {
      kept_ = true;
      return;
    }
    for (std::size_t i = before; i < files.size(); ++i) above_.erase(files[i].target);
    files.resize(before);
  }

  // Nothing when nothing is left.
  std::optional<Selected> finish() {
    if (!kept_ && !whole_.contains("")) return std::nullopt;
    return std::move(selected_);
  }

 private:
  static std::string parent_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos ? "" : path.substr(0, slash);
  }

  // One above a source, a link to one included: it becomes a directory.
  void add_directory(const std::string& target) {
    const auto real = canonical_path(root_, below(base_, target));
    if (!real) throw Error("there is no " + base::escape_control(target) + " to copy");
    InputFile file = look_at(root_, *real, target);
    if (!S_ISDIR(file.status.st_mode)) throw Error(base::escape_control(target) + " is not a directory");
    selected_.files.push_back(std::move(file));
  }

  const linux::RootFd& root_;
  Walk& walk_;
  std::string base_;
  Selected selected_;
  std::set<std::string> above_, whole_;  // targets: directories made for what is in them, and what was selected
  bool kept_ = false;
};

// The part of the pattern that is not kept, and the one that is.
std::pair<std::string, std::string> split_at_pivot(const std::string& pattern) {
  const auto pivot = pattern.find("/./");
  if (pivot == std::string::npos) return {"", pattern};
  return {pattern.substr(0, pivot), pattern.substr(pivot + 3)};
}

std::vector<Selected> select_with_parents(const linux::RootFd& root, Walk& walk, const std::string& pattern) {
  const auto [above, kept] = split_at_pivot(pattern);
  const auto parts = components(kept);
  std::vector<Selected> result;
  bool found = false;
  for (const auto& base : matches(root, "", components(above))) {
    const auto real = canonical_path(root, base);
    if (!real || !root.try_open(*real, O_PATH | O_DIRECTORY)) continue;
    auto paths = matches(root, *real, parts, &walk);
    std::sort(paths.begin(), paths.end(),
              [](const auto& a, const auto& b) { return base::split(a, '/') < base::split(b, '/'); });
    ParentsSelection selection(root, walk, *real);
    for (const auto& path : paths) selection.add(path);
    found = found || !paths.empty();
    if (auto selected = selection.finish()) result.push_back(std::move(*selected));
  }
  if (result.empty() && !has_wildcard(pattern)) nothing_selected(root, pattern, found);
  return result;
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

bool has_wildcard(const std::string& pattern) { return pattern.find_first_of("*?[\\") != std::string::npos; }

// "#" begins a comment of an ignore file only.
parser::IgnoreRules exclusion_rules(const std::vector<std::string>& patterns) {
  std::string text;
  for (const auto& pattern : patterns) text += (pattern.starts_with('#') ? "\\" : "") + pattern + "\n";
  return parser::IgnoreRules::parse(text);
}

std::vector<Selected> select_files(const linux::RootFd& root, const parser::IgnoreRules& rules,
                                   const std::string& pattern, const SelectionOptions& options) {
  Walk walk(root, rules, options.exclude);
  if (options.parents) return select_with_parents(root, walk, pattern);
  const auto parts = components(pattern);
  const bool wild = has_wildcard(pattern);
  std::vector<Selected> result;
  bool ignored = false, found = false;
  for (const auto& path : matches(root, "", parts)) {
    const auto real = canonical_path(root, path);
    if (!real) continue;
    const bool left_out = walk.ignored(path) || walk.ignored(*real);
    ignored = ignored || left_out;
    if (left_out && !rules.has_exceptions()) continue;
    Selected selected = walk.take(*real, last_name(path), wild || !is_directory(root, *real));
    found = true;
    if (selected.files.empty() || (left_out && selected.files.size() == 1)) continue;
    result.push_back(std::move(selected));
  }
  if (!found && !wild) nothing_selected(root, pattern, ignored);
  return result;
}

}  // namespace conductor::builder
