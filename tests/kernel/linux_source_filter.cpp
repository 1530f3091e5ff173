// Netlink::set_source_filter: packets of another source, ARP and everything that is not IP do not come in.
#include "linux_net_rig.hpp"
#include "support/catch.hpp"

#include <net/ethernet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <set>
#include <vector>

using namespace test;
namespace linux = conductor::linux;

namespace {

constexpr int port = 5353;
constexpr int quiet_ms = 100;

// Sends from every of these sources to `to`, and at last from `allowed`: what arrives first tells who came through.
std::string first_to_arrive(const Pair& pair, const std::vector<IpAddress>& sources, const IpAddress& allowed,
                            const IpAddress& to) {
  Fd server;
  inside(pair.here, [&] { server = udp_socket(to, port); });
  inside(pair.there, [&] {
    linux::Netlink netlink;
    for (const auto& source : sources) netlink.add_address(pair.index_there, source, source.bits());
    netlink.send();
    for (const auto& source : sources) send_to(udp_socket(source, 0), to, port, linux::to_text(source));
    send_to(udp_socket(allowed, 0), to, port, linux::to_text(allowed));
  });
  return receive_within(server, 2000);
}

// All frames that reach the interface's protocols: a packet socket sees even those the filter drops, so counted by the
// ARP entry that a request would leave behind.
bool has_neighbour(const Fd& space, int index, const IpAddress& address) {
  bool found = false;
  inside(space, [&] {
    for (const auto& neighbour : linux::Netlink().neighbours(index)) found = found || neighbour.address == address;
  });
  return found;
}

std::string arp_request(const std::string& sender_ip, const std::string& target_ip) {
  std::string frame = mac_here + mac_there + std::string("\x08\x06", 2);
  frame += std::string("\0\x01\x08\0\x06\x04\0\x01", 8);
  frame += mac_there + ip(sender_ip).wire() + std::string(6, '\0') + ip(target_ip).wire();
  return frame;
}

}  // namespace

TEST_CASE("the filter lets the named sources in, of both families, and nothing else") {
  if (!can_make_network_spaces()) SKIP_TEST("needs root and network namespaces");
  const Pair pair;
  const std::vector allowed{ip("10.9.0.2"), ip("fd09::2"), ip("10.9.0.7"), ip("fd09::7")};
  inside(pair.here, [&] {
    linux::Netlink netlink;
    CHECK_FALSE(netlink.source_filter(pair.index_here));
    netlink.set_source_filter(pair.index_here, allowed);
    netlink.send();
    const auto read = netlink.source_filter(pair.index_here);
    REQUIRE(read);
    CHECK(std::set(read->begin(), read->end()) == std::set(allowed.begin(), allowed.end()));
  });
  CHECK(first_to_arrive(pair, {ip("10.9.0.3"), ip("10.9.1.2")}, ip("10.9.0.2"), ip("10.9.0.1")) == "10.9.0.2");
  CHECK(first_to_arrive(pair, {ip("10.9.0.3"), ip("10.9.0.7")}, ip("10.9.0.2"), ip("10.9.0.1")) == "10.9.0.7");
  CHECK(first_to_arrive(pair, {ip("fd09::3"), ip("fd09::1:2")}, ip("fd09::2"), ip("fd09::1")) == "fd09::2");
  CHECK(first_to_arrive(pair, {ip("fd09::3"), ip("fd09::7")}, ip("fd09::2"), ip("fd09::1")) == "fd09::7");
}

TEST_CASE("the filter drops ARP") {
  if (!can_make_network_spaces()) SKIP_TEST("needs root and network namespaces");
  const Pair pair;
  const auto send_request = [&](const std::string& sender) {
    Fd marker;
    inside(pair.here, [&] { marker = udp_socket(ip("10.9.0.1"), port); });
    inside(pair.there, [&] {
      send_frame(pair.index_there, arp_request(sender, "10.9.0.1"));
      send_to(udp_socket(ip("10.9.0.2"), 0), ip("10.9.0.1"), port);  // in order behind it
    });
    CHECK(receive_within(marker, 2000) == "x");
  };
  send_request("10.9.0.50");
  CHECK(has_neighbour(pair.here, pair.index_here, ip("10.9.0.50")));  // the kernel learns from a request
  inside(pair.here, [&] {
    linux::Netlink netlink;
    netlink.set_source_filter(pair.index_here, {ip("10.9.0.2"), ip("fd09::2")});
    netlink.send();
  });
  send_request("10.9.0.51");
  CHECK_FALSE(has_neighbour(pair.here, pair.index_here, ip("10.9.0.51")));
}

TEST_CASE("a second filter replaces the first") {
  if (!can_make_network_spaces()) SKIP_TEST("needs root and network namespaces");
  const Pair pair;
  inside(pair.here, [&] {
    linux::Netlink netlink;
    CHECK_FALSE(netlink.filtering_interfaces().contains(pair.index_here));
    netlink.set_source_filter(pair.index_here, {ip("10.9.0.9")});
    netlink.set_source_filter(pair.index_here, {ip("10.9.0.2")});
    netlink.send();
    CHECK(netlink.source_filter(pair.index_here) == std::vector{ip("10.9.0.2")});
    CHECK(netlink.filtering_interfaces().contains(pair.index_here));
    netlink.set_source_filter(pair.index_here, {});
    netlink.send();
    CHECK(netlink.source_filter(pair.index_here) == std::vector<IpAddress>{});
  });
  Fd server;
  inside(pair.here, [&] { server = udp_socket(ip("10.9.0.1"), port); });
  inside(pair.there, [&] { send_to(udp_socket(ip("10.9.0.2"), 0), ip("10.9.0.1"), port); });
  CHECK(receive_within(server, quiet_ms).empty());
}

TEST_CASE("a filter of many addresses is longer than one conditional jump reaches") {
  if (!can_make_network_spaces()) SKIP_TEST("needs root and network namespaces");
  const Pair pair;
  std::vector<IpAddress> many;
  for (int i = 0; i < 60; ++i) {
    many.push_back(ip("10.8.0." + std::to_string(i)));
    many.push_back(ip("fd08::" + std::to_string(i)));
  }
  many.push_back(ip("10.9.0.2")), many.push_back(ip("fd09::2"));
  inside(pair.here, [&] {
    linux::Netlink netlink;
    netlink.set_source_filter(pair.index_here, many);
    netlink.send();
    const auto read = netlink.source_filter(pair.index_here);
    REQUIRE(read);
    CHECK(std::set(read->begin(), read->end()) == std::set(many.begin(), many.end()));
  });
  CHECK(first_to_arrive(pair, {ip("fd09::3")}, ip("fd09::2"), ip("fd09::1")) == "fd09::2");
  CHECK(first_to_arrive(pair, {ip("10.9.0.3")}, ip("10.9.0.2"), ip("10.9.0.1")) == "10.9.0.2");
}
