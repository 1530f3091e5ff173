// rtnetlink(7): links, addresses, routes, neighbours and policy rules, many requests in one message where the kernel
// allows.
#pragma once

#include "linux/fd.hpp"
#include "linux/ip_address.hpp"
#include "linux/netlink_socket.hpp"

#include <net/if.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

struct nlmsghdr;

namespace conductor::linux {

struct LinkInfo {
  int index = 0;
  std::string name;
  std::uint32_t group = 0;
  int mtu = 0;
  bool up = false;
  bool operational = false;  // up, with a carrier, and the kernel sends through it
};

inline constexpr std::uint32_t main_table = 254;  // RT_TABLE_MAIN

struct Route {
  IpAddress destination;
  int prefix_length = 32;
  std::optional<IpAddress> gateway;  // with onlink
  int interface = 0;
  std::optional<IpAddress> source;  // preferred
  bool link_scope = false;          // IPv4
  std::uint32_t table = main_table;
  std::vector<int> further_interfaces{};  // of a route over several; only read, never written
  std::uint32_t metric = 0;               // 0: the usual one, or any when it is removed
};

struct PolicyRule {
  bool v6 = false;
  std::uint32_t priority = 0;
  std::optional<std::string> input_interface;
  std::uint32_t mark = 0, mark_mask = 0;
  std::optional<IpPrefix> from, to;
  bool prohibit = false;             // else: look up `table`
  std::uint32_t table = main_table;  // 0: it does something else

  bool operator==(const PolicyRule&) const = default;
};

// An address of an interface, or a neighbour entry of it.
struct InterfaceAddress {
  int interface = 0;
  IpAddress address;
  int prefix_length = 32;
};
struct Neighbour {
  int interface = 0;
  IpAddress address;
  std::string mac;  // 6 bytes
  bool permanent = false;
};

// One end of a veth pair. `mac` has 6 bytes.
struct VethEnd {
  std::string name;  // at most 15 bytes
  std::string mac;
};

// A socket in the network namespace it is opened in (see in_network_namespace). Requests are collected and sent
// together; `send` throws the first refusal with the sentence given for that request.
class Netlink {
 public:
  Netlink();

  // veth(4), both ends in one request, down (the driver refuses an end that comes up before its peer); the host's end
  // in `group`, the peer inside the other namespace.
  void add_veth(const VethEnd& end, std::uint32_t group, int mtu, const Fd& peer_namespace, const VethEnd& peer);
  // Up, and with these per-interface settings at 1 (IPV4_DEVCONF_* of linux/ip.h; /proc/sys/net/ipv4/conf/NAME/).
  void set_link_up(int index, const std::vector<int>& ipv4_settings = {});
  // No link-local address comes by itself (addr_gen_mode 1). Before the link is up.
  void set_no_link_local(int index);
  // IPv6 without duplicate address detection; see wait_local.
  void add_address(int index, const IpAddress& address, int prefix_length);
  void remove_address(int index, const IpAddress& address, int prefix_length);  // absent is fine
  // tc(8): what comes in at the interface from any other source than these is dropped, and so is everything that is
  // neither IPv4 nor IPv6 (clsact, and a classic BPF filter that acts itself). It lives and dies with the interface,
  // and no firewall tool knows it. Replaces an earlier one.
  void set_source_filter(int index, const std::vector<IpAddress>& sources);
  void add_route(const Route& route);     // replaces
  void remove_route(const Route& route);  // of any kind and protocol; absent is fine
  void add_neighbour(int index, const IpAddress& address, const std::string& mac);  // permanent; mac is 6 bytes
  void remove_neighbour(int index, const IpAddress& address);                       // absent is fine
  void add_rule(const PolicyRule& rule);                                            // present is fine
  void remove_rule(const PolicyRule& rule);                                         // absent is fine
  void set_link_group(int index, std::uint32_t group);
  void remove_link(int index);  // absent is fine
  void send();

  std::vector<LinkInfo> links();
  std::optional<LinkInfo> link(const std::string& name);
  // False when it takes longer. Between an end of a veth getting its carrier and this, the kernel drops what it sends.
  bool wait_operational(const std::string& name, int milliseconds);
  // What is sent to the address stays here. The kernel makes an IPv6 address, even one without duplicate address
  // detection, its own in the background; until then packets for it are lost.
  bool is_local(const IpAddress& address);
  // Until it is. False when that takes longer.
  bool wait_local(const IpAddress& address, int milliseconds);
  // Until no link has that name, as when its namespace is dying. False when it takes longer.
  bool wait_gone(const std::string& name, int milliseconds);
  std::vector<PolicyRule> rules();                              // of both families
  std::vector<Route> routes(std::uint32_t table = main_table);  // of both families; no other table is gone through
  // Of both families; of one interface, or (0) of all.
  std::vector<InterfaceAddress> addresses(int index = 0);
  std::vector<Neighbour> neighbours(int index);  // of both families
  // Those of the filter set_source_filter has made; nothing when there is none, or another.
  std::optional<std::vector<IpAddress>> source_filter(int index);
  // All interfaces that can have such a filter (clsact): one question, however many there are.
  std::set<int> filtering_interfaces();

 private:
  // Looks again after each change that the group (RTNLGRP_*) tells of.
  static bool wait_until(const std::function<bool()>& holds, int group, int milliseconds);
  void add(nlmsghdr* message, std::string sentence, std::vector<int> accepted = {});

  NetlinkSocket socket_;
};

}  // namespace conductor::linux
