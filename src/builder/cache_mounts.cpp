#include "builder/cache_mounts.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/sha256.hpp"
#include "base/units.hpp"
#include "image/layers.hpp"
#include "store/records.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace conductor::builder::cache_mounts {
namespace {

using base::Error;
using parser::Sharing;

constexpr int most_of_one_key = 1000;  // directories of one cache, for those that will not share
constexpr std::size_t key_digits = 32;

struct Record {
  std::string id;
  std::int64_t created = 0, last_used = 0;
};
template <base::Is<Record> S, class V>
void fields(S& s, V&& v) {
  v("id", s.id), v("created", s.created), v("last_used", s.last_used);
}

std::string record_in(const std::string& directory) { return directory + "/record.json"; }

std::string lock_of(const store::Locations& locations, const std::string& name) {
  return locations.locks() + "/cache-mount-" + name;
}

std::string key_of(const Identity& identity) {
  base::Sha256 hash;
  hash.field("cache mount").field(identity.id).field(identity.content);
  hash.field(std::to_string(identity.uid)).field(std::to_string(identity.gid)).field(std::to_string(identity.mode));
  return hash.hex().substr(0, key_digits);
}

bool exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

// Whole from its first instant. Of two that share it and make it at the same time one is faster.
void make(const store::Locations& locations, const std::string& path, const Identity& identity, const Use::Fill& fill) {
  store::make_directory(locations.cache_mounts());
  const store::TemporaryTree stage(locations.temporary());
  const std::string staged = stage.path() + "/cache", data = staged + "/data";
  store::make_directory(data);
  const linux::Fd directory = linux::open_file(data, O_RDONLY | O_DIRECTORY);
  if (fchown(directory.get(), identity.uid, identity.gid) != 0 || fchmod(directory.get(), identity.mode) != 0)
    throw Error::from_errno("cannot set the owner of a cache mount");
  if (fill) fill(directory);
  const std::int64_t now = base::now_unix_ns();
  store::write_record(record_in(staged), Record{identity.id, now, now}, false);
  if (rename(staged.c_str(), path.c_str()) != 0 && errno != ENOTEMPTY && errno != EEXIST)
    throw Error::from_errno("cannot make the cache mount " + identity.id);
}

std::pair<std::string, store::Lock> take(const store::Locations& locations, const std::string& key, Sharing sharing,
                                         const linux::Cancellation* cancellation) {
  const auto mode = sharing == Sharing::shared ? store::Lock::Mode::shared : store::Lock::Mode::exclusive;
  for (int i = 0; i < most_of_one_key; ++i) {
    const std::string name = key + "-" + std::to_string(i);
    const std::string lock = lock_of(locations, name), path = locations.cache_mounts() + "/" + name;
    if (auto taken = store::Lock::try_acquire(lock, mode)) return {path, std::move(*taken)};
    if (sharing == Sharing::locked) return {path, store::Lock::wait(lock, cancellation)};
  }
  throw Error("too many steps use the same private cache mount");
}

}  // namespace

Use::Use(const store::Locations& locations, const Identity& identity, Sharing sharing, const Fill& fill,
         const linux::Cancellation* cancellation)
    : Use(take(locations, key_of(identity), sharing, cancellation)) {
  if (!exists(path_)) make(locations, path_, identity, fill);
}

Use::~Use() {
  if (!exists(path_)) return;
  base::Collector ignored;  // to know when it was used last is a convenience
  ignored.attempt([&] {
    auto record = store::read_record<Record>(record_in(path_)).value_or(Record{});
    record.last_used = base::now_unix_ns();
    store::write_record(record_in(path_), record, false);
  });
}

std::vector<Listed> list(const store::Locations& locations) {
  std::vector<Listed> result;
  for (const auto& name : store::list_directory(locations.cache_mounts())) {
    const std::string path = locations.cache_mounts() + "/" + name;
    base::Collector problems;
    problems.attempt([&] {
      const auto record = store::read_record<Record>(record_in(path)).value_or(Record{});
      const bool in_use = !store::Lock::try_acquire(lock_of(locations, name), store::Lock::Mode::exclusive);
      result.push_back(
          {name, record.id, record.created, record.last_used, image::content_size(path + "/data"), in_use});
    });
    for (const auto& message : problems.messages()) base::log(base::LogLevel::warning, name + ": " + message);
  }
  return result;
}

std::int64_t remove_unused(const store::Locations& locations, std::int64_t since) {
  std::int64_t freed = 0;
  for (const auto& name : store::list_directory(locations.cache_mounts())) {
    const std::string path = locations.cache_mounts() + "/" + name;
    auto lock = store::Lock::try_acquire(lock_of(locations, name));
    if (!lock) continue;
    std::int64_t last_used = 0;
    base::Collector damaged;  // one whose record cannot be read is as good as never used
    damaged.attempt([&] { last_used = store::read_record<Record>(record_in(path)).value_or(Record{}).last_used; });
    if (last_used >= since) continue;
    const store::TemporaryTree grave(locations.temporary());
    const std::string buried = grave.path() + "/cache";
    if (rename(path.c_str(), buried.c_str()) != 0) {
      if (errno == ENOENT) continue;
      throw Error::from_errno("cannot remove the cache mount " + name);
    }
    freed += image::content_size(buried + "/data");
    lock->remove(lock_of(locations, name));
  }
  return freed;
}

}  // namespace conductor::builder::cache_mounts
