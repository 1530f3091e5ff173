// What a container has of the network, in docker's shape.
#include "base/text.hpp"
#include "cli/network_view.hpp"
#include "cli/ports_view.hpp"
#include "linux/ip_address.hpp"
#include "network/attachment.hpp"

#include <algorithm>

namespace conductor::cli {

using base::Json;

namespace {

// The address that the endpoint has in a network: of its subnet, or else that of the instance's range.
struct NetworkAddresses {
  std::string v4, v6;
};
NetworkAddresses addresses_in(engine::Engine& engine, const network::Endpoint& endpoint, const std::string& name) {
  const auto& settings = engine.network().settings();
  NetworkAddresses found{linux::to_text(endpoint.address),
                         settings.ipv6() ? linux::to_text(settings.address6_of(endpoint.address)) : ""};
  const auto network = name.empty() ? std::nullopt : engine.network().find_network(name);
  if (!network) return found;
  for (const auto& text : endpoint.addresses) {
    const auto address = linux::parse_ip(text);
    const auto subnet = linux::parse_prefix(address && address->v6 ? network->subnet6 : network->subnet);
    if (address && subnet && subnet->contains(*address)) (address->v6 ? found.v6 : found.v4) = text;
  }
  return found;
}

Json attachment_json(const NetworkAddresses& addresses, const std::vector<std::string>& aliases) {
  Json json = Json::object();
  json.set("Aliases", base::to_json(aliases));
  json.set("Gateway", addresses.v4.empty() ? "" : linux::to_text(network::host_address));
  json.set("IPAddress", addresses.v4);
  json.set("IPPrefixLen", addresses.v4.empty() ? 0 : linux::IpAddress(0).bits());
  json.set("GlobalIPv6Address", addresses.v6);
  json.set("GlobalIPv6PrefixLen", addresses.v6.empty() ? 0 : 128);
  json.set("MacAddress", "");
  return json;
}

// docker's NetworkMode.
std::string mode_text(const engine::ContainerConfig& config) {
  if (config.network == engine::NetworkMode::container) return "container:" + config.network_container;
  if (config.network == engine::NetworkMode::links && !config.endpoint.networks.empty())
    return config.endpoint.networks.front().network;
  return std::string(base::enum_name(config.network));
}

// docker's map: the networks by name. `links` is the instance itself, in which every endpoint is.
Json networks_json(engine::Engine& engine, const engine::Observed& observed) {
  Json networks = Json::object();
  const auto& config = observed.container.config;
  if (config.network == engine::NetworkMode::none || config.network == engine::NetworkMode::host)
    networks.set(std::string(base::enum_name(config.network)), attachment_json({}, {}));
  if (!observed.endpoint) return networks;
  networks.set(links_network, attachment_json(addresses_in(engine, *observed.endpoint, {}), config.endpoint.names));
  for (const auto& membership : config.endpoint.networks)
    networks.set(membership.network,
                 attachment_json(addresses_in(engine, *observed.endpoint, membership.network), membership.aliases));
  return networks;
}

}  // namespace

Json network_settings(engine::Engine& engine, const engine::Observed& observed) {
  const auto& asked = observed.container.config.endpoint;
  const auto& endpoint = observed.endpoint;
  Json json = attachment_json(endpoint ? addresses_in(engine, *endpoint, {}) : NetworkAddresses{}, {});
  json.set("Mode", base::enum_name(observed.container.config.network));
  json.set("Interface", endpoint ? endpoint->interface : "");
  json.set("Ports", endpoint ? ports_json(endpoint->config.publish, PortsView::of(engine.network().settings()))
                             : Json::object());
  json.set("Networks", networks_json(engine, observed));
  json.set("Links", base::to_json(asked.links));
  json.set("AllowPeers", base::to_json(asked.allow_peers));
  json.set("Expose", base::to_json(asked.expose));
  json.set("Internet", asked.internet);
  json.set("InternetTo", base::to_json(asked.internet_to));
  json.set("HostPorts", base::to_json(asked.host_ports));
  json.set("Resolved", base::to_json(endpoint ? endpoint->resolved : std::vector<network::ResolvedName>()));
  return json;
}

Json host_config(const engine::ContainerConfig& config) {
  Json hosts = Json::array();
  for (const auto& host : config.endpoint.extra_hosts) hosts.add(host.name + ":" + host.address);
  Json json = Json::object();
  json.set("NetworkMode", mode_text(config));
  json.set("PortBindings", ports_json(config.endpoint.publish, {}));
  json.set("Dns", base::to_json(config.endpoint.dns));
  json.set("DnsSearch", base::to_json(config.endpoint.dns_search));
  json.set("DnsOptions", base::to_json(config.endpoint.dns_options));
  json.set("ExtraHosts", std::move(hosts));
  return json;
}

std::string networks_text(const engine::ContainerConfig& config) {
  std::vector<std::string> names;
  for (const auto& membership : config.endpoint.networks) names.push_back(membership.network);
  return names.empty() ? mode_text(config) : base::join(names, ",");
}

bool in_network(const engine::ContainerConfig& config, const std::string& network) {
  const auto& networks = config.endpoint.networks;
  return mode_text(config) == network || std::any_of(networks.begin(), networks.end(), [&](const auto& membership) {
           return membership.network == network;
         });
}

}  // namespace conductor::cli
