// Hashes of what files contain, remembered between builds: a build in which nothing changed reads no file.
#pragma once

#include "builder/selection.hpp"
#include "linux/root_fd.hpp"

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace conductor::builder {

class ContentHashes {
 public:
  // Reads what is remembered in `file` (native byte order; anything unexpected in it means nothing is remembered).
  // Without a file nothing is remembered after this object: for trees whose device numbers mean nothing later.
  explicit ContentHashes(std::string file);
  // Writes the file anew when something was learnt; to lose it costs time only, so it is not synced and may fail.
  ~ContentHashes();
  ContentHashes(const ContentHashes&) = delete;
  ContentHashes& operator=(const ContentHashes&) = delete;

  // Fills in `content` of all regular files (64 hex digits). What is not remembered is read, on all processors when it
  // is much. Throws Error naming a file that cannot be read or changes meanwhile. Safe for threads.
  void fill(const linux::RootFd& root, std::vector<Selected>& selected);
  std::size_t read_files() const { return read_files_; }  // files that had to be read so far

 private:
  void save();
  struct Key {
    std::uint64_t device = 0, inode = 0, size = 0;
    std::int64_t modified = 0, changed = 0;  // nanoseconds
    auto operator<=>(const Key&) const = default;
  };
  struct Entry {
    Key key;
    unsigned char hash[32] = {};
  };
  static Key key_of(const struct stat& status);
  const Entry* find(const Key& key) const;

  std::string file_;
  std::vector<Entry> known_;  // sorted by key
  std::mutex mutex_;          // of what follows
  std::vector<Entry> learnt_;
  std::size_t read_files_ = 0;
};

}  // namespace conductor::builder
