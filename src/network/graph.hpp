// Who may reach whom, from what the endpoints ask for: pure functions.
#pragma once

#include "network/network.hpp"

#include <compare>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace conductor::network {

bool answers_to(const Endpoint& endpoint, const std::string& name);  // one of its names or groups

// A link from that endpoint counts: both have the same scope, or `to` allows it in allow_peers.
bool admits(const Endpoint& to, const Endpoint& from);
// Both are members with reach of one network.
bool share_network(const Endpoint& one, const Endpoint& other);
// "From may open connections to `to`", on some port: by a link that counts, or by a network of both.
bool links_to(const Endpoint& from, const Endpoint& to);
bool reaches_outside(const Endpoint& endpoint);  // internet, everywhere or in part

// On which ports: sorted, disjoint; `any` without ports, then alone, is everything. Never `any` with ports.
std::vector<PortRange> open_ports(const Endpoint& from, const Endpoint& to);
// `protocol` any: every protocol on every port.
bool may_reach(const Endpoint& from, const Endpoint& to, Protocol protocol, int port);

// One entry of open_ports of a pair; the pointers are into the list given.
struct NamedEdge {
  const Endpoint* from = nullptr;
  const Endpoint* to = nullptr;
  PortRange ports;
};
// Sorted by the places of both ends in the list, then by ports.
std::vector<NamedEdge> edges(const std::vector<Endpoint>& endpoints);

// Every address the endpoint has: its IPv4 address of the instance's range first, its IPv6 address where IPv6 is on,
// then those of its networks (IPv6 ones only where IPv6 is on).
std::vector<linux::IpAddress> addresses_of(const Settings& settings, const Endpoint& endpoint);

// A route inside an endpoint's namespace, through the host: to every address of a peer at either end of a link, or the
// default route of a family (an address that is_any, of length 0).
struct InnerRoute {
  std::string endpoint;  // its id
  linux::IpAddress destination;
  int prefix_length = 32;
  auto operator<=>(const InnerRoute&) const = default;
};
std::set<InnerRoute> inner_routes(const Settings& settings, const std::vector<Endpoint>& endpoints);

// The endpoints and one more.
std::vector<Endpoint> with(std::vector<Endpoint> endpoints, const Endpoint& endpoint);

}  // namespace conductor::network
