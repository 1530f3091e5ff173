#include "cli/volume_view.hpp"

#include "base/units.hpp"

namespace conductor::cli {

base::Json inspected(engine::Engine& engine, const volume::Volume& volume) {
  base::Json json = base::Json::object();
  json.set("Name", volume.name);
  json.set("Driver", "local");
  json.set("Scope", "local");
  json.set("CreatedAt", base::format_time(volume.created));
  json.set("Mountpoint", engine.volumes().data_directory(volume.name));
  json.set("Labels", base::to_json(volume.labels));
  base::Json options = base::Json::object();
  if (volume.size > 0) options.set("size", std::to_string(volume.size));
  json.set("Options", std::move(options));
  return json;
}

}  // namespace conductor::cli
