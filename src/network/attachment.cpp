#include "network/attachment.hpp"

#include "base/error.hpp"
#include "linux/namespaces.hpp"
#include "network/uplinks.hpp"

#include <linux/ip.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

namespace conductor::network {

namespace {

constexpr int carrier_limit_ms = 5000;
constexpr int smallest_ipv6_mtu = 1280;  // RFC 8200; below it the kernel gives an interface no IPv6 at all

// Locally administered and made from the endpoint's address, so that both sides can be told without asking.
std::string mac_address(unsigned char first, linux::Ipv4 address) {
  std::string mac{static_cast<char>(first), static_cast<char>(0xcd)};
  for (const unsigned shift : {24U, 16U, 8U, 0U}) mac += static_cast<char>((address >> shift) & 0xffU);
  return mac;
}

// Where the kernel has no IPv6 there is nothing to set.
void set_ipv6(const Settings& settings, const std::string& interface) {
  write_interface_setting(Family::ipv6, interface, "accept_ra", 0);
  if (!settings.ipv6()) write_interface_setting(Family::ipv6, interface, "disable_ipv6", 1);
}

linux::Route inner_route(int interface, const linux::IpAddress& destination, int prefix_length) {
  linux::Route route;
  route.destination = destination;
  route.prefix_length = prefix_length;
  route.gateway = gateway_of(destination.v6);
  route.interface = interface;
  return route;
}

linux::Route host_route(const Settings& settings, int interface, const linux::IpAddress& address) {
  linux::Route route;
  route.destination = address;
  route.prefix_length = address.bits();
  route.interface = interface;
  route.source = address.v6 ? host_address6(settings) : linux::IpAddress(host_address);
  route.link_scope = !address.v6;
  route.table = endpoint_table;
  return route;
}

// A packet for an address that is not yet the endpoint's own would be lost. Mostly it is by now.
void await_addresses(linux::Netlink& inner, const linux::Fd& network_namespace,
                     const std::vector<linux::IpAddress>& addresses) {
  if (std::all_of(addresses.begin(), addresses.end(), [&](const auto& address) { return inner.is_local(address); }))
    return;
  linux::in_network_namespace(network_namespace, [&] {
    for (const auto& address : addresses)
      if (!inner.wait_local(address, carrier_limit_ms))
        throw base::Error("address " + linux::to_text(address) + " does not become usable");
  });
}

int veth_mtu(const Settings& settings) {
  return settings.ipv6() ? std::max(uplink_mtu(), smallest_ipv6_mtu) : uplink_mtu();
}

}  // namespace

linux::IpAddress gateway_of(bool v6) {
  static const linux::IpAddress six = linux::parse_ip("fe80::1").value();
  return v6 ? six : linux::IpAddress(host_address);
}

linux::IpAddress host_address6(const Settings& settings) {
  linux::IpAddress address = settings.subnet6;
  address.bytes.back() = 1;
  return address;
}

std::string inner_mac(const Endpoint& endpoint) { return mac_address(0x02, endpoint.address); }
std::string host_mac(const Endpoint& endpoint) { return mac_address(0x06, endpoint.address); }

std::string new_interface_name(const Settings& settings) {
  constexpr char digits[] = "0123456789abcdefghijklmnopqrstuv";
  std::array<unsigned char, 8> random{};
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    throw base::Error::from_errno("getrandom");
  std::string name = settings.interface_prefix;
  for (const unsigned char byte : random) name += digits[byte % 32U];
  return name;
}

void set_up_inner_end(linux::Netlink& netlink, const Settings& settings, const Endpoint& endpoint) {
  const auto link = netlink.link(inner_interface);
  const auto loopback = netlink.link("lo");
  if (!link || !loopback) throw base::Error(std::string(inner_interface) + " is gone");
  set_ipv6(settings, settings.ipv6() ? inner_interface : "all");
  if (settings.ipv6()) netlink.set_no_link_local(link->index);
  netlink.set_link_up(loopback->index);
  netlink.set_link_up(link->index);
  for (const auto& address : addresses_of(settings, endpoint))
    netlink.add_address(link->index, address, address.bits());
  linux::Route to_host;
  to_host.destination = host_address;
  to_host.interface = link->index;
  to_host.link_scope = true;
  netlink.add_route(to_host);
  netlink.add_neighbour(link->index, gateway_of(false), host_mac(endpoint));
  if (settings.ipv6()) {
    netlink.add_neighbour(link->index, gateway_of(true), host_mac(endpoint));
    netlink.add_route(inner_route(link->index, host_address6(settings), 128));
  }
  netlink.send();
}

std::vector<InterfaceSetting> host_end_settings(const Settings& settings) {
  std::vector<InterfaceSetting> wanted = {{Family::ipv4, "forwarding", 1},
                                          {Family::ipv4, "rp_filter", 1},
                                          {Family::ipv4, "src_valid_mark", 1},
                                          {Family::ipv4, "route_localnet", 0},
                                          {Family::ipv6, "accept_ra", 0}};
  if (settings.ipv6())
    wanted.push_back({Family::ipv6, "force_forwarding", 1});
  else
    wanted.push_back({Family::ipv6, "disable_ipv6", 1});
  return wanted;
}

void set_up_host_end(linux::Netlink& netlink, const Settings& settings, const Endpoint& endpoint, int index) {
  const auto addresses = addresses_of(settings, endpoint);
  set_ipv6(settings, endpoint.interface);
  if (settings.ipv6()) write_interface_setting(Family::ipv6, endpoint.interface, "force_forwarding", 1);
  // The filter before the first packet, and while the link is down: later it would wait for an RCU grace period.
  netlink.set_source_filter(index, addresses);
  if (settings.ipv6()) netlink.set_no_link_local(index);
  netlink.set_link_up(index, {IPV4_DEVCONF_FORWARDING, IPV4_DEVCONF_RP_FILTER, IPV4_DEVCONF_SRC_VMARK});
  netlink.add_address(index, host_address, 32);
  for (const auto& address : addresses) {
    netlink.add_neighbour(index, address, inner_mac(endpoint));
    netlink.add_route(host_route(settings, index, address));
  }
}

void make_veth(const Settings& settings, const Endpoint& endpoint, const linux::Fd& network_namespace) {
  linux::Netlink netlink;
  netlink.add_veth({endpoint.interface, host_mac(endpoint)}, settings.interface_group, veth_mtu(settings),
                   network_namespace, {inner_interface, inner_mac(endpoint)});
  netlink.send();
  const auto link = netlink.link(endpoint.interface);
  if (!link) throw base::Error("interface " + endpoint.interface + " is gone");
  set_up_host_end(netlink, settings, endpoint, link->index);
  netlink.send();
  std::optional<linux::Netlink> inner;  // stays a socket of that namespace
  linux::in_network_namespace(network_namespace, [&] { set_up_inner_end(inner.emplace(), settings, endpoint); });
  // The end that came up first got its carrier only now.
  if (!netlink.wait_operational(endpoint.interface, carrier_limit_ms))
    throw base::Error("interface " + endpoint.interface + " does not become operational");
  await_addresses(*inner, network_namespace, addresses_of(settings, endpoint));
}

void add_addresses(const Settings& settings, const Endpoint& endpoint, const linux::Fd& network_namespace) {
  linux::Netlink netlink;
  const auto link = netlink.link(endpoint.interface);
  if (!link) return;
  set_up_host_end(netlink, settings, endpoint, link->index);
  netlink.send();
  const auto addresses = addresses_of(settings, endpoint);
  std::optional<linux::Netlink> inner;
  linux::in_network_namespace(network_namespace, [&] {
    const auto end = inner.emplace().link(inner_interface);
    if (!end) return inner.reset();
    for (const auto& address : addresses) inner->add_address(end->index, address, address.bits());
    inner->send();
  });
  if (inner) await_addresses(*inner, network_namespace, addresses);
}

void remove_veth(const Endpoint& endpoint) {
  linux::Netlink netlink;
  const auto link = netlink.link(endpoint.interface);
  if (!link) return;
  netlink.remove_link(link->index);
  netlink.send();
}

void remove_host_route(const Settings& settings, const Endpoint& endpoint) {
  linux::Netlink netlink;
  for (const auto& address : addresses_of(settings, endpoint)) {
    linux::Route route;
    route.destination = address;
    route.prefix_length = address.bits();
    route.table = endpoint_table;
    netlink.remove_route(route);
  }
  netlink.send();
}

void change_inner_routes(const linux::Fd& network_namespace, const std::vector<InnerRoute>& remove,
                         const std::vector<InnerRoute>& add) {
  linux::in_network_namespace(network_namespace, [&] {
    linux::Netlink netlink;
    const auto link = netlink.link(inner_interface);
    if (!link) return;
    for (const InnerRoute& route : remove)
      netlink.remove_route(inner_route(link->index, route.destination, route.prefix_length));
    for (const InnerRoute& route : add)
      netlink.add_route(inner_route(link->index, route.destination, route.prefix_length));
    try {
      netlink.send();
    } catch (const base::Error& e) {
      // eth0 has gone or is just coming: then its maker adds the routes, or nobody needs them.
      if (e.code() != ENODEV && e.code() != ENETDOWN && e.code() != ENETUNREACH) throw;
    }
  });
}

}  // namespace conductor::network
