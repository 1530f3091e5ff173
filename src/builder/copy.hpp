// Files into a tree: the doing half of COPY. The tree is an overlay whose upper directory becomes the layer, so that
// the kernel merges directories, follows the image's own links and makes the whiteouts.
#pragma once

#include "builder/file_content.hpp"
#include "builder/modes.hpp"
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

struct MadeDirectory {
  std::string path;  // without links
  bool made = false;
};
// Makes a directory and those above it that are missing, each 0755 and of that owner; links of the tree are followed,
// also where they lead to what is not there yet.
MadeDirectory make_directories(const linux::RootFd& tree, const std::string& path, const Owner& owner);

struct CopyOrder {
  std::string destination;         // absolute
  std::optional<Owner> owner;      // of all that is made; nothing: as in the source
  std::optional<ModeChange> mode;  // of files and directories; nothing: as in the source
};

class Copier {
 public:
  // `tree` is the overlay, `upper` its upper directory; both may be the same plain directory. What goes into a
  // directory that this Copier has made itself is written to `upper` right away: nothing is merged there, and it costs
  // two thirds. `copied` is told how many bytes more are there, every few MiB at least.
  Copier(const linux::RootFd& tree, const linux::RootFd& upper, CopyOrder order, CopiedBytes copied = {})
      : tree_(tree), upper_(upper), order_(std::move(order)), copied_(std::move(copied)) {}

  // Modes, times, links, hard links among what one Copier copies, holes, and the attributes of file_content.hpp are
  // kept. The destination and the directories above it are no copies of anything: one that is missing becomes 0755 and
  // gets the owner of the order, else root. Throws Error naming the file; also when a file is not any more what
  // `source` says.
  void copy(const linux::RootFd& from, const Selected& source);
  void write(const InlineFile& file);

 private:
  struct Directory {  // of the destination, open while its entries are made
    std::string target;
    linux::Fd fd;
    const InputFile* source = nullptr;  // what it is a copy of: gives mode, owner and time when it is complete
    std::optional<std::string> upper;   // its path below the upper directory, when `fd` is of that one
    bool itself = false;                // the destination: it gets the time alone
  };
  struct Copied {
    std::string path;  // without links, the same in both trees
    ino_t inode = 0;
  };

  Place place(bool directory, const std::string& name) const;
  Directory make_destination(const std::string& path) const;
  void open_made(Directory& directory, const std::string& path) const;
  Directory enter(const Directory& parent, const InputFile& file, const std::string& path) const;
  void leave(const linux::RootFd& from, const Directory& directory) const;
  void copy_directory(const linux::RootFd& from, const Selected& source, const std::string& destination);
  void copy_entry(const linux::RootFd& from, const InputFile& file, const Directory& directory, const std::string& name,
                  const std::string& path);
  void copy_regular(const linux::RootFd& from, const InputFile& file, const Directory& directory,
                    const std::string& name, const std::string& path);
  void take_spooled(const InputFile& file, const Directory& directory, const std::string& name,
                    const std::string& path) const;
  std::string real_path(const Directory& directory, const std::string& name, const std::string& path) const;
  bool link_again(const InputFile& file, const Directory& directory, const std::string& name, const std::string& path);
  mode_t mode_of(const struct stat& status) const;
  void set_owner(int fd, const struct stat& status, const std::string& path) const;
  void set_owner_at(int directory, const std::string& name, const struct stat& status, const std::string& path) const;

  const linux::RootFd& tree_;
  const linux::RootFd& upper_;
  CopyOrder order_;
  CopiedBytes copied_;
  std::map<std::pair<dev_t, ino_t>, Copied> linked_;
};

}  // namespace conductor::builder
