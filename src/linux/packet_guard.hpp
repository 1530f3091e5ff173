// What keeps packets of a range from this host's own sockets, with or without a firewall: policies of the kernel's
// packet transformation (ip-xfrm(8)). Direction `in`: from the range with the mark allowed, from the range without it
// blocked. Firewall tools neither show nor flush them; the cost is one look-up for each packet delivered here.
#pragma once

#include "linux/ip_address.hpp"

#include <cstdint>
#include <vector>

namespace conductor::linux {

struct PacketGuard {
  IpPrefix range;
  std::uint32_t mark = 0;  // one bit
  auto operator<=>(const PacketGuard&) const = default;
};

// The kernel has packet transformation; without it there are no guards, and the functions below throw.
bool packet_guards_possible();
void add_packet_guards(const std::vector<PacketGuard>& guards);     // present is fine
void remove_packet_guards(const std::vector<PacketGuard>& guards);  // absent is fine
// Both policies of it are there as add_packet_guards makes them.
bool packet_guard_stands(const PacketGuard& guard);

// A socket of ours that connects to a guarded range takes its answers whatever mark they have (IP_XFRM_POLICY of ip(7),
// IPV6_XFRM_POLICY). Where the kernel has no such option nothing is done.
void exempt_from_packet_guard(int socket, bool v6);

}  // namespace conductor::linux
