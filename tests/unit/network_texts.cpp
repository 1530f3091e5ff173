// Texts: the table, hosts and resolver files, settings, /proc/net.
#include "network/firewall_text.hpp"
#include "network/names.hpp"
#include "network/port_holder.hpp"
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

constexpr const char* localhost = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";

}  // namespace

TEST_CASE("the default instance has plain names") {
  const auto settings = Settings::of({"/r", "/s", "conductor"});
  CHECK(settings.table == "conductor");
  CHECK(settings.interface_prefix == "cdr");
  CHECK(settings.subnet_text() == "10.231.0.0/16");
  CHECK(settings.rule_priority == 88);
  CHECK(settings.mark == 0x10000);
}

TEST_CASE("other instances meet neither the default nor each other") {
  const auto plain = Settings::of({"/r", "/s", "conductor"});
  const auto one = Settings::of({"/a", "/s", "conductor-0a1b2c"});
  const auto two = Settings::of({"/b", "/s", "conductor-ffeedd"});
  CHECK(one.table == "conductor_0a1b2c");
  for (const auto& [x, y] : {std::pair(plain, one), std::pair(plain, two), std::pair(one, two)}) {
    CHECK(x.table != y.table);
    CHECK_FALSE(x.interface_prefix.starts_with(y.interface_prefix));
    CHECK_FALSE(y.interface_prefix.starts_with(x.interface_prefix));
    CHECK(x.subnet != y.subnet);
    CHECK((x.rule_priority + 3 < y.rule_priority || y.rule_priority + 3 < x.rule_priority));
    CHECK(x.interface_group != y.interface_group);
  }
  for (const auto& s : {one, two}) {
    CHECK(s.interface_prefix.size() == 6);
    CHECK(s.prefix_length == 20);
    CHECK(s.subnet >= 0x0a800000);  // 10.128.0.0
    CHECK(s.subnet < 0x0ae70000);   // 10.231.0.0
    CHECK((s.subnet & 0xfffU) == 0);
    CHECK(s.rule_priority + 3 < s.guard_priority);
    CHECK(s.guard_priority < 30000);
  }
}

TEST_CASE("the table's text holds the elements") {
  auto a = endpoint("a", 0x0ae70002);
  a.config.internet = true;
  a.config.publish = {{"", 3000, 8080, 1, Protocol::tcp}};
  const auto text = table_text(Settings::of({"/r", "/s", "conductor"}), {"192.0.2.53"}, firewall_elements({a}));
  CHECK(text.starts_with("table inet conductor {\n"));
  CHECK_THAT(text, Contains("set internet { type ipv4_addr; elements = { 10.231.0.2 }; }"));
  CHECK_THAT(text, Contains("elements = { tcp . 3000 : 10.231.0.2 . 8080 };"));
  CHECK_THAT(text, Contains("set name_servers { type ipv4_addr; elements = { 192.0.2.53 }; }"));
  CHECK_THAT(text, Contains("iifname \"cdr*\" goto from_endpoint"));
  CHECK_THAT(text, Contains("set links { type ipv4_addr . ipv4_addr . inet_proto . inet_service;  }"));
  for (const char* word : {"PREFIX", "SUBNET", "MARK", "SERVERS"}) CHECK_THAT(text, !Contains(word));
}

TEST_CASE("hosts lists itself, peers it may reach and extra hosts") {
  auto a = endpoint("a", 0x0ae70002);
  auto b = endpoint("b", 0x0ae70003), c = endpoint("c", 0x0ae70004);
  b.config.names = {"p-b-1", "b.local"};
  b.config.groups = {"p/b"};
  Link link;
  link.peer = "p/b";
  link.alias = "database";
  a.config.links = {link};
  a.config.extra_hosts = {{"printer", "192.0.2.7"}};
  CHECK(hosts_text(a, {a, b, c}) == std::string(localhost) +
                                        "10.231.0.2\ta\n"
                                        "10.231.0.3\tdatabase p-b-1 b.local b\n"
                                        "192.0.2.7\tprinter\n");
  CHECK(hosts_text(b, {a, b, c}) == std::string(localhost) + "10.231.0.3\tp-b-1 b.local\n");
}

TEST_CASE("of a group the attached members are listed, all while none is; by name always") {
  auto a = endpoint("a", 0x0ae70002);
  auto up = endpoint("up", 0x0ae70003), down = endpoint("down", 0x0ae70004, false);
  up.config.groups = down.config.groups = {"p/web"};
  Link link;
  link.peer = "p/web";
  a.config.links = {link};
  CHECK_THAT(hosts_text(a, {a, up, down}), Contains("10.231.0.3\tup web\n") && !Contains("down"));
  up.interface.clear();
  CHECK_THAT(hosts_text(a, {a, up, down}), Contains("10.231.0.3\tup web\n10.231.0.4\tdown web\n"));
  a.config.links.front().peer = "down";
  up.interface = "cdrup";
  CHECK_THAT(hosts_text(a, {a, up, down}), Contains("10.231.0.4\tdown web\n") && !Contains("10.231.0.3"));
}

TEST_CASE("name servers of a resolver file") {
  CHECK(parse_name_servers("# x\nsearch example.org\nnameserver 192.0.2.1\n  nameserver\t2001:db8::1 # six\n"
                           "nameserver 192.0.2.1\nnameserverx 1.2.3.4\nnameserver\noptions edns0\n"
                           "nameserver 127.0.0.53") ==
        std::vector<std::string>{"192.0.2.1", "2001:db8::1", "127.0.0.53"});
  CHECK(reachable_servers({"127.0.0.53", "::1", "2001:db8::1", "192.0.2.1", "words"}) ==
        std::vector<std::string>{"192.0.2.1"});
}

TEST_CASE("the resolver file of an endpoint") {
  auto a = endpoint("a", 0x0ae70002);
  CHECK(resolver_text(a, {"192.0.2.1"}) == "# no name server: this container has no internet\n");
  a.config.internet = true;
  CHECK(resolver_text(a, {"192.0.2.1", "192.0.2.2"}) == "nameserver 192.0.2.1\nnameserver 192.0.2.2\n");
  CHECK_THAT(resolver_text(a, {}), Contains("# no name server"));
  a.config.dns = {"192.0.2.3"};
  CHECK(resolver_text(a, {"192.0.2.1"}) == "nameserver 192.0.2.3\n");
  a.config.internet = false;
  CHECK(resolver_text(a, {}) == "nameserver 192.0.2.3\n");
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
