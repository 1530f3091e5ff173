// Directories that outlive builds: RUN --mount=type=cache. Each is ROOT/cache-mounts/NAME/{record.json,data}; NAME is
// the key of what is asked for and a number, since those who will not share get a directory each. Whoever uses one
// holds the lock STATE/locks/cache-mount-NAME.
#pragma once

#include "base/fields.hpp"
#include "linux/cancellation.hpp"
#include "linux/fd.hpp"
#include "parser/conductorfile.hpp"
#include "store/locations.hpp"
#include "store/lock.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace conductor::builder::cache_mounts {

// What is equal in all of these is the same cache.
struct Identity {
  std::string id;
  std::string content;  // key of what a new one holds at first; empty: nothing
  std::uint32_t uid = 0, gid = 0;
  unsigned mode = 0755;
};

// A cache in use; given back with this object.
class Use {
 public:
  // Fills a new one: called with its empty directory.
  using Fill = std::function<void(const linux::Fd& directory)>;
  // shared: beside others that share it. exclusive: alone, in another directory when this one is in use. locked: alone,
  // after all others; Error "interrupted" when that is cancelled (may be null).
  Use(const store::Locations& locations, const Identity& identity, parser::Sharing sharing, const Fill& fill,
      const linux::Cancellation* cancellation);
  ~Use();
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  std::string directory() const { return path_ + "/data"; }

 private:
  explicit Use(std::pair<std::string, store::Lock> taken)
      : path_(std::move(taken.first)), lock_(std::move(taken.second)) {}

  std::string path_;
  store::Lock lock_;
};

struct Listed {
  std::string name;
  std::string id;
  std::int64_t created = 0, last_used = 0;  // unix nanoseconds
  std::int64_t size = 0;                    // bytes of file content
  bool in_use = false;
};
std::vector<Listed> list(const store::Locations& locations);
// Those that nobody uses and nobody has used since; bytes freed.
std::int64_t remove_unused(const store::Locations& locations, std::int64_t since = INT64_MAX);

}  // namespace conductor::builder::cache_mounts
