#include "image/cache_archive.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "image/digest_thread.hpp"
#include "image/layer_archive.hpp"
#include "image/layer_reader.hpp"
#include "image/layers.hpp"
#include "store/records.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <set>

namespace conductor::image {
namespace {

using base::Error;

constexpr std::string_view algorithm = "sha256:";
constexpr std::size_t digits = 64;

struct ListedStep {
  std::string key;           // 64 hex digits
  std::string layer;         // diff id
  std::int64_t created = 0;  // when the layer was made, unix seconds
};
template <base::Is<ListedStep> S, class V>
void fields(S& s, V&& v) {
  v("key", s.key), v("layer", s.layer), v("created", s.created);
}
struct Listing {
  std::vector<ListedStep> steps;
};
template <base::Is<Listing> S, class V>
void fields(S& s, V&& v) {
  v("steps", s.steps);
}

std::string listing_path(const std::string& directory) { return directory + "/cache.json"; }
std::string blobs(const std::string& directory) { return directory + "/blobs/sha256"; }
std::string blob_path(const std::string& directory, const std::string& diff_id) {
  return blobs(directory) + "/" + diff_id.substr(algorithm.size());
}

bool is_hex(std::string_view text) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}
bool is_valid(const ListedStep& step) {
  return is_hex(step.key) && step.layer.starts_with(algorithm) &&
         is_hex(std::string_view(step.layer).substr(algorithm.size()));
}

void write_blob(const Images& images, const std::string& layer, const std::string& path) {
  if (access(path.c_str(), F_OK) == 0) return;
  const std::string temporary = path + ".tmp-" + store::new_id().substr(0, 16);
  try {
    const linux::Fd file = linux::open_file(temporary, O_WRONLY | O_CREAT | O_EXCL, 0644);
    DigestThread digest;
    write_archive(linux::RootFd::open(images.layer_directory(layer)), ArchiveForm::layer, [&](std::string_view bytes) {
      digest.take(bytes);
      if (!bytes.empty()) linux::write_all(file.get(), bytes);
    });
    if (std::string(algorithm) + digest.finish() != images.diff_id(layer))
      throw Error("the layer " + layer + " has been changed");
    if (rename(temporary.c_str(), path.c_str()) != 0) throw Error::from_errno("cannot make " + path);
  } catch (...) {
    unlink(temporary.c_str());
    throw;
  }
}

void remove_unlisted_blobs(const std::string& directory, const Listing& listing) {
  std::set<std::string> wanted;
  for (const auto& step : listing.steps) wanted.insert(step.layer.substr(algorithm.size()));
  for (const auto& name : store::list_directory(blobs(directory)))
    if (!wanted.contains(name)) store::remove_file(blobs(directory) + "/" + name);
}

}  // namespace

std::size_t import_cache(Images& images, const std::string& directory) {
  const base::Context context("importing the cache " + directory);
  const auto listing = store::read_record<Listing>(listing_path(directory));
  if (!listing) return 0;
  std::map<std::string, ImportedStep> steps;
  for (const auto& step : listing->steps) {
    if (!is_valid(step)) throw Error(listing_path(directory) + " is damaged");
    steps[step.key] = {blob_path(directory, step.layer), step.layer, step.created};
  }
  const std::size_t count = steps.size();
  images.add_imported(std::move(steps));
  return count;
}

void export_cache(const Images& images, const std::string& directory, const std::vector<std::string>& keys) {
  const base::Context context("exporting the cache to " + directory);
  store::make_directory(blobs(directory), 0755);
  Listing listing;
  for (const auto& key : std::set<std::string>(keys.begin(), keys.end())) {
    const auto layer = images.find_step(key);
    if (!layer) continue;
    const std::string diff_id = images.diff_id(*layer);
    write_blob(images, *layer, blob_path(directory, diff_id));
    listing.steps.push_back({key, diff_id, images.layer_created(*layer)});
  }
  store::write_file_atomically(listing_path(directory), base::to_json(listing).dump(1) + "\n", false);
  remove_unlisted_blobs(directory, listing);
}

void Images::add_imported(std::map<std::string, ImportedStep> steps) {
  const std::lock_guard guard(imported_mutex_);
  imported_.merge(std::move(steps));
}

// Its layer becomes one of ours in the same way as that of a step that was done here: an archive that is not exactly
// what its digest says never becomes visible. A cache that is damaged is as good as none.
std::optional<std::string> Images::imported_step(const std::string& key) const {
  const std::lock_guard guard(imported_mutex_);
  const auto found = imported_.find(key);
  if (found == imported_.end()) return std::nullopt;
  const ImportedStep step = found->second;
  try {
    const base::Context context("importing a cached step");
    std::string layer = layer_id(step.diff_id);
    if (!has_layer(layer) || diff_id(layer) != step.diff_id) {
      LayerDraft draft(locations_);
      read_layer(linux::open_file(step.blob, O_RDONLY | O_NOFOLLOW).get(), draft.upper());
      place(std::move(draft), Expected{step.diff_id, step.created});
    }
    write_step(locations_, key, layer);
    return layer;
  } catch (const Error& e) {
    base::log(base::LogLevel::warning, e.message());
    imported_.erase(key);
    return std::nullopt;
  }
}

}  // namespace conductor::image
