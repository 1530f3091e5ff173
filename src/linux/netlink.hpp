// rtnetlink(7): links, addresses, routes, neighbours and policy rules, many requests in one message where the kernel allows.
#pragma once

#include <net/if.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "linux/fd.hpp"

struct nlmsghdr;

namespace conductor::linux {

using Ipv4 = std::uint32_t;  // host byte order: 10.0.0.1 is 0x0a000001
std::string to_text(Ipv4 address);
std::optional<Ipv4> parse_ipv4(const std::string& text);

struct LinkInfo {
  int index = 0;
  std::string name;
  std::uint32_t group = 0;
  int mtu = 0;
  bool up = false;
};

struct Route {
  Ipv4 destination = 0;
  int prefix_length = 32;
  std::optional<Ipv4> gateway;  // with onlink
  int interface = 0;
  std::optional<Ipv4> source;   // preferred
  bool link_scope = false;
  std::uint32_t table = 254;
};

struct PolicyRule {
  std::uint32_t priority = 0;
  std::optional<std::string> input_interface;
  std::uint32_t mark = 0, mark_mask = 0;
  std::optional<std::pair<Ipv4, int>> from, to;  // address and prefix length
  bool prohibit = false;                         // else: look up table main
};

// A socket in the network namespace it is opened in (see in_network_namespace). Requests are collected and sent together;
// `send` throws the first refusal with the sentence given for that request.
class Netlink {
 public:
  Netlink();

  // veth whose peer is made inside another namespace, up, with its name, both in one request.
  void add_veth(const std::string& name, std::uint32_t group, int mtu, const Fd& peer_namespace,
                const std::string& peer_name);
  void set_link_up(int index);
  void add_address(int index, Ipv4 address, int prefix_length);
  void add_route(const Route& route);     // replaces
  void remove_route(const Route& route);  // absent is fine
  void add_neighbour(int index, Ipv4 address, const std::string& mac);  // permanent; mac is 6 bytes
  void add_rule(const PolicyRule& rule);
  void remove_rule(const PolicyRule& rule);  // absent is fine
  void remove_link(int index);               // absent is fine
  void send();

  std::vector<LinkInfo> links();
  std::optional<LinkInfo> link(const std::string& name);
  std::string link_address(int index);  // the 6 bytes of its MAC
  std::vector<PolicyRule> rules();
  std::vector<Route> routes(std::uint32_t table = 254);

 private:
  struct Request {
    std::string bytes;
    std::string sentence;
    std::vector<int> accepted;  // errno values that are no failure
  };
  Fd socket_;
  std::vector<Request> pending_;
  std::uint32_t sequence_ = 0;
};

}  // namespace conductor::linux
