// A network namespace as the kernel describes it, in one look.
#pragma once

#include "linux/netlink.hpp"

#include <map>
#include <string>
#include <vector>

namespace conductor::network {

// What a look at a network namespace shows.
struct NetworkState {
  std::vector<linux::LinkInfo> links;
  std::vector<linux::Route> routes;  // of table main; of the host also those to endpoints
  std::vector<linux::InterfaceAddress> addresses;
  std::vector<linux::PolicyRule> rules;
  std::map<int, std::vector<linux::Neighbour>> neighbours;  // by interface

  const linux::LinkInfo* link(const std::string& name) const;
  std::string name_of(int interface) const;  // "eth0", or "no interface"
};
NetworkState look_at_network();  // of the namespace at hand
NetworkState look_at_host();     // the same, where that is the host's

// The same by what is asked for, so that a thousand ends are compared without reading a thousand of everything each.
class HostIndex {
 public:
  explicit HostIndex(const NetworkState& host);  // which it refers to
  const linux::LinkInfo* link(const std::string& name) const;
  std::string name_of(int interface) const { return host_.name_of(interface); }
  std::vector<linux::Route> routes_to(const linux::IpAddress& address) const;  // of whole addresses, as endpoints have
  std::vector<linux::Route> routes_through(int interface) const;
  std::vector<linux::IpPrefix> addresses_on(int interface) const;  // with their prefix length
  std::vector<linux::Neighbour> neighbours_of(int interface) const;

 private:
  const NetworkState& host_;
  std::map<std::string, const linux::LinkInfo*> links_;
  std::multimap<linux::IpAddress, const linux::Route*> by_destination_;
  std::multimap<int, const linux::Route*> by_interface_;
  std::multimap<int, const linux::InterfaceAddress*> addresses_;
};

}  // namespace conductor::network
