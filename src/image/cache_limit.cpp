// How large the cache is, and keeping it below a limit: what was of use longest ago goes first.
#include "base/log.hpp"
#include "image/image.hpp"
#include "image/layers.hpp"
#include "image/names.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>

namespace conductor::image {
namespace {

// What points to layers and is not a name: the record of a step, a base or an image without a name.
struct Pointer {
  std::string path;
  std::vector<std::string> layers;
  bool is_step = false;
};

// Of a layer that a named image does not need.
struct Cached {
  std::int64_t bytes = 0;
  std::int64_t last_use = 0;  // unix nanoseconds
};

std::int64_t time_of(const std::string& path) {
  struct stat found{};
  if (stat(path.c_str(), &found) != 0) return 0;
  return found.st_mtim.tv_sec * std::int64_t{1'000'000'000} + found.st_mtim.tv_nsec;
}

class Inventory {
 public:
  // Throws when the record of a named image cannot be read: nobody knows then which layers it needs.
  Inventory(const store::Locations& locations, const std::vector<std::string>& used) : locations_(locations) {
    used_.insert(used.begin(), used.end());
    std::set<std::string> images;
    for (const auto& tag : all_tags(locations)) {
      const auto image = read_image(locations, tag.image);
      if (!image) continue;
      images.insert(image->id);
      named_.insert(image->layers.begin(), image->layers.end());
    }
    for (const auto& image : all_images(locations))
      if (!images.contains(image.id)) pointers_.push_back({image_record(locations, image.id), image.layers});
    for (const auto& base : all_bases(locations))
      if (const auto suite = suite_of(base.reference))
        pointers_.push_back({base_record(locations, *suite), base.image.layers});
    for (const auto& [path, layer] : all_steps(locations)) pointers_.push_back({path, {layer}, true});
    for (const auto& layer : all_layers(locations)) add_layer(layer);
    for (const auto& pointer : pointers_) note_use(pointer);
  }

  const std::set<std::string>& named() const { return named_; }
  const std::map<std::string, Cached>& cached() const { return cached_; }
  std::size_t steps() const {
    return static_cast<std::size_t>(std::ranges::count_if(pointers_, [](const Pointer& each) { return each.is_step; }));
  }
  bool in_use(const std::string& layer) const { return used_.contains(layer); }
  std::int64_t size_of(const std::string& layer) const {
    try {
      const auto record = store::read_record<LayerRecord>(layer_record(locations_, layer));
      return record ? record->size : 0;
    } catch (const store::DamagedRecord& e) {
      base::log(base::LogLevel::warning, e.message());
      return 0;
    }
  }
  void remove_pointers_to(const std::string& layer) const {
    for (const auto& pointer : pointers_)
      if (std::ranges::find(pointer.layers, layer) != pointer.layers.end()) store::remove_file(pointer.path);
  }

 private:
  void add_layer(const std::string& layer) {
    if (!named_.contains(layer)) cached_[layer] = {size_of(layer), time_of(layer_record(locations_, layer))};
  }
  void note_use(const Pointer& pointer) {
    const std::int64_t time = time_of(pointer.path);
    for (const auto& layer : pointer.layers)
      if (const auto found = cached_.find(layer); found != cached_.end())
        found->second.last_use = std::max(found->second.last_use, time);
  }

  const store::Locations& locations_;
  std::set<std::string> named_, used_;
  std::vector<Pointer> pointers_;
  std::map<std::string, Cached> cached_;
};

}  // namespace

CacheUsage Images::cache_usage(const std::vector<std::string>& layers_of_containers) const {
  const Inventory inventory(locations_, layers_of_containers);
  CacheUsage usage;
  usage.named_layers = inventory.named().size();
  for (const auto& layer : inventory.named()) usage.named += inventory.size_of(layer);
  usage.cached_layers = inventory.cached().size();
  for (const auto& [layer, cached] : inventory.cached()) {
    usage.cached += cached.bytes;
    if (!inventory.in_use(layer)) usage.reclaimable += cached.bytes;
  }
  usage.steps = inventory.steps();
  return usage;
}

// As remove_cache: what points to a layer goes before it.
std::int64_t Images::prune_cache(std::int64_t keep_bytes, const std::vector<std::string>& layers_of_containers) {
  const auto lock = hold_cache_alone();
  const auto names = store::Lock::acquire(locations_.locks() + "/images");
  const Inventory inventory(locations_, layers_of_containers);
  std::int64_t left = 0;
  std::vector<std::pair<std::int64_t, std::string>> order;  // last use, layer
  for (const auto& [layer, cached] : inventory.cached()) {
    left += cached.bytes;
    if (!inventory.in_use(layer)) order.emplace_back(cached.last_use, layer);
  }
  std::ranges::sort(order);
  std::int64_t freed = 0;
  for (const auto& [time, layer] : order) {
    if (left <= keep_bytes && keep_bytes > 0) break;
    inventory.remove_pointers_to(layer);
    const std::int64_t bytes = remove_layer(locations_, layer);
    freed += bytes;
    left -= inventory.cached().at(layer).bytes;
  }
  return freed;
}

}  // namespace conductor::image
