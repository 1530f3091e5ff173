#include "linux/path_walk.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <deque>

namespace conductor::linux {
namespace {

constexpr int max_links = 40;  // as path_resolution(7)
constexpr int itself = O_PATH | O_NOFOLLOW | O_CLOEXEC;

class Walk {
 public:
  explicit Walk(const WalkRequest& request) : request_(request) { prepend(request.path); }
  Fd run();

 private:
  const WalkRequest& request_;
  std::deque<std::string> names_;  // still to go
  std::vector<Fd> entered_;        // the way down from the root
  int links_ = 0;

  int current() const { return entered_.empty() ? request_.root : entered_.back().get(); }
  bool asked(int flag) const { return (request_.flags & flag) != 0; }
  void prepend(const std::string& path);
  bool follow(int link);
  Fd make(const std::string& name, bool last) const;
  Fd open_last(const std::string& name) const;
  Fd result(const std::string& name, Fd found, mode_t type) const;
};

// A name that ends in "/" must be a directory, which a last "." makes sure of.
void Walk::prepend(const std::string& path) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    if (end > at) parts.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  if (!path.empty() && path.back() == '/') parts.emplace_back(".");
  names_.insert(names_.begin(), parts.begin(), parts.end());
}

Fd Walk::run() {
  while (!names_.empty()) {
    const std::string name = std::move(names_.front());
    names_.pop_front();
    if (name == ".") continue;
    if (name == "..") {
      if (!entered_.empty()) entered_.pop_back();
      continue;
    }
    const bool last = names_.empty();
    if (last && request_.missing == Missing::fail && (asked(O_NOFOLLOW) || asked(O_EXCL))) return open_last(name);
    Fd next(openat(current(), name.c_str(), itself));
    if (!next && errno == ENOENT && request_.missing != Missing::fail) next = make(name, last);
    if (!next && errno == ENOENT && last && asked(O_CREAT)) return open_last(name);
    struct stat found{};
    if (!next || fstat(next.get(), &found) != 0) return Fd();
    if (S_ISLNK(found.st_mode)) {
      if (!follow(next.get())) return Fd();
    } else if (last) {
      return result(name, std::move(next), found.st_mode & S_IFMT);
    } else {
      entered_.push_back(std::move(next));
    }
  }
  return Fd(openat(current(), ".", request_.flags | O_CLOEXEC));
}

bool Walk::follow(int link) {
  if (++links_ > max_links) return errno = ELOOP, false;
  // Links of procfs lead to whatever a process has open; openat2 refuses the magic ones, the walk all of them.
  struct statfs system{};
  if (fstatfs(link, &system) != 0) return false;
  if (system.f_type == PROC_SUPER_MAGIC) return errno = ELOOP, false;
  char target[PATH_MAX];
  const ssize_t size = readlinkat(link, "", target, sizeof target);
  if (size < 0) return false;
  const std::string text(target, static_cast<std::size_t>(size));
  if (text.starts_with('/')) entered_.clear();
  prepend(text);
  return true;
}

// Made and given its mode through its own descriptor; what somebody else made in the same moment is taken as it is.
Fd Walk::make(const std::string& name, bool last) const {
  Fd made;
  mode_t mode = request_.mode;
  if (last && request_.missing == Missing::make_file) {
    made = Fd(openat(current(), name.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0600));
  } else {
    if (request_.missing == Missing::make_file) mode = 0755;
    if (mkdirat(current(), name.c_str(), 0700) == 0)
      made = Fd(openat(current(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  }
  if (!made && errno != EEXIST) return Fd();
  if (made && fchmod(made.get(), mode) != 0) return Fd();
  return Fd(openat(current(), name.c_str(), itself));
}

Fd Walk::open_last(const std::string& name) const {
  return Fd(openat(current(), name.c_str(), request_.flags | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, request_.mode));
}

Fd Walk::result(const std::string& name, Fd found, mode_t type) const {
  if (!asked(O_PATH)) return open_last(name);
  if (asked(O_DIRECTORY) && type != S_IFDIR) return errno = ENOTDIR, Fd();
  return found;
}

}  // namespace

Fd walk(const WalkRequest& request) {
  if (request.path.empty()) return errno = ENOENT, Fd();
  return Walk(request).run();
}

}  // namespace conductor::linux
