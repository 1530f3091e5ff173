// Layers on disk: ROOT/layers/ID is a directory in overlay form, ROOT/layers/ID.json says that it is whole and how big.
#pragma once

#include "base/fields.hpp"
#include "store/locations.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace conductor::image {

struct LayerRecord {
  std::int64_t size = 0;     // bytes of file content
  std::string diff_id;       // "sha256:…"; empty in records of earlier versions until it is needed
  std::int64_t created = 0;  // unix seconds; 0 in records of earlier versions
};
template <base::Is<LayerRecord> S, class V>
void fields(S& s, V&& v) {
  v("size", s.size), v("diff_id", s.diff_id), v("created", s.created);
}

std::string layer_directory(const store::Locations& locations, const std::string& layer);
std::string layer_record(const store::Locations& locations, const std::string& layer);
bool layer_is_whole(const store::Locations& locations, const std::string& layer);

// With all its members: what a record of an earlier version lacks is found out, and written to it. Throws Error when
// there is no such layer.
LayerRecord complete_layer_record(const store::Locations& locations, const std::string& layer);
// The id of the layer with that diff id: its first digits.
std::string layer_id(const std::string& diff_id);

// Bytes of the regular files below a directory, each file counted once however many names it has. Follows no link.
std::int64_t content_size(const std::string& directory);

// Every entry of ROOT/layers that is or was a layer, whole or not.
std::vector<std::string> all_layers(const store::Locations& locations);
// Out of sight by rename, record first, then removed. Returns its bytes.
std::int64_t remove_layer(const store::Locations& locations, const std::string& layer);

void write_step(const store::Locations& locations, const std::string& key, const std::string& layer);
// The records of cached steps that can be read: path and layer.
std::vector<std::pair<std::string, std::string>> all_steps(const store::Locations& locations);

// Who makes or takes up layers that no name needs yet holds this shared; who removes layers, exclusively.
std::string layers_lock(const store::Locations& locations);
// Held, exclusively, for the moment in which a layer becomes visible.
std::string commit_lock(const store::Locations& locations);

}  // namespace conductor::image
