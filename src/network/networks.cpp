#include "network/networks.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "store/records.hpp"

#include <algorithm>

namespace conductor::network {

namespace {

constexpr int longest_ipv4_subnet = 29;  // network, gateway, broadcast, and a few members
constexpr int shortest_ipv4_subnet = 8;
constexpr int longest_ipv6_subnet = 120;
constexpr int shortest_ipv6_subnet = 32;

std::string record_path(const Records& records, const std::string& name) {
  return records.networks() + "/" + name + ".json";
}

linux::IpPrefix parse_subnet(const NetworkConfig& network, const std::string& text, bool v6) {
  const auto subnet = linux::parse_prefix(text);
  const int shortest = v6 ? shortest_ipv6_subnet : shortest_ipv4_subnet;
  const int longest = v6 ? longest_ipv6_subnet : longest_ipv4_subnet;
  if (!subnet || subnet->address.v6 != v6 || subnet->length < shortest || subnet->length > longest)
    throw base::Error("network " + network.name + ": '" + text + "' is no " + (v6 ? "IPv6" : "IPv4") + " subnet of /" +
                      std::to_string(shortest) + " to /" + std::to_string(longest) + ", such as " +
                      (v6 ? "fd00:1::/64" : "172.20.0.0/24"));
  return *subnet;
}

std::vector<linux::IpPrefix> subnets_of(const NetworkConfig& network) {
  std::vector<linux::IpPrefix> subnets;
  if (!network.subnet.empty()) subnets.push_back(parse_subnet(network, network.subnet, false));
  if (!network.subnet6.empty()) subnets.push_back(parse_subnet(network, network.subnet6, true));
  return subnets;
}

void require_apart(const NetworkConfig& network, const linux::IpPrefix& subnet, const linux::IpPrefix& other,
                   const std::string& whose) {
  if (subnet.overlaps(other))
    throw base::Error("network " + network.name + ": subnet " + linux::to_text(subnet) + " overlaps " +
                      linux::to_text(other) + ", " + whose);
}

}  // namespace

std::optional<NetworkConfig> read_network(const Records& records, const std::string& name) {
  if (!store::valid_name(name)) return std::nullopt;
  return store::read_record<NetworkConfig>(record_path(records, name));
}

std::vector<NetworkConfig> read_networks(const Records& records) {
  std::vector<NetworkConfig> networks;
  for (const auto& file : store::list_directory(records.networks())) {
    if (!file.ends_with(".json")) continue;
    try {
      if (auto network = read_network(records, file.substr(0, file.size() - 5)))
        networks.push_back(std::move(*network));
    } catch (const base::Error& e) {
      base::log(base::LogLevel::warning, e.message());
    }
  }
  std::sort(networks.begin(), networks.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return networks;
}

void write_network(const Records& records, const NetworkConfig& network) {
  store::make_directory(records.networks());
  store::write_record(record_path(records, network.name), network);
}

bool erase_network(const Records& records, const std::string& name) {
  return store::remove_file(record_path(records, name));
}

std::vector<linux::IpPrefix> network_subnets(const std::vector<NetworkConfig>& networks) {
  std::vector<linux::IpPrefix> subnets;
  for (const NetworkConfig& network : networks)
    for (const auto& subnet : subnets_of(network)) subnets.push_back(subnet);
  return subnets;
}

void require_given_by_networks(const Records& records, const EndpointConfig& config) {
  if (!config.internet && config.publish.empty()) return;
  std::string internal;
  for (const Membership& membership : config.networks) {
    if (!membership.reach) continue;
    const auto network = read_network(records, membership.network);
    if (!network || !network->internal) return;
    if (internal.empty()) internal = network->name;
  }
  if (internal.empty()) return;
  throw base::Error(std::string("the container cannot ") + (config.internet ? "have internet" : "publish ports") +
                    ": network '" + internal + "' is internal, and it is in no other");
}

void validate_network(const NetworkConfig& network, const std::vector<NetworkConfig>& others, const Settings& settings,
                      const std::vector<HostNetwork>& taken) {
  store::require_valid_name("network", network.name);
  for (const char* word : {"host", "none", "container", "service"})
    if (network.name == word) throw base::Error("'" + network.name + "' is the name of a mode, not of a network");
  for (const linux::IpPrefix& subnet : subnets_of(network)) {
    require_apart(network, subnet, settings.range(), "the range of all containers");
    if (settings.ipv6()) require_apart(network, subnet, settings.range6(), "the range of all containers");
    for (const NetworkConfig& other : others)
      for (const auto& theirs : network_subnets({other}))
        if (other.name != network.name) require_apart(network, subnet, theirs, "network " + other.name);
    for (const HostNetwork& host : clashes(taken, {subnet}))
      require_apart(network, subnet, host.prefix, "a network of this host (" + host.interface + ")");
  }
}

}  // namespace conductor::network
