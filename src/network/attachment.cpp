#include "network/attachment.hpp"

#include "base/error.hpp"
#include "linux/namespaces.hpp"
#include "network/uplinks.hpp"

#include <linux/ip.h>
#include <sys/random.h>

#include <array>
#include <cerrno>

namespace conductor::network {

namespace {

constexpr int carrier_limit_ms = 5000;
constexpr const char* ipv6_settings = "/proc/sys/net/ipv6/conf/";

// Locally administered and made from the endpoint's address, so that both sides can be told without asking.
std::string mac_address(unsigned char first, linux::Ipv4 address) {
  std::string mac{static_cast<char>(first), static_cast<char>(0xcd)};
  for (const unsigned shift : {24U, 16U, 8U, 0U}) mac += static_cast<char>((address >> shift) & 0xffU);
  return mac;
}
std::string inner_mac(const Endpoint& endpoint) { return mac_address(0x02, endpoint.address); }
std::string host_mac(const Endpoint& endpoint) { return mac_address(0x06, endpoint.address); }

// On kernels without IPv6 there is nothing to set.
void set_ipv6(const std::string& interface, const char* setting, const char* value) {
  const std::string path = ipv6_settings + interface + "/" + setting;
  if (linux::try_read_file(path)) linux::write_kernel_file(path, value);
}

void silence_ipv6(const std::string& interface) {
  set_ipv6(interface, "accept_ra", "0");
  set_ipv6(interface, "disable_ipv6", "1");
}

linux::Route inner_route(int interface, const InnerRoute& route) {
  linux::Route result;
  result.destination = route.destination;
  result.prefix_length = route.prefix_length;
  result.gateway = host_address;
  result.interface = interface;
  return result;
}

void set_up_host_end(linux::Netlink& netlink, const Endpoint& endpoint) {
  const auto link = netlink.link(endpoint.interface);
  if (!link) throw base::Error("interface " + endpoint.interface + " is gone");
  silence_ipv6(endpoint.interface);
  set_host_end_up(netlink, link->index);
  netlink.add_neighbour(link->index, endpoint.address, inner_mac(endpoint));
  netlink.add_address(link->index, host_address, 32);
  linux::Route route;
  route.destination = endpoint.address;
  route.interface = link->index;
  route.source = host_address;
  route.link_scope = true;
  netlink.add_route(route);
  netlink.send();
}

// Runs inside the namespace.
void set_up_inner_end(const Endpoint& endpoint) {
  linux::Netlink netlink;
  const auto link = netlink.link(inner_interface);
  const auto loopback = netlink.link("lo");
  if (!link || !loopback) throw base::Error(std::string(inner_interface) + " is gone");
  netlink.set_link_up(loopback->index);
  netlink.set_link_up(link->index);
  netlink.add_neighbour(link->index, host_address, host_mac(endpoint));
  netlink.add_address(link->index, endpoint.address, 32);
  linux::Route route;
  route.destination = host_address;
  route.interface = link->index;
  route.link_scope = true;
  netlink.add_route(route);
  netlink.send();
}

}  // namespace

std::string new_interface_name(const Settings& settings) {
  constexpr char digits[] = "0123456789abcdefghijklmnopqrstuv";
  std::array<unsigned char, 8> random{};
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    throw base::Error::from_errno("getrandom");
  std::string name = settings.interface_prefix;
  for (const unsigned char byte : random) name += digits[byte % 32U];
  return name;
}

void set_host_end_up(linux::Netlink& netlink, int index) {
  netlink.set_link_up(index, {IPV4_DEVCONF_FORWARDING, IPV4_DEVCONF_RP_FILTER, IPV4_DEVCONF_SRC_VMARK});
}

void make_veth(const Settings& settings, const Endpoint& endpoint, const linux::Fd& network_namespace) {
  // Before eth0 exists, so that it never has an IPv6 address.
  linux::in_network_namespace(network_namespace, [] {
    silence_ipv6("default");
    silence_ipv6("all");
  });
  linux::Netlink netlink;
  netlink.add_veth({endpoint.interface, host_mac(endpoint)}, settings.interface_group, uplink_mtu(), network_namespace,
                   {inner_interface, inner_mac(endpoint)});
  netlink.send();
  set_up_host_end(netlink, endpoint);
  linux::in_network_namespace(network_namespace, [&] { set_up_inner_end(endpoint); });
  // The end that came up first got its carrier only now.
  if (!netlink.wait_operational(endpoint.interface, carrier_limit_ms))
    throw base::Error("interface " + endpoint.interface + " does not become operational");
}

void remove_host_route(const Endpoint& endpoint) {
  linux::Netlink netlink;
  linux::Route route;
  route.destination = endpoint.address;
  netlink.remove_route(route);
  netlink.send();
}

void change_inner_routes(const linux::Fd& network_namespace, const std::vector<InnerRoute>& remove,
                         const std::vector<InnerRoute>& add) {
  linux::in_network_namespace(network_namespace, [&] {
    linux::Netlink netlink;
    const auto link = netlink.link(inner_interface);
    if (!link) return;
    for (const InnerRoute& route : remove) netlink.remove_route(inner_route(link->index, route));
    for (const InnerRoute& route : add) netlink.add_route(inner_route(link->index, route));
    try {
      netlink.send();
    } catch (const base::Error& e) {
      // eth0 has gone or is just coming: then its maker adds the routes, or nobody needs them.
      if (e.code() != ENODEV && e.code() != ENETDOWN && e.code() != ENETUNREACH) throw;
    }
  });
}

}  // namespace conductor::network
