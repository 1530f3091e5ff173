// The elements of the table's sets and maps, from what attached endpoints ask for: bytes for netlink and text for
// nft(8).
#pragma once

#include "linux/nftables.hpp"
#include "network/network.hpp"

#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace conductor::network {

struct Element {
  std::string set;
  std::string key, key_end, data;  // as in linux::SetElement
  std::string text;                // "10.231.0.2 . 10.231.0.3 . tcp . 8080"

  bool operator<(const Element& other) const {
    return std::tie(set, key, key_end, data) < std::tie(other.set, other.key, other.key_end, other.data);
  }
};

// Both families; IPv6 only where it is on.
std::set<Element> firewall_elements(const Settings& settings, const std::vector<Endpoint>& attached);
// What leads from one to the other.
std::vector<linux::SetElement> difference(const std::set<Element>& before, const std::set<Element>& after);

// Without an address of its own a port is published on all of the host's.
bool on_all_addresses(const Publish& publish);
// On 127.0.0.0/8 or ::1 alone: the listeners serve it, the table knows nothing of it.
bool is_loopback(const Publish& publish);

}  // namespace conductor::network
