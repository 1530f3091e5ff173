// The build cache, and the removal of all that no name needs.
#include "base/error.hpp"
#include "base/log.hpp"
#include "image/image.hpp"
#include "image/layers.hpp"
#include "image/names.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <set>

namespace conductor::image {
namespace {

using base::Error;

struct CachedStep {
  std::string layer;
};
template <base::Is<CachedStep> S, class V>
void fields(S& s, V&& v) {
  v("layer", s.layer);
}

// What stays: images with a name, and bases that such an image is built on. Throws when the record of a named image
// cannot be read: nobody knows then which layers it needs.
struct Kept {
  std::set<std::string> layers;
  std::set<std::string> images;
};

Kept mark(const store::Locations& locations) {
  Kept kept;
  for (const auto& tag : all_tags(locations)) {
    const auto image = read_image(locations, tag.image);
    if (!image) continue;
    kept.images.insert(image->id);
    kept.layers.insert(image->layers.begin(), image->layers.end());
  }
  return kept;
}

void refuse_when_used(const std::set<std::string>& kept, const std::vector<std::string>& used) {
  for (const auto& layer : used)
    if (!kept.contains(layer))
      throw Error("a container uses a layer that would be removed: " + layer)
          .with_hint("remove the containers of unnamed images and bases first, or give their image a name");
}

bool all_kept(const std::vector<std::string>& layers, const std::set<std::string>& kept) {
  for (const auto& layer : layers)
    if (!kept.contains(layer)) return false;
  return true;
}

void remove_bases(const store::Locations& locations, const std::set<std::string>& kept) {
  for (const auto& name : store::list_directory(locations.bases())) {
    const std::string path = locations.bases() + "/" + name;
    try {
      const auto image = store::read_record<Image>(path);
      if (image && all_kept(image->layers, kept)) continue;
    } catch (const store::DamagedRecord& e) {
      base::log(base::LogLevel::warning, e.message());
    }
    store::remove_file(path);
  }
}

void remove_steps(const store::Locations& locations, const std::set<std::string>& kept) {
  for (const auto& key : store::list_directory(locations.cache())) {
    const std::string path = locations.cache() + "/" + key;
    try {
      const auto step = store::read_record<CachedStep>(path);
      if (step && kept.contains(step->layer)) continue;
    } catch (const store::DamagedRecord&) {
      // A torn entry is worth nothing.
    }
    store::remove_file(path);
  }
}

void sweep_half_objects(const store::Locations& locations) {
  store::sweep_temporary(locations.temporary());
  for (const auto& directory :
       {locations.images(), locations.tags(), locations.bases(), locations.cache(), locations.layers()})
    store::sweep_temporary_files(directory);
}

}  // namespace

void write_step(const store::Locations& locations, const std::string& key, const std::string& layer) {
  store::write_record(locations.cache() + "/" + key, CachedStep{layer}, false);
}

std::vector<std::pair<std::string, std::string>> all_steps(const store::Locations& locations) {
  std::vector<std::pair<std::string, std::string>> steps;
  for (const auto& key : store::list_directory(locations.cache())) {
    const std::string path = locations.cache() + "/" + key;
    try {
      if (const auto step = store::read_record<CachedStep>(path)) steps.emplace_back(path, step->layer);
    } catch (const store::DamagedRecord&) {
      // A torn entry is worth nothing.
    }
  }
  return steps;
}

std::optional<std::string> Images::find_step(const std::string& key) const {
  hold_layers();
  const std::string path = locations_.cache() + "/" + key;
  try {
    const auto step = store::read_record<CachedStep>(path);
    if (step && has_layer(step->layer)) {
      utimensat(AT_FDCWD, path.c_str(), nullptr, 0);  // of use now
      return step->layer;
    }
  } catch (const store::DamagedRecord& e) {
    base::log(base::LogLevel::debug, e.message());  // lost with the power: as if it had never been
  }
  return imported_step(key);
}

void Images::remember_step(const std::string& key, const std::string& layer) { write_step(locations_, key, layer); }

// Nobody makes or takes up a layer while it is held.
store::Lock Images::hold_cache_alone() {
  const std::lock_guard guard(mutex_);
  layers_in_use_.reset();
  auto lock = store::Lock::try_acquire(layers_lock(locations_));
  if (!lock) throw Error("a build is running and needs the cache").with_hint("try again when it is done");
  return std::move(*lock);
}

// Order: what points to layers goes before them, so that whatever interrupts this, nothing points to a layer that is
// gone.
std::int64_t Images::remove_cache(const std::vector<std::string>& layers_of_containers) {
  const auto layers = hold_cache_alone();
  const auto names = store::Lock::acquire(locations_.locks() + "/images");
  const Kept kept = mark(locations_);
  refuse_when_used(kept.layers, layers_of_containers);

  remove_steps(locations_, kept.layers);
  remove_bases(locations_, kept.layers);
  for (const auto& image : all_images(locations_))
    if (!kept.images.contains(image.id)) store::remove_file(image_record(locations_, image.id));
  std::int64_t freed = 0;
  for (const auto& layer : all_layers(locations_))
    if (!kept.layers.contains(layer)) freed += remove_layer(locations_, layer);
  sweep_half_objects(locations_);
  return freed;
}

}  // namespace conductor::image
