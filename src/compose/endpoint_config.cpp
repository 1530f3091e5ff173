#include "compose/endpoint_config.hpp"

#include "base/text.hpp"
#include "compose/collect.hpp"
#include "compose/labels.hpp"
#include "network/attachment.hpp"

#include <algorithm>

namespace conductor::compose {
namespace {

constexpr const char* default_network = "default";

const parser::NetworkSection* find_section(const parser::ComposeFile& file, const std::string& key) {
  const auto found = std::ranges::find(file.networks, key, &parser::NetworkSection::name);
  return found == file.networks.end() ? nullptr : &*found;
}

// PROJECT_key, or the name the file gives.
std::string network_name(const Resolver& resolver, const std::string& key) {
  const auto* section = find_section(resolver.file, key);
  if (section != nullptr && !section->real_name.empty()) return section->real_name;
  return section != nullptr && section->external ? key : resolver.project + "_" + key;
}

network::Protocol protocol(const std::string& name) {
  network::Protocol value = network::Protocol::any;
  if (!base::enum_parse(name, value)) throw base::Error("unknown protocol '" + name + "'");
  return value;
}

network::PortRange port_range(const parser::PortRange& range) {
  return {protocol(range.protocol), range.first, range.last};
}

// --- links ------------------------------------------------------------------------------------------------------

void require_service(Resolver& resolver, const std::string& name, const base::Position& position) {
  if (resolver.service(name) != nullptr) return;
  const auto known = collect(resolver.file.services, &parser::Service::name);
  resolver.mistake(position, "peer '" + name + "' is no service of this file" + base::did_you_mean(name, known),
                   "a service of another project is written project/service");
}

network::Link resolve_peer(Resolver& resolver, const parser::Placed<parser::PeerEntry>& placed) {
  const parser::PeerReference& reference = placed.value.reference;
  const auto slash = reference.peer.find('/');
  const std::string service = reference.peer.substr(slash == std::string::npos ? 0 : slash + 1);
  const bool own = slash == std::string::npos || reference.peer.substr(0, slash) == resolver.project;
  if (own) require_service(resolver, service, placed.position);
  network::Link link;
  link.peer = own ? group_name(resolver.project, service) : reference.peer;
  link.alias = placed.value.alias.empty() ? service : placed.value.alias;
  link.protocol = protocol(reference.protocol);
  link.first_port = reference.first_port;
  link.last_port = reference.last_port;
  return link;
}

std::vector<network::Link> resolve_links(Resolver& resolver, const parser::Service& service) {
  std::vector<network::Link> links;
  for (const auto& peer : service.peers) links.push_back(resolve_peer(resolver, peer));
  for (const auto& placed : service.external_links) {
    const auto colon = placed.value.find(':');
    network::Link link;
    link.peer = placed.value.substr(0, colon);
    link.alias = placed.value.substr(colon + 1);
    links.push_back(std::move(link));
  }
  return links;
}

// --- networks ---------------------------------------------------------------------------------------------------

std::vector<network::Membership> resolve_memberships(const Resolver& resolver, const parser::Service& service) {
  std::vector<network::Membership> memberships;
  for (const auto& key : networks_of(resolver.file, service)) {
    network::Membership membership;
    membership.network = network_name(resolver, key);
    membership.reach = !resolver.file.strict;
    membership.aliases = {service.name};
    for (const auto& written : service.networks.value_or(std::vector<parser::ServiceNetwork>{})) {
      if (written.network != key) continue;
      membership.ipv4 = written.ipv4_address;
      membership.ipv6 = written.ipv6_address;
      for (const auto& alias : written.aliases)
        if (std::ranges::find(membership.aliases, alias) == membership.aliases.end())
          membership.aliases.push_back(alias);
    }
    memberships.push_back(std::move(membership));
  }
  std::ranges::sort(memberships, {}, &network::Membership::network);  // the order of writing says nothing
  return memberships;
}

// In none but internal networks. Of one that is external the machine has to say (decide.hpp).
bool is_enclosed(const Resolver& resolver, const parser::Service& service) {
  const auto keys = networks_of(resolver.file, service);
  return !keys.empty() && std::ranges::all_of(keys, [&](const std::string& key) {
    const auto* section = find_section(resolver.file, key);
    return section != nullptr && section->internal;
  });
}

// What the file says counts; else, in a file that is not strict, the networks do.
void resolve_internet(Resolver& resolver, const parser::Service& service, network::EndpointConfig& endpoint) {
  const bool written = service.places.contains("internet") || service.places.contains("x-internet");
  if (!written && !resolver.file.strict) {
    endpoint.internet = !is_enclosed(resolver, service);
    return;
  }
  endpoint.internet = service.internet || !service.internet_to.empty();
  if (endpoint.internet && !resolver.file.strict && is_enclosed(resolver, service))
    resolver.mistake(
        service.places.contains("internet") ? service.places.at("internet") : service.places.at("x-internet"),
        "service '" + service.name + "' is in internal networks alone, so it cannot have internet",
        "let it be in a network that is not internal, too");
  for (const auto& placed : service.internet_to)
    endpoint.internet_to.push_back({placed.value.to, port_range(placed.value.ports)});
}

// The port's own, else the service's, else the file's; nothing: the machine's setting.
std::optional<network::PublishScope> resolve_scope(const Resolver& resolver, const parser::Service& service,
                                                   const parser::PortMapping& port) {
  network::PublishScope scope = network::PublishScope::all;
  for (const auto* written : {&port.publish_scope, &service.publish_scope, &resolver.file.publish_scope})
    if (!written->empty()) return base::enum_parse(*written, scope) ? std::optional(scope) : std::nullopt;
  return std::nullopt;
}

void resolve_ports(Resolver& resolver, const parser::Service& service, network::EndpointConfig& endpoint) {
  if (!service.ports.empty() && !resolver.file.strict && is_enclosed(resolver, service))
    resolver.mistake(service.ports.front().position,
                     "service '" + service.name + "' is in internal networks alone, so its ports cannot be published",
                     "let it be in a network that is not internal, too");
  for (const auto& [port, position] : service.ports)
    endpoint.publish.push_back({port.host_ip, port.host_port, port.container_port, port.count, protocol(port.protocol),
                                resolve_scope(resolver, service, port)});
}

// The parser has checked both halves.
std::vector<network::HostEntry> resolve_hosts(const parser::Service& service) {
  return collect(service.extra_hosts, [](const std::string& entry) -> network::HostEntry {
    const auto separator = entry.find_first_of(":=");
    const std::string address = entry.substr(separator + 1);
    return {entry.substr(0, separator), address == "host-gateway" ? linux::to_text(network::host_address) : address};
  });
}

DesiredNetwork resolve_network(const Resolver& resolver, const parser::NetworkSection& section) {
  DesiredNetwork network;
  network.key = section.name;
  network.external = section.external;
  network.position = section.position;
  network.config.name = network_name(resolver, section.name);
  network.config.internal = section.internal;
  network.config.subnet = section.subnet;
  network.config.subnet6 = section.subnet6;
  if (section.external) return network;
  network.config.labels = section.labels;
  network.config.labels[label::project] = resolver.project;
  network.config.labels[label::network] = section.name;
  return network;
}

}  // namespace

std::vector<std::string> networks_of(const parser::ComposeFile& file, const parser::Service& service) {
  if (!service.network_mode.empty()) return {};
  if (service.networks && !service.networks->empty())
    return collect(*service.networks, &parser::ServiceNetwork::network);
  return file.strict ? std::vector<std::string>{} : std::vector<std::string>{default_network};
}

std::vector<DesiredNetwork> resolve_networks(const Resolver& resolver) {
  auto networks = collect(resolver.file.networks,
                          [&](const parser::NetworkSection& section) { return resolve_network(resolver, section); });
  const bool used = std::ranges::any_of(resolver.file.services, [&](const parser::Service& service) {
    const auto keys = networks_of(resolver.file, service);
    return std::ranges::find(keys, default_network) != keys.end();
  });
  if (!used || find_section(resolver.file, default_network) != nullptr) return networks;
  parser::NetworkSection unwritten;
  unwritten.name = default_network;
  networks.push_back(resolve_network(resolver, unwritten));
  return networks;
}

std::string shared_service(const parser::Service& service) {
  constexpr std::string_view prefix = "service:";
  return service.network_mode.starts_with(prefix) ? service.network_mode.substr(prefix.size()) : "";
}

void resolve_network_mode(const Resolver& resolver, const parser::Service& service, engine::ContainerConfig& config) {
  constexpr std::string_view container = "container:";
  if (service.network_mode == "none") config.network = engine::NetworkMode::none;
  if (service.network_mode == "host") config.network = engine::NetworkMode::host;
  if (service.network_mode.starts_with(container))
    config.network_container = service.network_mode.substr(container.size());
  if (const auto* holder = resolver.service(shared_service(service)))
    config.network_container = container_name(resolver.project, *holder, 1);
  if (!config.network_container.empty()) config.network = engine::NetworkMode::container;
}

network::EndpointConfig resolve_endpoint(Resolver& resolver, const parser::Service& service) {
  network::EndpointConfig endpoint;
  endpoint.groups = {group_name(resolver.project, service.name)};
  endpoint.scope = resolver.project;
  endpoint.extra_hosts = resolve_hosts(service);
  if (!service.network_mode.empty() && service.network_mode != "bridge") return endpoint;
  endpoint.links = resolve_links(resolver, service);
  endpoint.allow_peers = collect(service.allow_peers, &parser::Placed<std::string>::value);
  endpoint.expose = collect(service.expose, port_range);
  endpoint.networks = resolve_memberships(resolver, service);
  endpoint.host_ports = collect(service.host, port_range);
  resolve_internet(resolver, service, endpoint);
  resolve_ports(resolver, service, endpoint);
  endpoint.dns = service.dns;
  endpoint.dns_search = service.dns_search;
  endpoint.dns_options = service.dns_options;
  return endpoint;
}

}  // namespace conductor::compose
