// Where endpoints may go outside of the machine, and to which services of the host: pure functions.
#pragma once

#include "network/network.hpp"

#include <compare>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::network {

// Addresses and ports that may be reached; inclusive.
struct EgressRange {
  linux::IpAddress first, last;  // of one family
  PortRange ports;               // `any`: everything; else of tcp or udp, 0 to 65535
  auto operator<=>(const EgressRange&) const = default;
};

// What `destinations` allow, names by what they are resolved to: sorted, without overlaps within a protocol, as
// interval sets of the kernel require. Throws Error for what is neither a network nor a host name.
std::vector<EgressRange> egress_ranges(const std::vector<Destination>& destinations,
                                       const std::vector<ResolvedName>& resolved);

// Of tcp and udp each, sorted and disjoint, what touches made one; without ports it is 0 to 65535.
std::vector<PortRange> merged_ports(const std::vector<PortRange>& ports);

// Throws Error when a destination can never mean anything: no address, network or host name, or ports out of range.
void validate_destinations(const std::vector<Destination>& destinations);
bool is_host_name(const std::string& destination);  // or a pattern "*.example.org"
// Letters without case, a final dot is nothing; "*.example.org" is every name below, not example.org itself.
bool matches_host_name(std::string_view pattern, std::string_view name);

}  // namespace conductor::network
