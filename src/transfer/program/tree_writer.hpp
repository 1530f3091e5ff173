// A tree made from the entries of an archive, below one directory that nothing leaves: every name is taken relative to
// it, parents are resolved inside it (RootFd), and the last component is never followed.
#pragma once

#include "linux/root_fd.hpp"

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::transfer::program {

struct EntryMetadata {
  std::uint32_t uid = 0, gid = 0;
  mode_t mode = 0;  // 12 bits
  timespec modified{0, UTIME_NOW};
  std::map<std::string, std::string> attributes;  // user.* and security.capability
};

class TreeWriter {
 public:
  explicit TreeWriter(linux::RootFd root) : root_(std::move(root)) {}

  // What stands there and is no directory gives way; a directory gives way to anything but a directory.
  void directory(const std::string& name, const EntryMetadata& metadata);
  // Empty and open for writing; finish_file() gives it its size and metadata.
  linux::Fd file(const std::string& name);
  void finish_file(const linux::Fd& file, std::int64_t size, const EntryMetadata& metadata);
  void symlink(const std::string& name, const std::string& target, const EntryMetadata& metadata);
  // `target` is the name of an earlier entry.
  void hard_link(const std::string& name, const std::string& target);
  // A device or FIFO; `type` as in st_mode.
  void node(const std::string& name, mode_t type, dev_t device, const EntryMetadata& metadata);
  // Gives directories their times; nothing is written after.
  void finish();

 private:
  struct Place {
    int parent = -1;   // borrowed; until the next call
    std::string name;  // one component
  };
  Place place(const std::string& name);
  void make_room(const Place& place, const std::string& path, bool keep_directory);

  linux::RootFd root_;
  std::string last_parent_;  // whose descriptor is kept for the next entry
  linux::Fd last_parent_fd_;
  bool parent_is_stale_ = false;  // something on the way there may have been replaced
  std::vector<std::pair<std::string, timespec>> directory_times_;
};

// "a/b" of "/a/./x/../b", "../a/b" …: no component leads up. Empty for the root itself.
std::string clean_name(std::string_view name);

}  // namespace conductor::transfer::program
