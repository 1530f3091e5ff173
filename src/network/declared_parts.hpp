// What is at the two ends of an endpoint's link beside what was made there: verify tells it, repair takes it away.
#pragma once

#include "network/graph.hpp"
#include "network/network.hpp"
#include "network/verify_state.hpp"

#include <set>
#include <vector>

namespace conductor::network {

struct ForeignParts {
  std::vector<linux::LinkInfo> interfaces;  // inside alone
  std::vector<linux::InterfaceAddress> addresses;
  std::vector<linux::Route> routes;
  std::vector<linux::Neighbour> neighbours;
  std::vector<linux::PolicyRule> rules;  // inside alone
};

// At the host's end, of that index: all but its own address, and the routes and neighbour entries of the endpoint's
// addresses. Routes to those that lead elsewhere are among them.
ForeignParts foreign_at_host_end(const Settings& settings, const Endpoint& endpoint, int interface,
                                 const HostIndex& host);
// Inside its namespace, where eth0 has that index. `declared` are the endpoint's own of inner_routes.
ForeignParts foreign_inside(const Settings& settings, const Endpoint& endpoint, const std::set<InnerRoute>& declared,
                            int interface, const NetworkState& inside);

// The route that make_veth has made at the host's end for one of the endpoint's addresses.
bool is_host_route(const Settings& settings, const linux::Route& route, int interface);
// The routes inside: what make_veth makes, then the declared ones. The interface is that of eth0, whatever they say.
std::vector<linux::Route> wanted_inner_routes(const Settings& settings, const std::set<InnerRoute>& declared);
bool is_same_inner_route(const linux::Route& found, const linux::Route& wanted, int interface);
// Permanent entries for others than these.
std::vector<linux::Neighbour> foreign_neighbours(const std::vector<linux::IpAddress>& addresses,
                                                 const std::vector<linux::Neighbour>& observed);

// In the namespace of that socket; what is gone is fine. Sends.
void remove(linux::Netlink& netlink, const ForeignParts& parts);

}  // namespace conductor::network
