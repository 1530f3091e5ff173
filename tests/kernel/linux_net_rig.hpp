// Network namespaces for tests of linux: made without being entered, gone with the last descriptor.
#pragma once

#include "linux/fd.hpp"
#include "linux/ip_address.hpp"
#include "linux/namespaces.hpp"
#include "linux/netlink.hpp"

#include <functional>
#include <string>

namespace test {

using conductor::linux::Fd;
using conductor::linux::IpAddress;

bool can_make_network_spaces();
Fd make_network_space();
inline void inside(const Fd& space, const std::function<void()>& body) {
  conductor::linux::in_network_namespace(space, body);
}
inline IpAddress ip(const std::string& text) { return conductor::linux::parse_ip(text).value(); }

// Two namespaces joined by a veth pair, h0 – p0, both up, with 10.9.0.1/24 and fd09::1/64 here, .2 and ::2 there, and
// permanent neighbour entries for each other.
struct Pair {
  Fd here, there;
  int index_here = 0, index_there = 0;
  Pair();
};
inline const std::string mac_here{"\x02\0\0\0\0\x01", 6};
inline const std::string mac_there{"\x02\0\0\0\0\x02", 6};

// A UDP socket bound to that address (unspecified: every address of the family) and port, made in the current
// namespace.
Fd udp_socket(const IpAddress& address, int port);
void send_to(const Fd& socket, const IpAddress& address, int port, const std::string& text = "x");
// What arrives within the limit, or nothing.
std::string receive_within(const Fd& socket, int milliseconds);
// A whole Ethernet frame out of that interface of the current namespace.
void send_frame(int index, const std::string& frame);

}  // namespace test
