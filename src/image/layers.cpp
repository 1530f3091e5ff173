#include "image/layers.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "image/image.hpp"
#include "image/layer_archive.hpp"
#include "linux/fd.hpp"
#include "linux/root_fd.hpp"
#include "store/records.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <future>
#include <memory>
#include <set>

namespace conductor::image {
namespace {

using base::Error;

constexpr std::string_view record_suffix = ".json";
constexpr std::size_t layer_digits = 32;
constexpr std::int64_t nanoseconds_per_second = 1'000'000'000;

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

// Walks by descriptor: the tree was written by a container, which may have put links anywhere.
class Measurer {
 public:
  void directory(linux::Fd fd) {
    const std::unique_ptr<DIR, CloseDirectory> stream(fdopendir(fd.get()));
    if (!stream) throw Error::from_errno("cannot list a directory of a layer");
    fd.release();
    const int here = dirfd(stream.get());
    while (const dirent* entry = readdir(stream.get())) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (entry->d_type == DT_DIR)
        directory(linux::open_at(here, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
      else
        file(here, entry->d_name);
    }
  }
  std::int64_t bytes() const { return bytes_; }

 private:
  void file(int directory, const char* name) {
    struct stat found{};
    if (fstatat(directory, name, &found, AT_SYMLINK_NOFOLLOW) != 0)
      throw Error::from_errno("cannot look at a file of a layer");
    if (!S_ISREG(found.st_mode)) return;
    if (found.st_nlink > 1 && !seen_.insert(found.st_ino).second) return;
    bytes_ += found.st_size;
  }

  std::set<ino_t> seen_;  // with several names
  std::int64_t bytes_ = 0;
};

// ext4 puts directories made below a "top of hierarchy" into block groups of their own, which keeps the making of files
// fast beside trees that have just been deleted. Other file systems know no such flag.
void spread_directories(const std::string& path) {
  const linux::Fd directory = linux::open_file(path, O_RDONLY | O_DIRECTORY);
  int flags = 0;
  if (ioctl(directory.get(), FS_IOC_GETFLAGS, &flags) != 0 || (flags & FS_TOPDIR_FL) != 0) return;
  flags |= FS_TOPDIR_FL;
  ioctl(directory.get(), FS_IOC_SETFLAGS, &flags);
}

// The whole file system: one call is cheaper than an fsync for each file of a layer.
void sync_file_system(const std::string& path) {
  const linux::Fd directory = linux::open_file(path, O_RDONLY | O_DIRECTORY);
  if (syncfs(directory.get()) != 0) throw Error::from_errno("cannot write the layer to disk");
}

void sync_directory(const std::string& path) {
  const linux::Fd directory = linux::open_file(path, O_RDONLY | O_DIRECTORY);
  if (fsync(directory.get()) != 0) throw Error::from_errno("cannot sync " + path);
}

bool is_directory(const std::string& path) {
  struct stat found{};
  return lstat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

}  // namespace

std::string layer_directory(const store::Locations& locations, const std::string& layer) {
  return locations.layers() + "/" + layer;
}

std::string layer_record(const store::Locations& locations, const std::string& layer) {
  return layer_directory(locations, layer) + std::string(record_suffix);
}

std::string layers_lock(const store::Locations& locations) { return locations.locks() + "/layers"; }

bool layer_is_whole(const store::Locations& locations, const std::string& layer) {
  return !layer.empty() && is_directory(layer_directory(locations, layer)) &&
         access(layer_record(locations, layer).c_str(), F_OK) == 0;
}

std::string layer_id(const std::string& diff_id) { return diff_id.substr(diff_id.find(':') + 1, layer_digits); }

std::string commit_lock(const store::Locations& locations) { return locations.locks() + "/commit"; }

LayerRecord complete_layer_record(const store::Locations& locations, const std::string& layer) {
  const std::string path = layer_record(locations, layer);
  auto record = store::read_record<LayerRecord>(path);
  if (!record) throw Error("no such layer: " + layer);
  if (!record->diff_id.empty()) return *record;
  record->diff_id = digest_layer(layer_directory(locations, layer)).diff_id;
  struct stat found{};
  if (record->created == 0 && stat(path.c_str(), &found) == 0) record->created = found.st_mtim.tv_sec;
  store::write_record(path, *record);
  return *record;
}

std::int64_t content_size(const std::string& directory) {
  Measurer measurer;
  measurer.directory(linux::open_file(directory, O_RDONLY | O_DIRECTORY));
  return measurer.bytes();
}

std::vector<std::string> all_layers(const store::Locations& locations) {
  std::set<std::string> layers;
  for (const auto& name : store::list_directory(locations.layers()))
    layers.insert(name.ends_with(record_suffix) ? name.substr(0, name.size() - record_suffix.size()) : name);
  return {layers.begin(), layers.end()};
}

std::int64_t remove_layer(const store::Locations& locations, const std::string& layer) {
  std::int64_t bytes = 0;
  const std::string directory = layer_directory(locations, layer);
  const bool whole = layer_is_whole(locations, layer);
  if (whole) bytes = store::read_record<LayerRecord>(layer_record(locations, layer)).value_or(LayerRecord{}).size;
  store::remove_file(layer_record(locations, layer));
  if (!is_directory(directory)) return bytes;
  if (!whole) bytes = content_size(directory);
  const store::TemporaryTree grave(locations.temporary());
  if (rename(directory.c_str(), (grave.path() + "/layer").c_str()) != 0)
    throw Error::from_errno("cannot remove the layer " + layer);
  return bytes;
}

// --- drafts
// -----------------------------------------------------------------------------------------------------------

LayerDraft::LayerDraft(const store::Locations& locations)
    : in_use_(store::Lock::acquire(layers_lock(locations), store::Lock::Mode::shared)), tree_(locations.temporary()) {
  spread_directories(locations.temporary());
  for (const auto& path : {upper(), work()}) {
    store::make_directory(path);
    // The upper directory's mode is that of "/" in the container, whatever our umask.
    if (chmod(path.c_str(), 0755) != 0) throw Error::from_errno("cannot set the mode of " + path);
  }
}

namespace {

// Writing to disk and hashing at the same time: the one waits for the disk, the other computes. What cannot be hashed
// is told after the disk is done.
LayerDigest sync_and_digest(const std::string& directory) {
  auto synced = std::async(std::launch::async, [&] { sync_file_system(directory); });
  LayerDigest digest = digest_layer(directory);
  synced.get();
  return digest;
}

// True when the layer is there already. One that is there without a record is of a command that was killed before it
// could write it: what it holds is what counts.
bool is_present(const store::Locations& locations, const std::string& layer, const std::string& diff_id) {
  const std::string directory = layer_directory(locations, layer);
  if (!is_directory(directory)) return false;
  const bool recorded = access(layer_record(locations, layer).c_str(), F_OK) == 0;
  const std::string there =
      recorded ? complete_layer_record(locations, layer).diff_id : digest_layer(directory).diff_id;
  if (there == diff_id) return recorded;
  if (recorded)
    throw Error("the layer " + layer + " is there with another content: " + there + " instead of " + diff_id)
        .with_hint("'conductor rmcache' removes layers that no image needs");
  remove_layer(locations, layer);
  return false;
}

}  // namespace

std::string Images::commit(LayerDraft draft, std::optional<std::int64_t> newest) {
  const base::Context context("committing a layer");
  if (newest) clamp_times(draft.upper(), *newest);
  return place(std::move(draft), std::nullopt, newest);
}

// Order: content on disk, then visible, then the record that says it is whole. Killed in between, the next commit of
// the same layer goes on from there, or it is swept as a half one.
std::string Images::place(LayerDraft draft, const std::optional<Expected>& expected,
                          std::optional<std::int64_t> newest) const {
  const LayerDigest digest = sync_and_digest(draft.upper());
  if (expected && expected->diff_id != digest.diff_id)
    throw Error("a layer is " + digest.diff_id + ", not the " + expected->diff_id + " that it should be");
  const std::string layer = layer_id(digest.diff_id);
  hold_layers();
  const auto lock = store::Lock::acquire(commit_lock(locations_));
  if (is_present(locations_, layer, digest.diff_id)) return layer;
  const std::string directory = layer_directory(layer);
  if (!is_directory(directory) && rename(draft.upper().c_str(), directory.c_str()) != 0)
    throw Error::from_errno("cannot move it to " + locations_.layers());
  sync_directory(locations_.layers());
  const std::int64_t now = base::now_unix_ns() / nanoseconds_per_second;
  const std::int64_t created = expected ? expected->created : std::min(now, newest.value_or(now));
  store::write_record(layer_record(locations_, layer), LayerRecord{digest.size, digest.diff_id, created});
  return layer;
}

std::int64_t Images::layer_created(const std::string& layer) const {
  return complete_layer_record(locations_, layer).created;
}

std::string Images::diff_id(const std::string& layer) const { return complete_layer_record(locations_, layer).diff_id; }

void Images::hold_layers() const {
  const std::lock_guard guard(mutex_);
  if (!layers_in_use_) layers_in_use_ = store::Lock::acquire(layers_lock(locations_), store::Lock::Mode::shared);
}

std::string Images::layer_directory(const std::string& layer) const {
  return image::layer_directory(locations_, layer);
}

bool Images::has_layer(const std::string& layer) const { return layer_is_whole(locations_, layer); }

std::int64_t Images::layer_size(const std::string& layer) const {
  const auto record = store::read_record<LayerRecord>(layer_record(locations_, layer));
  if (!record) throw Error("no such layer: " + layer);
  return record->size;
}

std::vector<std::string> Images::lower_directories(const Image& image) const {
  std::vector<std::string> directories;
  std::set<std::string> seen;
  for (auto layer = image.layers.rbegin(); layer != image.layers.rend(); ++layer) {
    // The same layer twice: what the upper one says leaves nothing to say to the lower one, and overlayfs takes no
    // directory twice.
    if (!seen.insert(*layer).second) continue;
    if (!is_directory(layer_directory(*layer)))
      throw Error("image " + image.id + " has lost its layer " + *layer)
          .with_hint("remove the image and build it again");
    directories.push_back(layer_directory(*layer));
  }
  if (!directories.empty()) return directories;
  // An overlay has at least one lower directory; the image without layers has an empty one.
  const std::string empty = locations_.layers() + "/.empty";
  store::make_directory(empty, 0755);
  return {empty};
}

}  // namespace conductor::image
