// Tracked connections: listed, observed, forgotten by address.
#include "linux/conntrack.hpp"
#include "linux/nftables.hpp"
#include "linux_net_rig.hpp"
#include "support/catch.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <chrono>
#include <thread>

using namespace test;
namespace linux = conductor::linux;

namespace {

const std::vector<linux::IpPrefix> ranges{*linux::parse_prefix("10.9.0.0/24"), *linux::parse_prefix("fd09::/64")};

// Tracking is on where a rule asks for it.
void track(const Pair& pair) {
  inside(pair.here, [&] {
    linux::run_nft(
        "table inet t { chain i { type filter hook input priority 0; ct state new accept; }\n"
        "chain o { type filter hook output priority 0; ct state new accept; }\n}\n");
  });
}

// Opens a UDP connection from here to there and waits for its arrival.
void open_connection(const Pair& pair, const IpAddress& from, const IpAddress& to, int port) {
  Fd server;
  inside(pair.there, [&] { server = udp_socket(to, port); });
  inside(pair.here, [&] { send_to(udp_socket(from, 0), to, port); });
  REQUIRE(receive_within(server, 2000) == "x");
}

std::vector<int> ports_tracked(const Pair& pair) {
  std::vector<int> ports;
  inside(pair.here, [&] {
    for (const auto& connection : linux::connections(ranges)) ports.push_back(connection.destination_port);
  });
  std::sort(ports.begin(), ports.end());
  return ports;
}

}  // namespace

TEST_CASE("connections of an address are forgotten, those of others stay") {
  if (!can_make_network_spaces()) SKIP_TEST("needs root and network namespaces");
  const Pair pair;
  track(pair);
  inside(pair.there, [&] {
    linux::Netlink netlink;
    netlink.add_address(pair.index_there, ip("10.9.0.3"), 24);
    netlink.send();
  });
  inside(pair.here, [&] {
    linux::Netlink netlink;
    netlink.add_neighbour(pair.index_here, ip("10.9.0.3"), mac_there);
    netlink.send();
  });
  open_connection(pair, ip("10.9.0.1"), ip("10.9.0.2"), 1001);
  open_connection(pair, ip("10.9.0.1"), ip("10.9.0.3"), 1002);
  open_connection(pair, ip("fd09::1"), ip("fd09::2"), 1003);
  CHECK(ports_tracked(pair) == std::vector{1001, 1002, 1003});
  inside(pair.here, [&] { linux::forget_connections(ip("10.9.0.3"), ip("10.9.0.2")); });
  CHECK(ports_tracked(pair) == std::vector{1001, 1002, 1003});
  inside(pair.here, [&] { linux::forget_connections(ip("10.9.0.2")); });  // it answers
  CHECK(ports_tracked(pair) == std::vector{1002, 1003});
  inside(pair.here, [&] { linux::forget_connections(ip("10.9.0.3"), ip("10.9.0.1")); });
  CHECK(ports_tracked(pair) == std::vector{1003});
  inside(pair.here, [&] { linux::forget_connections(ip("fd09::1")); });  // it has opened
  CHECK(ports_tracked(pair) == std::vector<int>{});
}

TEST_CASE("a connection that was translated belongs to the address behind") {
  if (!can_make_network_spaces()) SKIP_TEST("needs root and network namespaces");
  const Pair pair;
  inside(pair.here, [&] {
    linux::run_nft(
        "table inet t { chain o { type nat hook output priority -100; ip daddr 10.9.0.1 udp dport 2000 dnat ip to "
        "10.9.0.2:2001; }\n}\n");
  });
  Fd server;
  inside(pair.there, [&] { server = udp_socket(ip("10.9.0.2"), 2001); });
  inside(pair.here, [&] {
    send_to(udp_socket(ip("0.0.0.0"), 0), ip("10.9.0.1"), 2000);
    const auto found = linux::connections(ranges);
    REQUIRE(found.size() == 1);
    CHECK(found[0].protocol == IPPROTO_UDP);
    CHECK(found[0].destination == ip("10.9.0.1"));
    CHECK(found[0].destination_port == 2000);
    CHECK(found[0].translated_destination == ip("10.9.0.2"));
    CHECK(found[0].translated_port == 2001);
    linux::forget_connections(ip("10.9.0.2"));
    CHECK(linux::connections(ranges).empty());
  });
  CHECK(receive_within(server, 2000) == "x");
}

TEST_CASE("new connections are observed until somebody says stop") {
  if (!can_make_network_spaces()) SKIP_TEST("needs root and network namespaces");
  const Pair pair;
  track(pair);
  const auto stop = linux::make_pipe();
  std::vector<linux::Connection> seen;
  linux::Observation observation;
  std::thread observer([&] {
    inside(pair.here, [&] {
      observation = linux::observe_connections(ranges, 10000, stop.read.get(), [&](const linux::Connection& c) {
        seen.push_back(c);
        if (c.destination_port == 1005) linux::write_all(stop.write.get(), "x");
      });
    });
  });
  // Until the observer listens nothing is told: new ones again and again.
  Fd server;
  inside(pair.there, [&] { server = udp_socket(ip("fd09::2"), 1005); });
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (!linux::wait_readable(stop.read.get(), 20) && std::chrono::steady_clock::now() < deadline)
    inside(pair.here, [&] { send_to(udp_socket(ip("fd09::1"), 0), ip("fd09::2"), 1005); });
  linux::write_all(stop.write.get(), "x");
  observer.join();
  CHECK(observation.complete);
  REQUIRE_FALSE(seen.empty());
  CHECK(seen[0].destination == ip("fd09::2"));
  CHECK(seen[0].protocol == IPPROTO_UDP);
}

TEST_CASE("an observation ends in time, and is of the ranges alone") {
  if (!can_make_network_spaces()) SKIP_TEST("needs root and network namespaces");
  const Pair pair;
  const auto stop = linux::make_pipe();
  const auto start = std::chrono::steady_clock::now();
  inside(pair.here,
         [&] { CHECK(linux::observe_connections(ranges, 30, stop.read.get(), [](const auto&) {}).complete); });
  CHECK(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(30));
}
