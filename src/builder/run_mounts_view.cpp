#include "builder/run_mounts_view.hpp"

#include "base/error.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <map>
#include <set>

namespace conductor::builder {
namespace {

using base::Error;

std::string below(const std::string& directory, const std::string& name) {
  return directory.empty() ? name : directory + "/" + name;
}

class Hider {
 public:
  Hider(const linux::RootFd& root, const Selected& selected, const std::string& layer)
      : root_(root), layer_(linux::RootFd::open(layer)) {
    for (const auto& file : selected.files) shown_[file.target] = &file;
  }

  bool hide() {
    for (const auto& [target, file] : shown_)
      if (S_ISDIR(file->status.st_mode)) hide_in(target, *file);
    // Times last: making something in a directory changes them.
    for (const auto& directory : made_)
      if (const auto like = shown_.find(directory); like != shown_.end()) set_attributes(directory, *like->second);
    return !made_.empty();
  }

 private:
  void hide_in(const std::string& directory, const InputFile& file) {
    for (const auto& name : root_.list(file.path)) {
      if (shown_.contains(below(directory, name))) continue;
      const linux::Fd place = make(directory);
      // Whiteout of overlayfs: a character device 0:0.
      if (mknodat(place.get(), name.c_str(), S_IFCHR, makedev(0, 0)) != 0)
        throw Error::from_errno("cannot hide " + below(file.path, name));
    }
  }

  linux::Fd make(const std::string& directory) {
    made_.insert("");
    for (std::size_t end = 0; !directory.empty() && end != std::string::npos;) {
      end = directory.find('/', end + 1);
      made_.insert(directory.substr(0, end));
    }
    return layer_.make_directories(directory, 0700);
  }

  void set_attributes(const std::string& directory, const InputFile& like) const {
    const linux::Fd made = layer_.open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    const struct stat& status = like.status;
    const timespec times[2] = {status.st_atim, status.st_mtim};
    if (fchown(made.get(), status.st_uid, status.st_gid) != 0 || fchmod(made.get(), status.st_mode & 07777U) != 0 ||
        futimens(made.get(), times) != 0)
      throw Error::from_errno("cannot set the attributes of " + directory);
  }

  const linux::RootFd& root_;
  const linux::RootFd layer_;
  std::map<std::string, const InputFile*> shown_;  // by place below the directory
  std::set<std::string> made_;
};

}  // namespace

bool hide_unselected(const linux::RootFd& root, const Selected& selected, const std::string& layer) {
  return Hider(root, selected, layer).hide();
}

}  // namespace conductor::builder
