// One endpoint's veth pair: the host's end with its route, the endpoint's end with its address.
#pragma once

#include "network/graph.hpp"
#include "network/interface_settings.hpp"
#include "network/network.hpp"

#include <set>
#include <string>
#include <vector>

namespace conductor::network {

// The host's addresses towards every endpoint. On every veth there is 169.254.1.1, link-local, so that it is nobody
// else's. IPv6 packets go to fe80::1, which is nothing but a neighbour entry inside; the host's own address is the
// first of the range, on lo (host_address6).
inline constexpr linux::Ipv4 host_address = 0xa9fe0101;  // 169.254.1.1
// The host's routing table with its routes to the endpoints of all instances, so that table main is as small as
// without them: who looks for uplinks reads all of it.
inline constexpr std::uint32_t endpoint_table = 0xcd00;
inline constexpr const char* inner_interface = "eth0";
linux::IpAddress gateway_of(bool v6);                      // 169.254.1.1 or fe80::1
linux::IpAddress host_address6(const Settings& settings);  // RANGE6::1
std::string inner_mac(const Endpoint& endpoint);           // 6 bytes
std::string host_mac(const Endpoint& endpoint);

// A name no interface of this instance has had lately: that of the last attachment may still be dying with its
// namespace.
std::string new_interface_name(const Settings& settings);

// Makes the pair `endpoint.interface` – eth0 in that namespace, both ends ready to use; peers' routes are not part of
// it.
void make_veth(const Settings& settings, const Endpoint& endpoint, const linux::Fd& network_namespace);
// A setting of the host's end, with the one value it may have.
struct InterfaceSetting {
  Family family = Family::ipv4;
  const char* name = "";
  int value = 0;
};
std::vector<InterfaceSetting> host_end_settings(const Settings& settings);
// The settings of the host's end, now, and in requests: its source filter, addresses, neighbours and routes. Whatever
// stands already is replaced.
void set_up_host_end(linux::Netlink& netlink, const Settings& settings, const Endpoint& endpoint, int index);
// The inner end, in the namespace at hand: addresses, neighbours and the routes to the host, made or replaced.
void set_up_inner_end(linux::Netlink& netlink, const Settings& settings, const Endpoint& endpoint);
// Addresses of the endpoint that its running namespace lacks, at both ends. Where the pair is gone nothing is done.
void add_addresses(const Settings& settings, const Endpoint& endpoint, const linux::Fd& network_namespace);
// The pair with its routes.
void remove_veth(const Endpoint& endpoint);
// The host's routes to it. The pair itself dies with the namespace: removing it waits for an RCU grace period.
void remove_host_route(const Settings& settings, const Endpoint& endpoint);

// Routes through the host inside a namespace. Where eth0 is missing nothing is done: whoever makes it adds them.
void change_inner_routes(const linux::Fd& network_namespace, const std::vector<InnerRoute>& remove,
                         const std::vector<InnerRoute>& add);

}  // namespace conductor::network
