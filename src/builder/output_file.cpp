#include "builder/output_file.hpp"

#include "base/error.hpp"
#include "store/records.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <memory>

namespace conductor::builder {
namespace {

using base::Error;

struct Free {
  void operator()(char* text) const { std::free(text); }
};

// A link stands for what it points to.
std::string real_path(const std::string& path) {
  const std::unique_ptr<char, Free> real(realpath(path.c_str(), nullptr));
  return real ? real.get() : path;
}

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

OutputFile::OutputFile(const std::string& path) : path_(path) {
  if (path == "-") {
    file_ = linux::Fd(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
    if (!file_) throw Error::from_errno("standard output is closed");
    return;
  }
  path_ = real_path(path);
  struct stat found{};
  if (stat(path_.c_str(), &found) == 0 && !S_ISREG(found.st_mode)) {
    if (S_ISDIR(found.st_mode)) throw Error(path + " is a directory").with_hint("name a file for the output");
    file_ = linux::open_file(path_, O_WRONLY);
    return;
  }
  file_ = linux::open_file(directory_of(path_), O_TMPFILE | O_WRONLY, 0600);
  if (fchmod(file_.get(), 0644) != 0) throw Error::from_errno("cannot set the mode of " + path);
  nameless_ = true;
}

// linkat(2) does not replace: so by way of a second name, which lives for a moment.
void OutputFile::publish() {
  if (!nameless_) return;
  const std::string source = "/proc/self/fd/" + std::to_string(file_.get());
  if (linkat(AT_FDCWD, source.c_str(), AT_FDCWD, path_.c_str(), AT_SYMLINK_FOLLOW) == 0) return;
  if (errno != EEXIST) throw Error::from_errno("cannot make " + path_);
  const std::string second = directory_of(path_) + "/.output-" + store::new_id().substr(0, 16);
  if (linkat(AT_FDCWD, source.c_str(), AT_FDCWD, second.c_str(), AT_SYMLINK_FOLLOW) != 0 ||
      rename(second.c_str(), path_.c_str()) != 0) {
    const Error failure = Error::from_errno("cannot make " + path_);
    unlink(second.c_str());
    throw failure;
  }
}

}  // namespace conductor::builder
