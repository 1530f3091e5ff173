// What a container with CAP_NET_RAW or a neighbour of the host can put on the wire, and that nothing of it arrives.
// Each attack carries a tag, and every namespace is searched for the tags; the same again without the table.
#include "linux/namespaces.hpp"
#include "linux/nftables.hpp"
#include "network_rig.hpp"
#include "network_rig_host.hpp"
#include "network_rig_packets.hpp"
#include "network_rig_probes.hpp"
#include "support/catch.hpp"

#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <set>

namespace network = conductor::network;
namespace linux = conductor::linux;
using test::address_bytes;
using test::big_endian;
using test::Fd;
using test::icmp_packet;
using test::ip_packet;
using test::IpOptions;
using test::Rig;
using test::tcp_packet;
using test::udp_packet;
using test::Wire;

namespace {

constexpr int open_port = 5000;    // a may open it at b
constexpr int service = 22;        // of the host, on all addresses, TCP and UDP; d may open it
constexpr int on_loopback = 3002;  // published by b on 127.0.0.1 alone
constexpr int settle_ms = 100;     // after the last packet that is known to be on its way
const std::string marker = "CDMARKER";
const std::string broadcast(6, '\xff');

network::PortRange ports(network::Protocol protocol, int port) {
  network::PortRange range;
  range.protocol = protocol;
  range.first = range.last = port;
  return range;
}

// a may open b:5000 and has the internet; b publishes; c has nothing and attacks; d may open the host's service and has
// the internet.
struct World {
  World() {
    network::EndpointConfig a, b, d;
    network::Link link;
    link.peer = "b";
    link.first_port = open_port;
    a.links = {link};
    a.internet = d.internet = true;
    network::Publish loopback;
    loopback.host_ip = "127.0.0.1";
    loopback.host_port = on_loopback;
    loopback.container_port = 8080;
    b.publish = {loopback};
    d.host_ports = {ports(network::Protocol::any, service)};
    rig.start("a", a);
    rig.start("b", b);
    rig.start("c");
    rig.start("d", d);
    for (const char* id : {"a", "b", "c", "d"}) wires[id] = std::make_unique<Wire>(rig.space(id), "eth0");
    wires["n"] = std::make_unique<Wire>(rig.neighbour(), "eth0");
    for (const char* id : {"a", "b", "c", "d"})
      gateways[id] = Wire(rig.host(), rig.network().find(id)->interface).mac();
    gateways["n"] = Wire(rig.host(), "up0").mac();
    services.push_back(receiver(AF_INET, "0.0.0.0"));
    services.push_back(receiver(AF_INET6, "::"));
  }

  Fd receiver(int family, const std::string& address) const {
    Fd socket;
    linux::in_network_namespace(rig.host(), [&] {
      socket = Fd(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      const int on = 1;
      if (family == AF_INET6) ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
      const test::SocketAddress own(address, service);
      REQUIRE(::bind(socket.get(), own.generic(), own.size()) == 0);
    });
    return socket;
  }

  std::string of(const std::string& id, bool v6) const { return v6 ? rig.address6(id) : rig.address(id); }

  Rig rig;
  std::map<std::string, std::unique_ptr<Wire>> wires;  // a to d, and the neighbour n
  std::map<std::string, std::string> gateways;         // the host's end of each
  std::vector<Fd> services;
};

struct Attack {
  std::string name, from;
  std::function<std::vector<std::string>(const std::string& tag)> frames;
};

// Collects the attacks of a world; packets go to the host's end of the attacker's wire.
class Attacks {
 public:
  explicit Attacks(const World& world) : world_(world) {}

  void frames(const std::string& from, const std::string& name,
              std::function<std::vector<std::string>(const std::string&)> make) {
    all.push_back({from + ": " + name, from, std::move(make)});
  }
  void packet(const std::string& from, const std::string& name, std::function<std::string(const std::string&)> make) {
    const auto to = world_.gateways.at(from), own = world_.wires.at(from)->mac();
    frames(from, name, [=](const std::string& tag) { return std::vector{test::frame(to, own, make(tag))}; });
  }
  void datagram(const std::string& from, const std::string& name, const std::string& source, const std::string& target,
                int port, int source_port = 4000) {
    packet(from, name, [=](const std::string& tag) { return udp_packet(source, target, source_port, port, tag); });
  }

  std::vector<Attack> all;

 private:
  const World& world_;
};

std::string with(const char* name, bool v6) { return std::string(name) + (v6 ? ", IPv6" : ""); }

// Addresses that are somebody else's.
void add_forged_sources(const World& w, Attacks& attacks, bool v6) {
  const std::string b = w.of("b", v6), outside = v6 ? test::neighbour_address6 : test::neighbour_address;
  const std::string host = v6 ? w.rig.host6() : test::host_to_endpoints;
  const std::string uplink = v6 ? test::host_on_uplink6 : test::host_on_uplink;
  const std::string loopback = v6 ? "::1" : "127.0.0.1";
  attacks.datagram("c", with("source of the peer", v6), w.of("a", v6), b, open_port);
  attacks.datagram("c", with("source of the host", v6), host, b, open_port);
  attacks.datagram("c", with("source of the uplink", v6), uplink, b, open_port);
  attacks.datagram("c", with("source of a neighbour", v6), outside, b, open_port);
  attacks.datagram("c", with("source of one with internet", v6), w.of("d", v6), outside, 80);
  attacks.datagram("c", with("source of one that may use the service", v6), w.of("d", v6), host, service);
  attacks.datagram("c", with("source on loopback", v6), loopback, host, service);
  attacks.datagram("c", with("source on loopback, to the uplink", v6), loopback, uplink, service);
  attacks.datagram("c", with("destination on loopback", v6), w.of("c", v6), loopback, service);
  attacks.datagram("c", with("a name server's answer", v6), outside, w.of("d", v6), 4000, 53);
  attacks.datagram("a", with("source of another, by one that is linked", v6), w.of("d", v6), b, open_port);
  attacks.datagram("c", with("no source", v6), v6 ? "::" : "0.0.0.0", b, open_port);
  attacks.packet("c", with("SYN with the source of the peer", v6),
                 [=, a = w.of("a", v6)](const std::string& tag) { return tcp_packet(a, b, 4000, open_port, 2, tag); });
  attacks.packet("c", with("echo request with the source of the peer", v6),
                 [=, a = w.of("a", v6)](const std::string& tag) {
                   return icmp_packet(a, b, v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO, 0, big_endian(1, 4) + tag);
                 });
}

// With one's own address, but not declared.
void add_undeclared(const World& w, Attacks& attacks, bool v6) {
  const std::string a = w.of("a", v6), b = w.of("b", v6), c = w.of("c", v6);
  const std::string host = v6 ? w.rig.host6() : test::host_to_endpoints;
  attacks.datagram("c", with("no link", v6), c, b, open_port);
  attacks.datagram("a", with("another port than the link's", v6), a, b, open_port + 1);
  attacks.datagram("b", with("back along the link, from its port", v6), b, a, 4001, open_port);
  attacks.datagram("c", with("the host's service", v6), c, host, service);
  attacks.datagram("c", with("published ports through the host", v6), c,
                   v6 ? test::host_on_uplink6 : test::host_on_uplink, on_loopback);
  constexpr std::pair<const char*, int> segments[] = {{"SYN", 0x02},     {"ACK", 0x10}, {"RST", 0x04},
                                                      {"SYN ACK", 0x12}, {"FIN", 0x01}, {"no flags", 0},
                                                      {"RST ACK", 0x14}};
  for (const auto& [name, flags] : segments) {
    const int bits = flags;
    attacks.packet("a", with("to an undeclared port, TCP ", v6) + name,
                   [=](const std::string& tag) { return tcp_packet(a, b, 4002, service, bits, tag); });
    attacks.packet("c", with("without a link, TCP ", v6) + name,
                   [=](const std::string& tag) { return tcp_packet(c, b, 4002, open_port, bits, tag); });
  }
  // SCTP, UDP-Lite, GRE, ESP, AH, IGMP, OSPF, and what has no name.
  for (const int protocol : {132, 136, 47, 50, 51, 2, 89, 253})
    attacks.packet("a", with("protocol ", v6) + std::to_string(protocol), [=](const std::string& tag) {
      return ip_packet(a, b, protocol, test::udp_header(4000, open_port, tag));
    });
  attacks.packet("c", with("a tunnel to the host", v6), [=](const std::string& tag) {
    return ip_packet(c, host, v6 ? IPPROTO_IPV6 : IPPROTO_IPIP, udp_packet(a, b, 4000, open_port, tag));
  });
}

void add_ipv4_tricks(const World& w, Attacks& attacks) {
  const std::string a = w.of("a", false), b = w.of("b", false), c = w.of("c", false);
  const std::string host = test::host_to_endpoints;
  IpOptions last_hop, source_route, record_route, first, second;
  last_hop.hops = 1;
  source_route.v4_options = std::string("\x83\x07\x04", 3) + address_bytes(b) + std::string(1, '\0');
  record_route.v4_options = std::string("\x07\x07\x04", 3) + std::string(5, '\0');
  first.v4_fragment = 0x2000;  // more fragments follow
  second.v4_fragment = 1;      // the second eight bytes
  const auto udp = [=](const std::string& source, const std::string& target, const IpOptions& options) {
    return [=](const std::string& tag) { return udp_packet(source, target, 4000, open_port, tag, options); };
  };
  attacks.packet("c", "loose source routing through the host", udp(c, host, source_route));
  attacks.packet("c", "a source route with the peer's address", udp(a, host, source_route));
  attacks.packet("c", "record route", udp(c, b, record_route));
  attacks.packet("c", "the last hop", udp(c, b, last_hop));
  attacks.packet("c", "to everybody", udp(c, "255.255.255.255", {}));
  attacks.packet("c", "to a group", udp(c, "224.0.0.1", {}));
  attacks.packet("c", "a group as source", udp("224.0.0.1", b, {}));
  attacks.packet("c", "a second fragment alone",
                 [=](const std::string& tag) { return ip_packet(c, b, IPPROTO_UDP, tag, second); });
  const auto to = w.gateways.at("a"), own = w.wires.at("a")->mac();
  // The first says the link's port, the second overwrites it.
  attacks.frames("a", "fragments that overlap", [=](const std::string& tag) {
    IpOptions overlapping;
    overlapping.v4_fragment = 0;
    return std::vector{
        test::frame(to, own, ip_packet(a, b, IPPROTO_TCP, big_endian(0x0fa01388U, 4) + big_endian(0, 4), first)),
        test::frame(to, own, ip_packet(a, b, IPPROTO_TCP, big_endian(0x0fa00016U, 4) + tag, overlapping))};
  });
  attacks.packet("c", "redirect", [=](const std::string& tag) {
    return icmp_packet(host, test::host_on_uplink, ICMP_REDIRECT, 1,
                       address_bytes(c) + udp_packet(test::host_on_uplink, test::neighbour_address, 1, 1, tag));
  });
  attacks.packet("c", "a redirect with one's own address", [=](const std::string& tag) {
    return icmp_packet(c, host, ICMP_REDIRECT, 1,
                       address_bytes(c) + udp_packet(host, test::neighbour_address, 1, 1, tag));
  });
}

void add_link_layer(const World& w, Attacks& attacks) {
  const auto own = w.wires.at("c")->mac(), gateway = w.gateways.at("c");
  const std::string a = w.of("a", false), b = w.of("b", false), c = w.of("c", false);
  for (const int operation : {1, 2})
    for (const auto& claimed : {a, std::string(test::host_to_endpoints), std::string(test::neighbour_address)})
      attacks.frames("c", "ARP claims " + claimed, [=](const std::string& tag) {
        return std::vector{test::frame(
            broadcast, own, test::arp_packet(operation, own, claimed, broadcast, claimed) + tag, ETHERTYPE_ARP)};
      });
  attacks.frames("c", "the victim's own link-layer address", [=, to = w.wires.at("b")->mac()](const std::string& tag) {
    return std::vector{test::frame(to, own, udp_packet(a, b, 4000, open_port, tag))};
  });
  attacks.frames("c", "a VLAN", [=](const std::string& tag) {
    return std::vector{test::frame(
        gateway, own, big_endian(1, 2) + big_endian(ETHERTYPE_IP, 2) + udp_packet(a, b, 4000, open_port, tag),
        ETHERTYPE_VLAN)};
  });
  attacks.frames("c", "IPv4 that says it is IPv6", [=](const std::string& tag) {
    return std::vector{test::frame(gateway, own, udp_packet(a, b, 4000, open_port, tag), ETHERTYPE_IPV6)};
  });
}

void add_ipv6_tricks(const World& w, Attacks& attacks) {
  const std::string a = w.of("a", true), b = w.of("b", true), c = w.of("c", true), host = w.rig.host6();
  const std::string udp_type = big_endian(IPPROTO_UDP, 1), link_local = "fe80::bad", everybody = "ff02::1";
  const auto own = w.wires.at("c")->mac();
  IpOptions whole_way;
  whole_way.hops = 255;
  attacks.packet("c", "routing header of type 0", [=](const std::string& tag) {
    const auto header =
        udp_type + big_endian(2, 1) + big_endian(0, 1) + big_endian(1, 1) + big_endian(0, 4) + address_bytes(b);
    return ip_packet(c, host, IPPROTO_ROUTING, header + test::udp_header(4000, open_port, tag));
  });
  attacks.packet("c", "destination options before UDP", [=](const std::string& tag) {
    return ip_packet(
        c, b, IPPROTO_DSTOPTS,
        udp_type + big_endian(0, 1) + std::string("\1\4\0\0\0\0", 6) + test::udp_header(4000, open_port, tag));
  });
  attacks.packet("a", "options that hide another port", [=](const std::string& tag) {
    return ip_packet(
        a, b, IPPROTO_DSTOPTS,
        udp_type + big_endian(0, 1) + std::string("\1\4\0\0\0\0", 6) + test::udp_header(4000, service, tag));
  });
  attacks.packet("c", "hop-by-hop options", [=](const std::string& tag) {
    return ip_packet(
        c, b, IPPROTO_HOPOPTS,
        udp_type + big_endian(0, 1) + std::string("\5\2\0\0\1\0", 6) + test::udp_header(4000, open_port, tag));
  });
  attacks.packet("c", "a second fragment alone, IPv6", [=](const std::string& tag) {
    return ip_packet(c, b, IPPROTO_FRAGMENT, udp_type + big_endian(0, 1) + big_endian(8, 2) + big_endian(7, 4) + tag);
  });
  attacks.packet("c", "to everybody on the link",
                 [=](const std::string& tag) { return udp_packet(c, everybody, 4000, service, tag); });
  attacks.packet("c", "from a link-local address",
                 [=](const std::string& tag) { return udp_packet(link_local, b, 4000, open_port, tag); });
  attacks.packet("c", "from a link-local address to the host",
                 [=](const std::string& tag) { return udp_packet(link_local, host, 4000, service, tag); });
  const auto option = [=](int type) {
    return big_endian(static_cast<std::uint64_t>(type), 1) + big_endian(1, 1) + own;
  };
  attacks.packet("c", "neighbour advertisement for the peer", [=](const std::string& tag) {
    return icmp_packet(a, host, ND_NEIGHBOR_ADVERT, 0, big_endian(0x60000000U, 4) + address_bytes(a) + option(2) + tag,
                       whole_way);
  });
  attacks.packet("c", "neighbour solicitation with an address of its own", [=](const std::string& tag) {
    return icmp_packet(link_local, everybody, ND_NEIGHBOR_SOLICIT, 0,
                       big_endian(0, 4) + address_bytes(host) + option(1) + tag, whole_way);
  });
  attacks.packet("c", "router advertisement", [=](const std::string&) {
    // 64 hops, a lifetime of half an hour, and a prefix to take an address of.
    const auto prefix = big_endian(3, 1) + big_endian(4, 1) + big_endian(64, 1) + big_endian(0xc0, 1) +
                        big_endian(86400, 4) + big_endian(86400, 4) + big_endian(0, 4) +
                        address_bytes("2001:db8:bad::");
    return icmp_packet(link_local, everybody, ND_ROUTER_ADVERT, 0,
                       big_endian(0x40000708U, 4) + big_endian(0, 8) + option(1) + prefix, whole_way);
  });
  attacks.packet("c", "redirect, IPv6", [=](const std::string&) {
    return icmp_packet(link_local, host, ND_REDIRECT, 0,
                       big_endian(0, 4) + address_bytes(link_local) + address_bytes(test::neighbour_address6),
                       whole_way);
  });
}

void add_neighbours(const World& w, Attacks& attacks, bool v6) {
  const std::string a = w.of("a", v6), b = w.of("b", v6);
  const std::string own = v6 ? test::neighbour_address6 : test::neighbour_address;
  const std::string uplink = v6 ? test::host_on_uplink6 : test::host_on_uplink;
  const std::string loopback = v6 ? "::1" : "127.0.0.1";
  attacks.datagram("n", with("to a container", v6), own, a, 80);
  attacks.datagram("n", with("to the port behind a published one", v6), own, b, 8080);
  attacks.datagram("n", with("to loopback, with our link-layer address", v6), own, loopback, service);
  attacks.datagram("n", with("from loopback", v6), loopback, uplink, service);
  attacks.datagram("n", with("source of a container, to its peer", v6), a, b, open_port);
  attacks.datagram("n", with("source of a container, to the host", v6), w.of("d", v6), uplink, service);
  attacks.datagram("n", with("source of the host towards containers", v6), v6 ? w.rig.host6() : test::host_to_endpoints,
                   b, open_port);
  attacks.datagram("n", with("an answer nobody asked for", v6), own, a, 4000, 53);
  for (const int flags : {0x02, 0x10, 0x04, 0x12})
    attacks.packet("n", with("TCP to a container, flags ", v6) + std::to_string(flags),
                   [=](const std::string& tag) { return tcp_packet(own, b, 4000, 8080, flags, tag); });
  attacks.packet("n", with("an error about nothing", v6), [=](const std::string& tag) {
    return icmp_packet(own, a, v6 ? ICMP6_DST_UNREACH : ICMP_DEST_UNREACH, 1,
                       big_endian(0, 4) + udp_packet(a, own, 4000, 80, tag));
  });
}

std::vector<Attack> all_attacks(const World& world) {
  Attacks attacks(world);
  std::vector<bool> families{false};
  if (world.rig.ipv6()) families.push_back(true);
  for (const bool v6 : families) {
    add_forged_sources(world, attacks, v6);
    add_undeclared(world, attacks, v6);
    add_neighbours(world, attacks, v6);
  }
  add_ipv4_tricks(world, attacks);
  add_link_layer(world, attacks);
  if (world.rig.ipv6()) add_ipv6_tricks(world, attacks);
  return attacks.all;
}

std::string tag_of(std::size_t number) { return "CDATTACK" + std::to_string(10000 + number); }

// Errors that our host sends quote the packet they are about; those are no packet that passed.
bool is_quotation(const std::string& frame) {
  const auto byte = [&](std::size_t at) { return at < frame.size() ? static_cast<unsigned char>(frame[at]) : 0U; };
  if (byte(12) == 0x08 && byte(13) == 0) {
    const auto header = 14 + (byte(14) & 0xfU) * 4U;
    return byte(23) == IPPROTO_ICMP && (byte(header) == ICMP_DEST_UNREACH || byte(header) == ICMP_TIME_EXCEEDED ||
                                        byte(header) == ICMP_PARAMETERPROB);
  }
  return byte(12) == 0x86 && byte(13) == 0xdd && byte(20) == IPPROTO_ICMPV6 && byte(54) < ICMP6_ECHO_REQUEST;
}

// Something the host may send to everybody, so that what was sent before has arrived or never will.
void send_marker(const World& world, const std::string& to) {
  linux::in_network_namespace(world.rig.host(), [&] {
    const test::SocketAddress target(to, 4999);
    const Fd socket(::socket(target.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
    REQUIRE(::sendto(socket.get(), marker.data(), marker.size(), 0, target.generic(), target.size()) > 0);
  });
}

// What came in on a wire; waits for the marker when there is one to come.
std::vector<std::string> drained(const Wire& wire, bool marked) {
  std::vector<std::string> frames;
  if (marked) do
      frames.push_back(wire.receive(5000));
    while (!frames.back().empty() && frames.back().find(marker) == std::string::npos);
  if (marked) CHECK_FALSE(frames.back().empty());
  for (std::string next = wire.receive(settle_ms); !next.empty(); next = wire.receive(settle_ms))
    frames.push_back(next);
  return frames;
}

void search(const std::string& bytes, const std::string& where, const std::vector<Attack>& attacks,
            std::set<std::string>& arrived) {
  for (std::size_t i = 0; i < attacks.size(); ++i)
    if (bytes.find(tag_of(i)) != std::string::npos) arrived.insert(attacks[i].name + ", seen by " + where);
}

// The attacks that reached anybody.
std::set<std::string> arrivals(const World& world, const std::vector<Attack>& attacks, bool host_reaches) {
  for (std::size_t i = 0; i < attacks.size(); ++i)
    for (const auto& bytes : attacks[i].frames(tag_of(i))) world.wires.at(attacks[i].from)->send(bytes);
  std::set<std::string> arrived;
  for (const auto& [id, wire] : world.wires) {
    send_marker(world, id == "n" ? test::neighbour_address : world.rig.address(id));
    for (const auto& bytes : drained(*wire, host_reaches || id == "n"))
      if (!is_quotation(bytes)) search(bytes, id, attacks, arrived);
  }
  for (const auto& socket : world.services) {
    std::array<char, 2048> data{};
    for (ssize_t n = 0; (n = ::recv(socket.get(), data.data(), data.size(), 0)) >= 0;)
      search({data.data(), static_cast<std::size_t>(n)}, "a service of the host", attacks, arrived);
  }
  return arrived;
}

// Neighbour entries of the host's ends, which are permanent.
std::vector<std::string> neighbour_entries(const World& world) {
  std::vector<std::string> lines;
  for (const char* id : {"a", "b", "c", "d"})
    for (const char* family : {"-4", "-6"})
      lines.push_back(test::output_of({"ip", family, "neigh", "show", "dev", world.rig.network().find(id)->interface}));
  return lines;
}

}  // namespace

TEST_CASE("forged packets reach nobody and change nothing") {
  NEEDS_NAMESPACES();
  World world;
  const auto attacks = all_attacks(world);
  REQUIRE(attacks.size() >= 24);

  // Well made: what is declared does arrive when it is sent in the same way.
  Attacks declared(world);
  for (const bool v6 : {false, true}) {
    if (v6 && !world.rig.ipv6()) continue;
    declared.datagram("a", with("along the link", v6), world.of("a", v6), world.of("b", v6), open_port);
    declared.datagram("d", with("to the host's service", v6), world.of("d", v6),
                      v6 ? world.rig.host6() : test::host_to_endpoints, service);
    declared.datagram("n", with("to the host", v6), v6 ? test::neighbour_address6 : test::neighbour_address,
                      v6 ? test::host_on_uplink6 : test::host_on_uplink, service);
  }
  const auto arrived = arrivals(world, declared.all, true);
  CAPTURE(arrived);
  CHECK(arrived.size() == declared.all.size());

  const auto before = test::host_state();
  const auto entries = neighbour_entries(world);
  CHECK(arrivals(world, attacks, true) == std::set<std::string>{});
  CHECK(test::host_state() == before);
  CHECK(neighbour_entries(world) == entries);

  linux::run_nft("delete table inet conductor");
  CHECK(arrivals(world, attacks, true) == std::set<std::string>{});
  CHECK(neighbour_entries(world) == entries);
  world.rig.network().repair();
  CHECK(test::host_state() == before);
}

TEST_CASE("what is published on loopback is not for neighbours") {
  NEEDS_NAMESPACES();
  World world;
  const auto listeners = world.rig.network().listen(*world.rig.network().find("b"));
  CHECK(world.rig.connect(world.rig.host(), "127.0.0.1", on_loopback) == test::Outcome::connected);
  for (const bool table : {true, false}) {
    if (!table) linux::run_nft("flush ruleset");
    CHECK(world.rig.connect(world.rig.neighbour(), test::host_on_uplink, on_loopback) == test::Outcome::refused);
    if (world.rig.ipv6())
      CHECK(world.rig.connect(world.rig.neighbour(), test::host_on_uplink6, on_loopback) == test::Outcome::refused);
  }
}

TEST_CASE("no interface of ours takes router advertisements or routes loopback addresses") {
  NEEDS_NAMESPACES();
  World world;
  for (const char* id : {"a", "b", "c", "d"}) {
    const auto interface = world.rig.network().find(id)->interface;
    CHECK(test::read_setting(interface, "route_localnet") == "0");
    CHECK(test::read_setting(interface, "rp_filter") == "1");
    const auto v6 = linux::try_read_file("/proc/sys/net/ipv6/conf/" + interface + "/accept_ra");
    if (v6) CHECK(v6->substr(0, 1) == "0");
  }
  CHECK(test::read_setting("all", "route_localnet") == "0");
}
