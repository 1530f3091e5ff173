#include "network/verify_state.hpp"

#include "network/attachment.hpp"

#include <algorithm>

namespace conductor::network {

const linux::LinkInfo* NetworkState::link(const std::string& name) const {
  const auto found = std::find_if(links.begin(), links.end(), [&](const auto& link) { return link.name == name; });
  return found == links.end() ? nullptr : &*found;
}

std::string NetworkState::name_of(int interface) const {
  const auto found =
      std::find_if(links.begin(), links.end(), [&](const auto& link) { return link.index == interface; });
  return found == links.end() ? "no interface" : found->name;
}

NetworkState look_at_network() {
  linux::Netlink netlink;
  NetworkState state{netlink.links(), netlink.routes(), netlink.addresses(), netlink.rules(), {}};
  for (auto& neighbour : netlink.neighbours(0)) state.neighbours[neighbour.interface].push_back(neighbour);
  return state;
}

NetworkState look_at_host() {
  NetworkState state = look_at_network();
  for (auto& route : linux::Netlink().routes(endpoint_table)) state.routes.push_back(std::move(route));
  return state;
}

HostIndex::HostIndex(const NetworkState& host) : host_(host) {
  for (const auto& link : host.links) links_.emplace(link.name, &link);
  for (const auto& route : host.routes) {
    if (route.table == endpoint_table && route.prefix_length == route.destination.bits())
      by_destination_.emplace(route.destination, &route);
    by_interface_.emplace(route.interface, &route);
  }
  for (const auto& address : host.addresses) addresses_.emplace(address.interface, &address);
}

const linux::LinkInfo* HostIndex::link(const std::string& name) const {
  const auto found = links_.find(name);
  return found == links_.end() ? nullptr : found->second;
}

std::vector<linux::Route> HostIndex::routes_to(const linux::IpAddress& address) const {
  std::vector<linux::Route> routes;
  const auto [first, last] = by_destination_.equal_range(address);
  for (auto found = first; found != last; ++found) routes.push_back(*found->second);
  return routes;
}

std::vector<linux::Route> HostIndex::routes_through(int interface) const {
  std::vector<linux::Route> routes;
  const auto [first, last] = by_interface_.equal_range(interface);
  for (auto found = first; found != last; ++found) routes.push_back(*found->second);
  return routes;
}

std::vector<linux::IpPrefix> HostIndex::addresses_on(int interface) const {
  std::vector<linux::IpPrefix> addresses;
  const auto [first, last] = addresses_.equal_range(interface);
  for (auto found = first; found != last; ++found)
    addresses.push_back({found->second->address, found->second->prefix_length});
  return addresses;
}

std::vector<linux::Neighbour> HostIndex::neighbours_of(int interface) const {
  const auto found = host_.neighbours.find(interface);
  return found == host_.neighbours.end() ? std::vector<linux::Neighbour>() : found->second;
}

}  // namespace conductor::network
