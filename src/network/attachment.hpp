// One endpoint's veth pair: the host's end with its route, the endpoint's end with its address.
#pragma once

#include "network/graph.hpp"
#include "network/network.hpp"

#include <set>
#include <string>

namespace conductor::network {

// The host's address towards every endpoint, on every veth: link-local, so that it is nobody else's.
inline constexpr linux::Ipv4 host_address = 0xa9fe0101;  // 169.254.1.1
inline constexpr const char* inner_interface = "eth0";

// A name no interface of this instance has had lately: that of the last attachment may still be dying with its
// namespace.
std::string new_interface_name(const Settings& settings);

// Makes the pair `endpoint.interface` – eth0 in that namespace, both ends ready to use; peers' routes are not part of
// it.
void make_veth(const Settings& settings, const Endpoint& endpoint, const linux::Fd& network_namespace);
// Adds the request that puts the host's end up, with the settings it needs.
void set_host_end_up(linux::Netlink& netlink, int index);
// The host's route to it. The pair itself dies with the namespace: removing it waits for an RCU grace period.
void remove_host_route(const Endpoint& endpoint);

// Routes through the host inside a namespace. Where eth0 is missing nothing is done: whoever makes it adds them.
void change_inner_routes(const linux::Fd& network_namespace, const std::vector<InnerRoute>& remove,
                         const std::vector<InnerRoute>& add);

}  // namespace conductor::network
