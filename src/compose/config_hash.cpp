#include "compose/config_hash.hpp"

#include "base/sha256.hpp"
#include "compose/labels.hpp"

namespace conductor::compose {

engine::ContainerConfig declared_part(engine::ContainerConfig config) {
  config.name.clear();
  config.endpoint.names.clear();
  config.endpoint.groups.clear();
  config.endpoint.links.clear();
  config.endpoint.internet = false;
  config.endpoint.internet_to.clear();
  std::erase_if(config.labels, [](const auto& label) { return label::is_reserved(label.first); });
  return config;
}

base::Json without_defaults(const base::Json& value, const base::Json& defaults) {
  if (value.members() == nullptr || defaults.members() == nullptr) return value;
  base::Json result = base::Json::object();
  for (const auto& [name, member] : *value.members()) {
    const base::Json* usual = defaults.find(name);
    if (usual == nullptr)
      result.set(name, member);
    else if (member != *usual)
      result.set(name, without_defaults(member, *usual));
  }
  return result;
}

std::string config_hash(const engine::ContainerConfig& config) {
  static const base::Json defaults = base::to_json(engine::ContainerConfig{});
  return base::sha256_hex(without_defaults(base::to_json(declared_part(config)), defaults).dump());
}

}  // namespace conductor::compose
