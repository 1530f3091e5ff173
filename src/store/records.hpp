// State records: one JSON document a file, written whole or not at all.
#pragma once

#include "base/json.hpp"
#include "linux/fd.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::store {

// A record that cannot be read: named and left alone, everything else goes on.
class DamagedRecord : public base::Error {
 public:
  explicit DamagedRecord(const base::Error& why) : Error(why) {}
};

inline constexpr int record_format = 1;

// temp file, fsync, rename, fsync of the directory. `durable` false leaves out both fsync (state that dies with the
// boot).
void write_file_atomically(const std::string& path, std::string_view content, bool durable = true);

// Objects carry the member "format". Nothing when absent; DamagedRecord when unreadable; Error when of a later format.
std::optional<base::Json> read_json(const std::string& path);
void write_json(const std::string& path, base::Json json, bool durable = true);

template <class T>
std::optional<T> read_record(const std::string& path) {
  const auto json = read_json(path);
  if (!json) return std::nullopt;
  const base::Context context("damaged record " + path);
  T value{};
  try {
    base::from_json(*json, value);
  } catch (const base::Error& e) {
    throw DamagedRecord(e);
  }
  return value;
}

template <class T>
void write_record(const std::string& path, const T& value, bool durable = true) {
  write_json(path, base::to_json(value), durable);
}

// Makes a file that has that content from its first instant, or says that the name is taken (link(2)): how names and
// addresses are unique. Killed in between, it leaves nothing.
bool create_exclusively(const std::string& path, std::string_view content, bool durable = true);
bool remove_file(const std::string& path);  // false when absent

// Names of entries, sorted; empty when the directory is absent. Temporary files are left out.
std::vector<std::string> list_directory(const std::string& path);
void make_directory(const std::string& path, unsigned mode = 0700);  // and its parents

std::string new_id();  // 64 hex digits from getrandom(2)

// "[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}": what a container, volume, network or project may be called.
bool valid_name(std::string_view name);
// Throws Error that says what a name must look like. `kind` is "container", "volume" …
void require_valid_name(std::string_view kind, std::string_view name);

// A new directory below `parent` that is locked (flock on itself) for as long as the object lives and removed with it,
// unless its content was renamed away. What a killed command left is removed by sweep_temporary.
class TemporaryTree {
 public:
  explicit TemporaryTree(const std::string& parent);
  ~TemporaryTree();
  TemporaryTree(TemporaryTree&&) noexcept = default;
  TemporaryTree& operator=(TemporaryTree&&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  linux::Fd lock_;
};
// Deletes the entries of `parent` whose lock nobody holds.
void sweep_temporary(const std::string& parent);
// Deletes what killed writers of records left in a directory of records; the records themselves stay.
void sweep_temporary_files(const std::string& directory);

}  // namespace conductor::store
