// Who may reach whom, from what the endpoints ask for: pure functions.
#pragma once

#include "network/network.hpp"

#include <compare>
#include <set>
#include <string>
#include <vector>

namespace conductor::network {

bool answers_to(const Endpoint& endpoint, const std::string& name);  // one of its names or groups
bool links_to(const Endpoint& from, const Endpoint& to);
bool reaches_outside(const Endpoint& endpoint);  // internet, everywhere or in part

// "From may open connections to `to` on these ports." Ports 0 to 65535 of `any`: everything.
struct Edge {
  linux::Ipv4 from = 0;
  linux::Ipv4 to = 0;
  Protocol protocol = Protocol::any;
  int first_port = 0;
  int last_port = 65535;
  auto operator<=>(const Edge&) const = default;
};
// Sorted. `any` with ports becomes one edge each for tcp and udp; ranges of a pair that overlap become one.
std::vector<Edge> edges(const std::vector<Endpoint>& endpoints);

// A route inside an endpoint's namespace, through the host: to a peer at either end of a link, or 0.0.0.0/0.
struct InnerRoute {
  std::string endpoint;
  linux::Ipv4 destination = 0;
  int prefix_length = 32;
  auto operator<=>(const InnerRoute&) const = default;
};
std::set<InnerRoute> inner_routes(const std::vector<Endpoint>& endpoints);

// Inclusive ranges of addresses that cover `cidrs` ("10.0.0.0/8", "192.0.2.1"), disjoint and sorted. Throws Error.
struct AddressRange {
  linux::Ipv4 first = 0;
  linux::Ipv4 last = 0;
  auto operator<=>(const AddressRange&) const = default;
};
std::vector<std::string> networks_of(const std::vector<Destination>& destinations);
std::vector<AddressRange> address_ranges(const std::vector<std::string>& cidrs);

}  // namespace conductor::network
