#include "compose/config_hash.hpp"

#include "base/sha256.hpp"
#include "compose/labels.hpp"

namespace conductor::compose {

engine::ContainerConfig declared_part(engine::ContainerConfig config) {
  config.name.clear();
  network::EndpointConfig fixed;
  fixed.dns = config.endpoint.dns;
  fixed.dns_search = config.endpoint.dns_search;
  fixed.dns_options = config.endpoint.dns_options;
  fixed.extra_hosts = config.endpoint.extra_hosts;
  for (const auto& membership : config.endpoint.networks)
    if (!membership.ipv4.empty() || !membership.ipv6.empty())
      fixed.networks.push_back({membership.network, {}, true, membership.ipv4, membership.ipv6});
  config.endpoint = std::move(fixed);
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
