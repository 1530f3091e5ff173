// Texts: hosts and resolver files, published ports, /proc/net.
#include "base/error.hpp"
#include "network/names.hpp"
#include "network/port_holder.hpp"
#include "network/ports.hpp"
#include "support/catch.hpp"

using namespace conductor::network;
namespace linux = conductor::linux;

namespace {

Endpoint endpoint(const std::string& id, linux::Ipv4 address, bool attached = true) {
  Endpoint e;
  e.id = id;
  e.address = address;
  e.config.names = {id};
  if (attached) e.interface = "cdr" + id;
  return e;
}

Link link_to(const std::string& peer, const std::string& alias = {}) {
  Link link;
  link.peer = peer;
  link.alias = alias;
  return link;
}

Membership member(const std::string& network, const std::vector<std::string>& aliases) {
  Membership membership;
  membership.network = network;
  membership.aliases = aliases;
  return membership;
}

Settings v4() { return {}; }
Settings v6() {
  Settings settings;
  settings.subnet6 = *linux::parse_ip("fd00:1:2:3::");
  return settings;
}

constexpr const char* localhost = "127.0.0.1\tlocalhost\n";

}  // namespace

TEST_CASE("hosts lists itself, peers it may reach and extra hosts") {
  auto a = endpoint("a", 0x0ae70002);
  auto b = endpoint("b", 0x0ae70003), c = endpoint("c", 0x0ae70004);
  b.config.names = {"p-b-1", "b.local"};
  b.config.groups = {"p/b"};
  a.config.links = {link_to("p/b", "database")};
  a.config.extra_hosts = {{"printer", "192.0.2.7"}, {"host.docker.internal", "host-gateway"}};
  CHECK(hosts_text(v4(), a, {a, b, c}) == std::string(localhost) +
                                              "10.231.0.2\ta\n"
                                              "10.231.0.3\tdatabase p-b-1 b.local b\n"
                                              "192.0.2.7\tprinter\n"
                                              "169.254.1.1\thost.docker.internal\n");
  CHECK(hosts_text(v4(), b, {a, b, c}) == std::string(localhost) + "10.231.0.3\tp-b-1 b.local b\n");
}

TEST_CASE("with IPv6 every name has two addresses, localhost too") {
  auto a = endpoint("a", 0x0ae70002);
  const auto b = endpoint("b", 0x0ae70003);
  a.config.links = {link_to("b")};
  CHECK(hosts_text(v6(), a, {a, b}) ==
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
        "10.231.0.2\ta\nfd00:1:2:3::ae7:2\ta\n"
        "10.231.0.3\tb\nfd00:1:2:3::ae7:3\tb\n");
}

TEST_CASE("of a group the attached members are listed, all while none is; by name always") {
  auto a = endpoint("a", 0x0ae70002);
  auto up = endpoint("up", 0x0ae70003), down = endpoint("down", 0x0ae70004, false);
  up.config.groups = down.config.groups = {"p/web"};
  a.config.links = {link_to("p/web")};
  CHECK_THAT(hosts_text(v4(), a, {a, up, down}), Contains("10.231.0.3\tup web\n") && !Contains("down"));
  up.interface.clear();
  CHECK_THAT(hosts_text(v4(), a, {a, up, down}), Contains("10.231.0.3\tup web\n10.231.0.4\tdown web\n"));
  a.config.links.front().peer = "down";
  up.interface = "cdrup";
  CHECK_THAT(hosts_text(v4(), a, {a, up, down}), Contains("10.231.0.4\tdown web\n") && !Contains("10.231.0.3"));
}

TEST_CASE("nobody sees a name that does not lead anywhere") {
  auto a = endpoint("a", 0x0ae70002), b = endpoint("b", 0x0ae70003);
  a.config.scope = "one";
  b.config.scope = "two";
  a.config.links = {link_to("b", "database")};
  CHECK_THAT(hosts_text(v4(), a, {a, b}), !Contains("10.231.0.3"));  // b does not allow it
  b.config.allow_peers = {"*"};
  CHECK_THAT(hosts_text(v4(), a, {a, b}), Contains("10.231.0.3\tdatabase b\n"));
  CHECK_THAT(hosts_text(v4(), b, {a, b}), !Contains("10.231.0.2\ta\n10"));
}

TEST_CASE("members of a network see each other under the aliases of that network") {
  auto a = endpoint("a", 0x0ae70002), b = endpoint("b", 0x0ae70003), c = endpoint("c", 0x0ae70004);
  a.config.networks = {member("front", {"me"})};
  b.config.networks = {member("front", {"shop"}), member("back", {"store"})};
  c.config.networks = {member("back", {})};
  CHECK_THAT(hosts_text(v4(), a, {a, b, c}), Contains("10.231.0.3\tb shop\n") && !Contains("10.231.0.4"));
  CHECK_THAT(hosts_text(v4(), a, {a, b, c}), Contains("10.231.0.2\ta me\n"));
  CHECK_THAT(hosts_text(v4(), b, {a, b, c}), Contains("10.231.0.3\tb shop store\n"));
  CHECK_THAT(hosts_text(v4(), c, {a, b, c}), Contains("10.231.0.3\tb store\n") && !Contains("10.231.0.2"));
  // A network for names alone: they are seen by those who reach it anyway.
  a.config.networks.front().reach = b.config.networks.front().reach = false;
  CHECK_THAT(hosts_text(v4(), a, {a, b, c}), !Contains("10.231.0.3"));
  a.config.links = {link_to("b")};
  CHECK_THAT(hosts_text(v4(), a, {a, b, c}), Contains("10.231.0.3\tb shop\n"));
}

TEST_CASE("name servers of a resolver file") {
  CHECK(parse_name_servers("# x\nsearch example.org\nnameserver 192.0.2.1\n  nameserver\t2001:db8::1 # six\n"
                           "nameserver 192.0.2.1\nnameserverx 1.2.3.4\nnameserver\noptions edns0\n"
                           "nameserver 127.0.0.53") ==
        std::vector<std::string>{"192.0.2.1", "2001:db8::1", "127.0.0.53"});
  CHECK(reachable_servers({"127.0.0.53", "::1", "2001:db8::1", "192.0.2.1", "words", "fe80::1", "fe80::1%eth0"}) ==
        std::vector<std::string>{"2001:db8::1", "192.0.2.1"});
}

TEST_CASE("the resolver file of an endpoint") {
  auto a = endpoint("a", 0x0ae70002);
  CHECK(resolver_text(v4(), a, {"192.0.2.1"}) == "# no name server: this container has no internet\n");
  a.config.internet = true;
  CHECK(resolver_text(v4(), a, {"192.0.2.1", "192.0.2.2"}) == "nameserver 192.0.2.1\nnameserver 192.0.2.2\n");
  CHECK(resolver_text(v4(), a, {"2001:db8::1", "192.0.2.2"}) == "nameserver 192.0.2.2\n");
  CHECK(resolver_text(v6(), a, {"2001:db8::1", "192.0.2.2"}) == "nameserver 2001:db8::1\nnameserver 192.0.2.2\n");
  CHECK_THAT(resolver_text(v4(), a, {}), Contains("# no name server"));
  a.config.dns = {"192.0.2.3"};
  CHECK(resolver_text(v4(), a, {"192.0.2.1"}) == "nameserver 192.0.2.3\n");
  a.config.internet = false;
  a.config.dns_search = {"example.org", "lan"};
  a.config.dns_options = {"ndots:2"};
  CHECK(resolver_text(v4(), a, {}) == "nameserver 192.0.2.3\nsearch example.org lan\noptions ndots:2\n");
}

TEST_CASE("who may reach named hosts has a resolver of its own") {
  auto a = endpoint("a", 0x0ae70002);
  a.config.internet_to = {{"192.0.2.0/24", {}},
                          {"*.example.org", {Protocol::tcp, 443, 443}},
                          {"api.example.net", {}},
                          {"api.example.net", {Protocol::tcp, 22, 22}},
                          {"2001:db8::1", {}}};
  CHECK(named_destinations(a.config) == std::vector<std::string>{"*.example.org", "api.example.net"});
  a.config.dns = {"192.0.2.3"};  // it is the resolver that asks that one
  CHECK(resolver_text(v4(), a, {"192.0.2.1"}) == "nameserver 127.0.0.11\n");
  a.config.internet_to.erase(a.config.internet_to.begin() + 1, a.config.internet_to.end() - 1);
  CHECK(resolver_text(v4(), a, {"192.0.2.1"}) == "nameserver 192.0.2.3\n");
}

TEST_CASE("published ports that cannot be meant are refused") {
  const auto refused = [](const std::vector<Publish>& ports) {
    try {
      validate_ports(ports);
    } catch (const conductor::base::Error& e) {
      return e.message();
    }
    return std::string();
  };
  const auto port = [](const std::string& ip, int host, int inside, int count = 1, Protocol protocol = Protocol::tcp) {
    return Publish{ip, host, inside, count, protocol};
  };
  CHECK(refused({port("", 80, 8080), port("", 80, 8080, 1, Protocol::udp), port("", 81, 8080)}).empty());
  CHECK(refused({port("127.0.0.1", 80, 8080), port("192.0.2.1", 80, 8081), port("::1", 80, 8080)}).empty());
  CHECK(refused({port("", 0, 8080), port("", 0, 8081)}).empty());
  CHECK_THAT(refused({port("", 80, 8080), port("", 80, 8081)}), Contains("port 80/tcp is published twice"));
  CHECK_THAT(refused({port("", 8000, 80, 1000), port("::1", 8999, 80)}), Contains("[::1]:8999/tcp is published twice"));
  CHECK_THAT(refused({port("", 65535, 80, 2)}), Contains("ports are 1 to 65535"));
  CHECK_THAT(refused({port("words", 80, 80)}), Contains("no IP address"));
  auto alone = port("192.0.2.1", 80, 80);
  alone.scope = PublishScope::loopback;
  CHECK_THAT(refused({alone}), Contains("publish_scope is loopback"));
}

TEST_CASE("where the monitor listens follows from the scope") {
  const auto places = [](const Settings& settings, const Publish& port) {
    std::string text;
    for (const auto& place : listener_addresses(settings, {port}))
      text += place.address + " " + std::to_string(place.port) + "\n";
    return text;
  };
  Publish port{"", 80, 8080, 2};
  const std::string both = "127.0.0.1 80\n::1 80\n127.0.0.1 81\n::1 81\n";
  CHECK(places(v4(), port) == both);
  port.count = 1;
  port.host_ip = "192.0.2.1";
  CHECK(places(v4(), port) == "192.0.2.1 80\n");
  port.host_ip = "0:0::1";
  CHECK(places(v4(), port) == "::1 80\n");
  Settings narrow = v4();
  narrow.publish_scope = PublishScope::loopback;
  port.host_ip = "0.0.0.0";
  CHECK(places(narrow, port) == "127.0.0.1 80\n::1 80\n");
}

TEST_CASE("inodes of sockets with a port") {
  const std::string table =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
      "   0: 00000000:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 "
      "0\n"
      "   1: 0100007F:0BB8 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 20 4 30 10 "
      "-1\n"
      "   2: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0 0 10 "
      "0\n";
  CHECK(socket_inodes(table, Protocol::tcp, 3000) == std::vector<std::string>{"4711"});
  CHECK(socket_inodes(table, Protocol::udp, 3000) == std::vector<std::string>{"4711", "4712"});
  CHECK(socket_inodes(table, Protocol::tcp, 23).empty());
}
