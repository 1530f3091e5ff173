// Networks, and how a service is in them or in none.
#include "base/text.hpp"
#include "parser/compose_reader.hpp"

#include <algorithm>
#include <array>

namespace conductor::parser {

using Kind = YamlNode::Kind;

namespace {

// --- networks of a service --------------------------------------------------------------------------------------

std::vector<std::string> aliases(ComposeReader& reader, const YamlNode& node) {
  auto names = texts(reader, node);
  for (std::size_t i = 0; i < names.size(); ++i)
    if (node.items[i].kind == Kind::scalar) reader.at(node.items[i], [&] { check_host_name(names[i]); });
  return names;
}

std::string address(ComposeReader& reader, const YamlNode& node, bool v6) {
  std::string written = text(reader, node);
  if (is_address(written) && (written.find(':') != std::string::npos) == v6) return written;
  if (node.kind == Kind::scalar)
    reader.error(node.position, show(written) + (v6 ? " is no IPv6 address" : " is no IPv4 address"));
  return {};
}
std::string ipv4_address(ComposeReader& reader, const YamlNode& node) { return address(reader, node, false); }
std::string ipv6_address(ComposeReader& reader, const YamlNode& node) { return address(reader, node, true); }

constexpr std::array membership_keys{
    Key<ServiceNetwork>{"aliases", into<&ServiceNetwork::aliases, aliases>},
    Key<ServiceNetwork>{"ipv4_address", into<&ServiceNetwork::ipv4_address, ipv4_address>},
    Key<ServiceNetwork>{"ipv6_address", into<&ServiceNetwork::ipv6_address, ipv6_address>},
    Key<ServiceNetwork>{"driver_opts", nullptr, "networks have no driver that takes options"},
    Key<ServiceNetwork>{"gw_priority", nullptr, "there is one default route, whatever networks a service is in"},
    Key<ServiceNetwork>{"interface_name", nullptr, "a container has one interface, eth0, for all its networks"},
    Key<ServiceNetwork>{"link_local_ips", nullptr, "containers have no link-local addresses: all traffic is routed"},
    Key<ServiceNetwork>{"mac_address", nullptr, "addresses are routed: there is no segment on which one would be seen"},
    Key<ServiceNetwork>{"priority", nullptr, "a container joins all its networks at once"},
};
constexpr Level<ServiceNetwork> membership_level{"a service's network", membership_keys, {}};

// --- networks of the file ---------------------------------------------------------------------------------------

void read_driver(ComposeReader& reader, const YamlNode& node, NetworkSection&) {
  const std::string driver = text(reader, node);
  if (driver == "bridge" || driver == "default") return;
  const bool own_key = driver == "host" || driver == "none";
  const bool segment = driver == "macvlan" || driver == "ipvlan" || driver == "overlay";
  reader.error(node.position, "driver " + show(driver) + " is not supported",
               own_key   ? "a service says network_mode: " + driver
               : segment ? "networks are routed on this machine; containers are not put on a segment of others"
                         : "expected bridge, or no driver");
}

// Also the older form {name: …}.
void read_external(ComposeReader& reader, const YamlNode& node, NetworkSection& network) {
  if (node.kind != Kind::map) {
    network.external = boolean(reader, node);
    return;
  }
  network.external = true;
  for (const auto& entry : node.entries)
    if (entry.key == "name")
      network.real_name = text(reader, entry.value);
    else
      reader.error(entry.position, "unknown key " + show(entry.key) + " of 'external'", "expected true or false");
  reader.warning(node.position, "'external: {name: …}' is obsolete; write 'external: true' and 'name'");
}

std::string network_name(ComposeReader& reader, const YamlNode& node) {
  std::string name = text(reader, node);
  if (!is_key_name(name))
    reader.error(node.position, show(name) + " is no name of a network", "letters, digits, '.', '_' and '-'");
  return name;
}

void read_enable_ipv4(ComposeReader& reader, const YamlNode& node, NetworkSection&) {
  if (!boolean(reader, node) && node.kind == Kind::scalar && base::lower(node.text) == "false")
    reader.error(node.position, "'enable_ipv4: false' is not supported", "every container has an IPv4 address");
}
std::optional<bool> some_boolean(ComposeReader& reader, const YamlNode& node) { return boolean(reader, node); }

void read_attachable(ComposeReader& reader, const YamlNode& node, NetworkSection&) { boolean(reader, node); }

void read_subnet(ComposeReader& reader, const YamlNode& node, NetworkSection& network) {
  reader.at_text(node, [&](const std::string& written) {
    const std::string subnet = parse_subnet(written);
    const bool v6 = subnet.find(':') != std::string::npos;
    std::string& place = v6 ? network.subnet6 : network.subnet;
    if (!place.empty())
      throw base::Error(std::string("a network has one IPv") + (v6 ? "6" : "4") + " subnet; " + place +
                        " is the first");
    place = subnet;
  });
}

constexpr std::array pool_keys{
    Key<NetworkSection>{"subnet", read_subnet},
    Key<NetworkSection>{"aux_addresses", nullptr, "no other machine has addresses of the subnet"},
    Key<NetworkSection>{"gateway", nullptr, "the host routes; no address of the subnet is a gateway"},
    Key<NetworkSection>{"ip_range", nullptr, "addresses are taken from the whole subnet; 'ipv4_address' asks for one"},
};
constexpr Level<NetworkSection> pool_level{"'config'", pool_keys, {}};

void read_pools(ComposeReader& reader, const YamlNode& node, NetworkSection& network) {
  if (!reader.is_list(node, "subnets")) return;
  for (const auto& item : node.items) reader.read(item, pool_level, network);
}

void read_ipam_driver(ComposeReader& reader, const YamlNode& node, NetworkSection&) {
  if (const std::string driver = text(reader, node); driver != "default")
    reader.error(node.position, "ipam driver " + show(driver) + " is not supported", "expected default");
}

constexpr std::array ipam_keys{
    Key<NetworkSection>{"config", read_pools},
    Key<NetworkSection>{"driver", read_ipam_driver},
    Key<NetworkSection>{"options", nullptr, "the driver of addresses has no options"},
};
constexpr Level<NetworkSection> ipam_level{"'ipam'", ipam_keys, {}};

constexpr std::array network_keys{
    Key<NetworkSection>{"attachable", read_attachable},
    Key<NetworkSection>{"driver", read_driver},
    Key<NetworkSection>{"driver_opts", nullptr, "networks have no driver that takes options"},
    Key<NetworkSection>{"enable_ipv4", read_enable_ipv4},
    Key<NetworkSection>{"enable_ipv6", into<&NetworkSection::enable_ipv6, some_boolean>},
    Key<NetworkSection>{"external", read_external},
    Key<NetworkSection>{"internal", into<&NetworkSection::internal, boolean>},
    Key<NetworkSection>{
        "ipam", [](ComposeReader& in, const YamlNode& node, NetworkSection& to) { in.read(node, ipam_level, to); }},
    Key<NetworkSection>{"labels", into<&NetworkSection::labels, labels>},
    Key<NetworkSection>{"name", into<&NetworkSection::real_name, network_name>},
};
constexpr Level<NetworkSection> network_level{"a network", network_keys, {}};

void check_network(ComposeReader& reader, const YamlNode& node, const NetworkSection& network) {
  if (network.external)
    for (const auto& entry : node.entries)
      if (entry.key != "external" && entry.key != "name" && !entry.key.starts_with("x-"))
        reader.error(entry.position,
                     "an external network has been made elsewhere, so " + show(entry.key) + " cannot be said here");
  if (network.enable_ipv6 == false && !network.subnet6.empty())
    reader.error(network.position, "network " + show(network.name) + " has an IPv6 subnet and 'enable_ipv6: false'");
  else if (network.enable_ipv6 == false)
    reader.warning(node.find("enable_ipv6")->position,
                   "IPv6 is on or off for the whole machine; 'enable_ipv6: false' has no effect on one network");
}

// --- network_mode -----------------------------------------------------------------------------------------------

// Keys that mean nothing in a mode, or would be silently lost.
constexpr auto reach_keys = std::to_array<std::string_view>({"ports", "peers", "x-peers", "links", "external_links",
                                                             "allow_peers", "x-allow-peers", "internet", "x-internet",
                                                             "host", "x-host", "publish_scope", "x-publish-scope"});
constexpr auto resolver_keys = std::to_array<std::string_view>({"dns", "dns_search", "dns_opt"});
constexpr auto name_keys = std::to_array<std::string_view>({"extra_hosts", "hostname", "domainname"});

struct Refusal {
  std::string_view mode;  // up to its colon
  std::string_view reach, resolver, names;
};
constexpr std::array refusals{
    Refusal{"none", "the service has no network", "the service has no network", ""},
    Refusal{"host", "the service uses the host's network: it reaches what the host reaches, on the host's own ports",
            "the service uses the host's resolver", ""},
    Refusal{"service", "the service has the network of the other, where this can be said",
            "the service has the resolver of the other, where this can be said",
            "the service has the names of the other, where this can be said"},
    Refusal{"container", "the service has the network of the other container",
            "the service has the resolver of the other container", "the service has the names of the other container"},
};

}  // namespace

std::optional<std::vector<ServiceNetwork>> service_networks(ComposeReader& reader, const YamlNode& node) {
  std::vector<ServiceNetwork> result;
  const auto add = [&](const std::string& name, const base::Position& position) -> ServiceNetwork& {
    if (std::any_of(result.begin(), result.end(), [&](const ServiceNetwork& n) { return n.network == name; }))
      reader.error(position, "network " + show(name) + " is named twice");
    return result.emplace_back(ServiceNetwork{name, {}, {}, {}, position});
  };
  if (node.kind == Kind::map)
    for (const auto& entry : node.entries) {
      if (entry.key.starts_with("x-")) continue;
      reader.read(entry.value, membership_level, add(entry.key, entry.position));
    }
  else if (reader.is_list(node, "networks, or a map"))
    for (const auto& item : node.items)
      if (const std::string name = text(reader, item); item.kind == Kind::scalar) add(name, item.position);
  return result;
}

void read_networks(ComposeReader& reader, const YamlNode& node, ComposeFile& file) {
  if (!reader.is_map(node, "'networks'")) return;
  for (const auto& entry : node.entries) {
    if (entry.key.starts_with("x-")) continue;
    NetworkSection& network = file.networks.emplace_back();
    network.name = entry.key;
    network.position = entry.position;
    if (!is_key_name(network.name))
      reader.error(entry.position, show(network.name) + " is no name of a network",
                   "letters, digits, '.', '_' and '-'");
    reader.read(entry.value, network_level, network);
    check_network(reader, entry.value, network);
  }
}

std::string network_mode(ComposeReader& reader, const YamlNode& node) {
  std::string written = text(reader, node);
  const auto colon = written.find(':');
  const std::string mode = written.substr(0, colon);
  if (colon != std::string::npos && (mode == "service" || mode == "container")) {
    if (!is_key_name(written.substr(colon + 1)))
      reader.error(node.position, show(written) + ": expected the name of a " + mode + " after ':'");
    return written;
  }
  if (written == "default") return "bridge";
  const std::vector<std::string> known{"none", "host", "bridge", "default", "service", "container"};
  if (written != "none" && written != "host" && written != "bridge") {
    const std::string near = suggestion(mode, known);
    reader.error(node.position, "unknown network_mode " + show(written),
                 !near.empty() && mode != "service" && mode != "container"
                     ? near
                     : "expected none, host, bridge, service:NAME or container:NAME");
    return {};
  }
  return written;
}

void check_network_mode(ComposeReader& reader, const Service& service) {
  if (service.network_mode.empty()) return;
  const auto refuse = [&](std::string_view key, std::string_view why) {
    const auto place = service.places.find(std::string(key));
    const bool harmless = key.ends_with("internet") && !service.internet && service.internet_to.empty();
    if (place != service.places.end() && !why.empty() && !harmless)
      reader.error(place->second, show(key) + " and 'network_mode: " + service.network_mode + "' exclude each other",
                   std::string(why));
  };
  refuse("networks", "a service with a network_mode is in no network of the file");
  for (const Refusal& refusal : refusals) {
    if (service.network_mode.substr(0, service.network_mode.find(':')) != refusal.mode) continue;
    for (const auto key : reach_keys) refuse(key, refusal.reach);
    for (const auto key : resolver_keys) refuse(key, refusal.resolver);
    for (const auto key : name_keys) refuse(key, refusal.names);
    if (service.places.contains("expose"))
      reader.warning(service.places.at("expose"),
                     "'expose' has no effect with 'network_mode: " + service.network_mode + "'");
  }
}

}  // namespace conductor::parser
