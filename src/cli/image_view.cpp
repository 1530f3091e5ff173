#include "cli/image_view.hpp"

#include "base/text.hpp"
#include "base/units.hpp"

namespace conductor::cli {

using base::Json;

base::Json listed(const image::Listed& listed, bool whole, std::int64_t now_ns) {
  const bool named = !listed.reference.name.empty();
  Json json = Json::object();
  json.set("Repository", named ? listed.reference.name : "<none>");
  json.set("Tag", named ? listed.reference.tag : "<none>");
  json.set("ID", whole ? listed.image.id : base::short_id(listed.image.id));
  json.set("CreatedAt", base::format_time(listed.image.created));
  json.set("CreatedSince", base::format_ago(std::chrono::nanoseconds(now_ns - listed.image.created)) + " ago");
  json.set("Size", base::format_size(listed.image.size));
  return json;
}

base::Json inspected(const image::Images& images, const image::Image& image) {
  Json names = Json::array();
  for (const auto& other : images.list())
    if (other.image.id == image.id && !other.reference.name.empty()) names.add(other.reference.text());
  Json json = Json::object();
  json.set("Id", image.id);
  json.set("RepoTags", std::move(names));
  json.set("Created", base::format_time(image.created));
  json.set("Architecture", image.architecture);
  json.set("Os", image.os);
  json.set("Size", image.size);
  json.set("Layers", base::to_json(image.layers));
  json.set("Config", base::to_json(image.config));
  return json;
}

}  // namespace conductor::cli
