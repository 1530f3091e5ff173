// How an instance's ranges are chosen beside the networks that the host has.
#pragma once

#include "linux/netlink.hpp"
#include "network/network.hpp"

#include <optional>
#include <string>
#include <vector>

namespace conductor::network {

// What was chosen for an instance: ROOT/network/range.json.
struct RangeRecord {
  std::string subnet;   // "10.231.0.0/16"
  std::string subnet6;  // "fd…::/64"; whether IPv6 is on is another question
  bool operator==(const RangeRecord&) const = default;
};
template <base::Is<RangeRecord> S, class V>
void fields(S& s, V&& v) {
  v("subnet", s.subnet), v("subnet6", s.subnet6);
}

// A network of the host that is not this instance's: a route or an interface's address. Default routes and what lies on
// interfaces with our prefix are none.
struct HostNetwork {
  linux::IpPrefix prefix;
  std::string interface;
};
std::vector<HostNetwork> host_networks(const Settings& settings);
// Those that overlap one of our ranges; empty is well.
std::vector<HostNetwork> clashes(const std::vector<HostNetwork>& networks, const std::vector<linux::IpPrefix>& ours);

// A number that instances seldom share, below 1648: their ranges and priorities follow from it.
std::uint32_t slot_of(const std::string& instance);
bool is_interface_group(std::uint32_t group);  // of some instance
// In the order in which they are tried: the usual one first.
std::vector<linux::IpPrefix> range_candidates(const std::string& instance);
// The first that overlaps none of `taken`; throws Error that says what to set when all do.
linux::IpPrefix choose_range(const std::vector<linux::IpPrefix>& candidates, const std::vector<HostNetwork>& taken);
// The unique-local /64 of an instance of this machine.
linux::IpPrefix unique_local_range(const std::string& machine_id, const std::string& instance);

// Makes the choice of `settings` the recorded one. Somebody else may have recorded another in the meantime: the
// settings that hold are returned. What is worth a note to the user is logged, once: at the recording.
Settings record_range(const store::Locations& locations, const Settings& settings);

// IPv6 stays as it is while a container is attached: STATE/network/ipv6 says how. Returns the settings that hold.
Settings hold_ipv6(const store::Locations& locations, const Settings& settings);
void release_ipv6(const store::Locations& locations);
// Throws Error when the configuration says `ipv6 = on` and this host cannot.
void require_ipv6_possible(const Settings& settings);

}  // namespace conductor::network
