// Hashes of what files contain, remembered between builds: a build in which nothing changed reads no file.
#pragma once

#include "builder/selection.hpp"
#include "linux/root_fd.hpp"
#include "store/records.hpp"

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace conductor::builder {

// Large files that are copied while they are hashed, into a temporary tree on the file system of the layers: each core
// does one of the two, and a rename makes the copy part of a layer.
class Spool {
 public:
  explicit Spool(std::string parent) : parent_(std::move(parent)) {}
  // Copies a file of at least this size; shorter ones are not worth a thread.
  static constexpr off_t worthwhile = 8 << 20;

  // A new file, and its name for `path()`; thread-safe.
  std::pair<linux::Fd, std::string> create();
  std::string path() const { return tree_->path(); }

 private:
  std::string parent_;
  std::mutex mutex_;
  std::optional<store::TemporaryTree> tree_;  // made with the first file
  std::size_t count_ = 0;
};

// The hash of a file that is open at its beginning: `size` bytes, then its attributes. Throws Error when it is shorter.
std::string hash_of(int file, off_t size, const std::string& path);

// Of the files of one tree; used by all stages of a build at the same time.
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
  // is much; large files among it are copied to the spool on the way, if there is one. Throws Error naming a file that
  // cannot be read or changes meanwhile.
  void fill(const linux::RootFd& root, std::vector<Selected>& selected, Spool* spool = nullptr);
  std::size_t read_files() const { return read_files_; }  // files that had to be read so far

 private:
  void save();
  struct Key {
    std::uint64_t device = 0, inode = 0, size = 0;
    std::int64_t modified = 0, changed = 0;  // nanoseconds
    auto operator<=>(const Key&) const = default;
  };
  struct Hash {
    unsigned char bytes[32] = {};
  };
  struct Entry {
    Key key;
    Hash hash;
  };
  static Key key_of(const struct stat& status);
  const Hash* find(const Key& key) const;  // with the lock held
  std::vector<InputFile*> fill_known(std::vector<Selected>& selected) const;
  void learn(const std::vector<InputFile*>& files);

  std::string file_;
  mutable std::mutex mutex_;
  std::vector<Entry> known_;    // sorted by key
  std::map<Key, Hash> learnt_;  // since then
  std::atomic<std::size_t> read_files_ = 0;
};

}  // namespace conductor::builder
