#include "network/declared_parts.hpp"

#include "network/attachment.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace conductor::network {

namespace {

using Addresses = std::vector<linux::IpAddress>;

constexpr std::uint32_t local_table = 255;
constexpr std::uint32_t default_table = 253;

// Devices that the kernel puts into every new namespace once their module is loaded; down, they do nothing.
constexpr std::array<std::string_view, 9> fallback_devices = {"tunl0",    "gre0", "gretap0", "erspan0", "ip_vti0",
                                                              "ip6_vti0", "sit0", "ip6tnl0", "ip6gre0"};

bool contains(const Addresses& addresses, const linux::IpAddress& address) {
  return std::find(addresses.begin(), addresses.end(), address) != addresses.end();
}

bool is_whole(const linux::Route& route) { return route.prefix_length == route.destination.bits(); }

bool is_expected_interface(const linux::LinkInfo& link) {
  const bool fallback =
      !link.up && std::find(fallback_devices.begin(), fallback_devices.end(), link.name) != fallback_devices.end();
  return link.name == "lo" || link.name == inner_interface || fallback;
}

// Those of 127.0.0.0/8 and ::1 on lo are nobody's business.
bool is_loopback_address(const linux::IpAddress& address) {
  return address.v6 ? address == linux::parse_ip("::1") : address.bytes.front() == 127;
}

// The kernel's own: an IPv6 address as a route to itself.
bool is_kernels(const linux::Route& route, const Addresses& own) {
  return route.destination.v6 && is_whole(route) && !route.gateway &&
         (is_loopback_address(route.destination) || contains(own, route.destination));
}

// Those that every namespace begins with have no selectors.
bool is_from_the_start(const linux::PolicyRule& rule) {
  const bool plain = !rule.from && !rule.to && rule.mark_mask == 0 && !rule.input_interface && !rule.prohibit;
  return plain && ((rule.priority == 0 && rule.table == local_table) ||
                   (rule.priority == 32766 && rule.table == linux::main_table) ||
                   (rule.priority == 32767 && rule.table == default_table));
}

Addresses gateways(const Settings& settings) {
  Addresses all{gateway_of(false)};
  if (settings.ipv6()) all.push_back(gateway_of(true));
  return all;
}

}  // namespace

bool is_host_route(const Settings& settings, const linux::Route& route, int interface) {
  const linux::IpAddress source = route.destination.v6 ? host_address6(settings) : linux::IpAddress(host_address);
  return route.table == endpoint_table && is_whole(route) && route.interface == interface && !route.gateway &&
         route.source == source;
}

std::vector<linux::Route> wanted_inner_routes(const Settings& settings, const std::set<InnerRoute>& declared) {
  std::vector<linux::Route> wanted;
  linux::Route to_gateway;
  to_gateway.destination = gateway_of(false);
  wanted.push_back(to_gateway);
  const auto through_gateway = [&](const linux::IpAddress& destination, int length) {
    linux::Route route;
    route.destination = destination;
    route.prefix_length = length;
    route.gateway = gateway_of(destination.v6);
    wanted.push_back(route);
  };
  if (settings.ipv6()) through_gateway(host_address6(settings), 128);
  for (const InnerRoute& route : declared) through_gateway(route.destination, route.prefix_length);
  return wanted;
}

bool is_same_inner_route(const linux::Route& found, const linux::Route& wanted, int interface) {
  return found.destination == wanted.destination && found.prefix_length == wanted.prefix_length &&
         found.gateway == wanted.gateway && found.interface == interface;
}

std::vector<linux::Neighbour> foreign_neighbours(const Addresses& addresses,
                                                 const std::vector<linux::Neighbour>& observed) {
  std::vector<linux::Neighbour> foreign;
  for (const auto& entry : observed)
    if (entry.permanent && !contains(addresses, entry.address)) foreign.push_back(entry);
  return foreign;
}

ForeignParts foreign_at_host_end(const Settings& settings, const Endpoint& endpoint, int interface,
                                 const HostIndex& host) {
  ForeignParts foreign;
  const auto own = addresses_of(settings, endpoint);
  for (const auto& [address, length] : host.addresses_on(interface))
    if (address != linux::IpAddress(host_address) || length != 32)
      foreign.addresses.push_back({interface, address, length});
  for (const auto& address : own)
    for (const auto& route : host.routes_to(address))
      if (!is_host_route(settings, route, interface)) foreign.routes.push_back(route);
  for (const auto& route : host.routes_through(interface)) {
    const bool compared = route.table == endpoint_table && is_whole(route) && contains(own, route.destination);
    if (!compared) foreign.routes.push_back(route);
  }
  foreign.neighbours = foreign_neighbours(own, host.neighbours_of(interface));
  return foreign;
}

ForeignParts foreign_inside(const Settings& settings, const Endpoint& endpoint, const std::set<InnerRoute>& declared,
                            int interface, const NetworkState& inside) {
  ForeignParts foreign;
  const auto own = addresses_of(settings, endpoint);
  const auto wanted = wanted_inner_routes(settings, declared);
  for (const auto& link : inside.links)
    if (!is_expected_interface(link)) foreign.interfaces.push_back(link);
  for (const auto& found : inside.addresses) {
    const bool is_own =
        found.interface == interface && found.prefix_length == found.address.bits() && contains(own, found.address);
    if (!is_own && !is_loopback_address(found.address)) foreign.addresses.push_back(found);
  }
  for (const auto& found : inside.routes) {
    const bool known = std::any_of(wanted.begin(), wanted.end(),
                                   [&](const auto& route) { return is_same_inner_route(found, route, interface); });
    if (!known && !is_kernels(found, own)) foreign.routes.push_back(found);
  }
  if (const auto entries = inside.neighbours.find(interface); entries != inside.neighbours.end())
    foreign.neighbours = foreign_neighbours(gateways(settings), entries->second);
  for (const auto& rule : inside.rules)
    if (!is_from_the_start(rule)) foreign.rules.push_back(rule);
  return foreign;
}

void remove(linux::Netlink& netlink, const ForeignParts& parts) {
  for (const auto& rule : parts.rules) netlink.remove_rule(rule);
  for (const auto& route : parts.routes) netlink.remove_route(route);
  for (const auto& entry : parts.neighbours) netlink.remove_neighbour(entry.interface, entry.address);
  for (const auto& [interface, address, length] : parts.addresses) netlink.remove_address(interface, address, length);
  for (const auto& link : parts.interfaces) netlink.remove_link(link.index);
  netlink.send();
}

}  // namespace conductor::network
