// Files into a tree: the doing half of COPY. The tree is an overlay whose upper directory becomes the layer, so that
// the kernel merges directories, follows the image's own links and makes the whiteouts.
#pragma once

#include "builder/ownership.hpp"
#include "builder/selection.hpp"
#include "builder/steps.hpp"
#include "linux/root_fd.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace conductor::builder {

// Where one source of a COPY goes. Pure.
struct Place {
  std::string directory;
  std::string name;  // in it; empty: the contents of a directory go right into `directory`
  bool operator==(const Place&) const = default;
};
// A directory's contents go into the destination. A file goes into it when it ends in "/" or is a directory already,
// else it gets that name. `name` is the source's last component.
Place place_for(const std::string& destination, bool destination_is_directory, bool source_is_directory,
                const std::string& name);

struct CopyOrder {
  std::string destination;     // absolute
  std::optional<Owner> owner;  // of all that is made; nothing: as in the source
  std::optional<mode_t> mode;  // of files and directories; nothing: as in the source
};

class Copier {
 public:
  // `tree` is the overlay, `upper` its upper directory. What goes into a directory that this Copier has made itself is
  // written to `upper` right away: nothing is merged there, and it costs two thirds.
  Copier(const linux::RootFd& tree, const linux::RootFd& upper, CopyOrder order)
      : tree_(tree), upper_(upper), order_(std::move(order)) {}

  // Modes, times, links, hard links among what one Copier copies, holes, and the attributes of content_hashes.hpp are
  // kept. A directory that is there already keeps its own mode when it is the destination itself. Throws Error naming
  // the file; also when a file is not any more what `source` says.
  void copy(const linux::RootFd& from, const Selected& source);
  void write(const InlineFile& file);

 private:
  struct Directory {  // of the destination, open while its entries are made
    std::string target;
    linux::Fd fd;
    std::optional<struct stat> status;  // to be given to it when it is complete
    std::string upper;                  // its path below the upper directory, when `fd` is of that one; else empty
  };
  struct Copied {
    std::string path;
    ino_t inode = 0;
    bool upper = false;  // `path` is below the upper directory
  };

  Place place(bool directory, const std::string& name) const;
  linux::Fd make_parents(const std::string& path, bool& made) const;
  Directory made_directory(const InputFile& file, const std::string& path) const;
  Directory enter(const Directory& parent, const InputFile& file, const std::string& path) const;
  void leave(const Directory& directory) const;
  void copy_directory(const linux::RootFd& from, const Selected& source, const std::string& destination);
  void copy_entry(const linux::RootFd& from, const InputFile& file, const Directory& directory, const std::string& name,
                  const std::string& path);
  void copy_regular(const linux::RootFd& from, const InputFile& file, const linux::Fd& directory,
                    const std::string& name, const std::string& path);
  bool link_again(const InputFile& file, const Directory& directory, const std::string& name, const std::string& path);
  void set_owner(int fd, const struct stat& status, const std::string& path) const;
  void set_owner_at(int directory, const std::string& name, const struct stat& status, const std::string& path) const;

  const linux::RootFd& tree_;
  const linux::RootFd& upper_;
  CopyOrder order_;
  std::map<std::pair<dev_t, ino_t>, Copied> linked_;
};

}  // namespace conductor::builder
