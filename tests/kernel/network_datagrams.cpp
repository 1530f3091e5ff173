// UDP along links and published ports, and packets with a forged source.
#include "linux/namespaces.hpp"
#include "network_rig.hpp"
#include "support/catch.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

namespace network = conductor::network;
namespace linux = conductor::linux;
using test::Fd;
using test::Rig;

namespace {

sockaddr_in socket_address(const std::string& address, int port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(static_cast<std::uint16_t>(port));
  inet_pton(AF_INET, address.c_str(), &result.sin_addr);
  return result;
}
const sockaddr* generic(const sockaddr_in& address) {
  return static_cast<const sockaddr*>(static_cast<const void*>(&address));
}

Fd receiver(const Fd& space, int port) {
  Fd socket;
  linux::in_network_namespace(space, [&] {
    socket = Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto address = socket_address("0.0.0.0", port);
    REQUIRE(::bind(socket.get(), generic(address), sizeof address) == 0);
  });
  return socket;
}

void send_datagram(const Fd& space, const std::string& to, int port) {
  linux::in_network_namespace(space, [&] {
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto address = socket_address(to, port);
    ::sendto(socket.get(), "x", 1, 0, generic(address), sizeof address);
  });
}

// With the address of somebody else as source, as a program with CAP_NET_RAW can.
void send_forged(const Fd& space, const std::string& from, const std::string& to, int port) {
  linux::in_network_namespace(space, [&] {
    const Fd socket(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
    std::array<char, sizeof(iphdr) + sizeof(udphdr) + 1> packet{};
    iphdr ip{};
    ip.version = 4;
    ip.ihl = 5;
    ip.ttl = 64;
    ip.protocol = IPPROTO_UDP;
    ip.saddr = socket_address(from, 0).sin_addr.s_addr;
    ip.daddr = socket_address(to, 0).sin_addr.s_addr;
    udphdr udp{};
    udp.source = htons(4000);
    udp.dest = htons(static_cast<std::uint16_t>(port));
    udp.len = htons(sizeof udp + 1);
    std::memcpy(packet.data(), &ip, sizeof ip);
    std::memcpy(packet.data() + sizeof ip, &udp, sizeof udp);
    const auto address = socket_address(to, 0);
    REQUIRE(::sendto(socket.get(), packet.data(), packet.size(), 0, generic(address), sizeof address) > 0);
  });
}

bool received(const Fd& socket, int milliseconds = 300) {
  pollfd p{socket.get(), POLLIN, 0};
  if (::poll(&p, 1, milliseconds) != 1) return false;
  char byte = 0;
  return ::recv(socket.get(), &byte, 1, 0) >= 0;
}

void add_default_route(const Fd& space) {
  linux::in_network_namespace(space, [] {
    linux::Netlink netlink;
    linux::Route route;
    route.prefix_length = 0;
    route.gateway = 0xa9fe0101;
    route.interface = netlink.link("eth0")->index;
    netlink.add_route(route);
    netlink.send();
  });
}

network::EndpointConfig linked_to(const std::string& peer, int port, network::Protocol protocol) {
  network::EndpointConfig config;
  network::Link link;
  link.peer = peer;
  link.first_port = port;
  link.protocol = protocol;
  config.links = {link};
  return config;
}

}  // namespace

TEST_CASE("datagrams follow links of their protocol") {
  NEEDS_NAMESPACES();
  Rig rig;
  rig.start("b");
  rig.start("udp", linked_to("b", 5000, network::Protocol::udp));
  rig.start("tcp", linked_to("b", 5000, network::Protocol::tcp));
  const auto socket = receiver(rig.space("b"), 5000);
  send_datagram(rig.space("udp"), rig.address("b"), 5000);
  CHECK(received(socket));
  send_datagram(rig.space("tcp"), rig.address("b"), 5000);
  CHECK_FALSE(received(socket));
}

TEST_CASE("a UDP port can be published") {
  NEEDS_NAMESPACES();
  Rig rig;
  network::EndpointConfig a;
  network::Publish p;
  p.host_port = 5300;
  p.container_port = 53;
  p.protocol = network::Protocol::udp;
  a.publish = {p};
  rig.start("a", a);
  const auto socket = receiver(rig.space("a"), 53);
  send_datagram(rig.neighbour(), test::host_on_uplink, 5300);
  CHECK(received(socket));
  send_datagram(rig.host(), test::host_on_uplink, 5300);
  CHECK(received(socket));
  send_datagram(rig.neighbour(), rig.address("a"), 53);
  CHECK_FALSE(received(socket));
}

TEST_CASE("routes a container gives itself and a forged source lead nowhere") {
  NEEDS_NAMESPACES();
  Rig rig;
  rig.start("b");
  rig.start("a", linked_to("b", 5000, network::Protocol::any));
  rig.start("c");
  const auto socket = receiver(rig.space("b"), 5000);
  rig.serve("b", 5000);
  send_forged(rig.space("a"), rig.address("a"), rig.address("b"), 5000);
  REQUIRE(received(socket));  // the packet is well made

  add_default_route(rig.space("c"));
  CHECK(rig.connect("c", "b", 5000) == test::Outcome::refused);
  send_forged(rig.space("c"), rig.address("a"), rig.address("b"), 5000);
  CHECK_FALSE(received(socket));
  send_forged(rig.neighbour(), rig.address("a"), rig.address("b"), 5000);
  CHECK_FALSE(received(socket));
  send_forged(rig.space("c"), test::neighbour_address, rig.address("b"), 5000);
  CHECK_FALSE(received(socket));
}

TEST_CASE("forwarding that was switched off for the whole host comes back with repair") {
  NEEDS_NAMESPACES();
  Rig rig;
  rig.start("b");
  rig.start("a", linked_to("b", 8080, network::Protocol::tcp));
  rig.serve("b", 8080);
  linux::write_kernel_file("/proc/sys/net/ipv4/ip_forward", "1");
  rig.network().repair();
  linux::write_kernel_file("/proc/sys/net/ipv4/ip_forward", "0");
  REQUIRE(rig.connect("a", "b", 8080) != test::Outcome::connected);
  rig.network().repair();
  CHECK(rig.connect("a", "b", 8080) == test::Outcome::connected);
}
