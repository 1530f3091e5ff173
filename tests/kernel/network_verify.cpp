// Every damage that can be done to the network is found, by the names of those it concerns; without one nothing is.
#include "linux/namespaces.hpp"
#include "linux/nftables.hpp"
#include "network/attachment.hpp"
#include "network/foundation.hpp"
#include "network_world.hpp"
#include "store/records.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <future>
#include <mutex>
#include <optional>

namespace network = conductor::network;
namespace linux = conductor::linux;
namespace base = conductor::base;
namespace store = conductor::store;
using test::link_to;
using test::output_of;
using test::Texts;
using test::World;

TEST_CASE("verify finds nothing in a world without damage, and none where nothing runs") {
  NEEDS_NAMESPACES();
  World world;
  CHECK(world.findings() == Texts{});
  world.restart("web");
  CHECK(world.findings() == Texts{});
  for (const char* id : {"web", "db", "other"}) world.stop(id);
  CHECK(world.findings() == Texts{});
}

TEST_CASE("verify finds nothing where everything that can be declared is declared, and as it changes") {
  NEEDS_NAMESPACES();
  World world;
  network::NetworkConfig net;
  net.name = "backend";
  net.subnet = "172.31.77.0/24";
  world.network().create_network(net);
  network::EndpointConfig rich;
  rich.names = {"rich"};
  rich.links = {link_to("db", 0, network::Protocol::any), link_to("web", 8080)};
  rich.links.back().last_port = 8090;
  rich.expose = {{network::Protocol::tcp, 80, 80}, {network::Protocol::udp, 5000, 5010}};
  rich.networks = {{"backend", {"alias"}, true, "", ""}};
  rich.internet_to = {{"192.0.2.0/24", {}},
                      {"198.51.100.9", {network::Protocol::tcp, 443, 443}},
                      {"2001:db8:7::/48", {}},
                      {"api.example.org", {network::Protocol::any, 443, 443}}};
  rich.host_ports = {{network::Protocol::tcp, 5432, 5432}, {network::Protocol::any, 9000, 9010}};
  network::Publish everywhere, here, one;
  everywhere.host_port = 4000, everywhere.container_port = 80, everywhere.count = 5;
  here.host_port = 4100, here.container_port = 80, here.scope = network::PublishScope::host;
  one.host_ip = test::host_on_uplink, one.host_port = 4200, one.container_port = 53;
  one.protocol = network::Protocol::udp;
  rich.publish = {everywhere, here, one};
  world.start("rich", rich);
  network::EndpointConfig member;
  member.networks = rich.networks;
  world.start("member", member);
  CHECK(world.findings() == Texts{});
  CHECK(World::texts(world.network().probe({})) == Texts{});

  world.network().set_resolved("rich", {"api.example.org", {"203.0.113.5", "2001:db8:9::5"}});
  CHECK(world.findings() == Texts{});
  rich.links.clear();
  rich.internet_to.clear();
  rich.internet = true;
  rich.publish.clear();
  world.network().reconfigure("rich", rich);
  CHECK(world.findings() == Texts{});
  world.stop("member");
  world.stop("db");
  CHECK(world.findings() == Texts{});
  world.restart("db");
  CHECK(world.findings() == Texts{});
  CHECK(World::texts(world.network().probe({})) == Texts{});
}

TEST_CASE("verify and probe agree with a world without IPv6, and see it come back") {
  NEEDS_NAMESPACES();
  World world("ipv6 = off\n");
  REQUIRE_FALSE(world.ipv6());
  CHECK(world.findings() == Texts{});
  CHECK(World::texts(world.network().probe({})) == Texts{});
  if (!linux::try_read_file("/proc/sys/net/ipv6/conf/all/disable_ipv6")) SKIP_TEST("a kernel without IPv6");
  const std::string db = world.interface("db");
  linux::write_kernel_file("/proc/sys/net/ipv6/conf/" + db + "/disable_ipv6", "0");
  const auto found = world.findings();
  CHECK(std::count(found.begin(), found.end(),
                   "damaged sysctl: net.ipv6.conf." + db + ".disable_ipv6 (db) is 0 instead of 1") == 1);
}

TEST_CASE("a network of the host that comes to overlap a network of containers is told") {
  NEEDS_NAMESPACES();
  World world;
  network::NetworkConfig net;
  net.name = "backend";
  net.subnet = "172.31.77.0/24";
  world.network().create_network(net);
  network::EndpointConfig member;
  member.networks = {{"backend", {}, true, "", ""}};
  world.start("member", member);
  CHECK(world.findings() == Texts{});
  output_of({"ip", "route", "add", "172.31.0.0/16", "via", test::neighbour_address});
  CHECK(world.findings() == Texts{"clash subnet: the host's network 172.31.0.0/16 on up0 overlaps 172.31.77.0/24, "
                                  "which containers have"});
}

TEST_CASE("each element too few or too many in the table is told as what it allows") {
  NEEDS_NAMESPACES();
  World world;
  const std::string web = world.address("web"), db = world.address("db"), other = world.address("other");
  SECTION("a link is gone") {
    world.nft("delete element " + world.table() + " links { " + web + " . " + db + " . tcp . 5432 }");
    CHECK(world.findings() == Texts{"missing link: web may reach db on tcp 5432: the table lacks it"});
  }
  SECTION("its IPv6 twin is gone") {
    if (!world.ipv6()) SKIP_TEST("IPv6 is off on this host");
    world.nft("delete element " + world.table() + " links6 { " + world.address6("web") + " . " + world.address6("db") +
              " . tcp . 5432 }");
    CHECK(world.findings() == Texts{"missing link: web may reach db on tcp 5432 over IPv6: the table lacks it"});
  }
  SECTION("a container that does not exist may do something") {
    world.nft("add element " + world.table() + " links { 10.231.200.9 . " + db + " . tcp . 22 }");
    CHECK(world.findings() ==
          Texts{"extra link: an element lets 10.231.200.9 (no container) reach db on tcp 22, which nobody declared"});
  }
  SECTION("more than was declared") {
    world.nft("add element " + world.table() + " links_all { " + other + " . " + db + " }");
    world.nft("add element " + world.table() + " linked { " + other + " . " + web + " }");
    world.nft("add element " + world.table() + " link_ranges { " + other + " . " + db + " . udp . 9000-9100 }");
    world.nft("add element " + world.table() + " internet { " + other + " }");
    world.nft("add element " + world.table() + " host_ports { " + other + " . tcp . 631 }");
    CHECK(world.findings() ==
          Texts{"extra link: an element lets other ping web, which nobody declared",
                "extra link: an element lets other reach db on every port, which nobody declared",
                "extra link: an element lets other reach db on udp 9000-9100, which nobody declared",
                "extra link: an element lets other reach services of the host on tcp 631, which nobody declared",
                "extra link: an element lets other reach the internet, which nobody declared"});
  }
  SECTION("a published port is gone, another is there") {
    world.nft("delete element " + world.table() + " published { tcp . 3000 }");
    world.nft("add element " + world.table() + " published { tcp . 4000 : " + web + " . 22 }");
    CHECK(world.findings() ==
          Texts{"extra link: an element lets whoever asks reach web's port 22 at the host on tcp 4000, which nobody "
                "declared",
                "missing link: whoever asks may reach db's port 8080 at the host on tcp 3000: the table lacks it"});
  }
}

TEST_CASE("damage to the table's own text is told chain by chain; a table that is gone is one finding") {
  NEEDS_NAMESPACES();
  World world;
  SECTION("the table is gone") {
    world.nft("delete table " + world.table());
    CHECK(world.findings() == Texts{"missing table: the table " + world.table() + " is gone: nothing is let through"});
    CHECK(world.after_repair() == Texts{});
  }
  SECTION("everything of everybody is flushed") {
    world.nft("flush ruleset");
    CHECK(world.findings().size() == 1);
    CHECK(world.after_repair() == Texts{});
  }
  SECTION("a chain is flushed") {
    world.nft("flush chain " + world.table() + " input");
    const auto found = world.findings();
    REQUIRE(found.size() == 1);
    CHECK_THAT(found.front(), Contains("damaged table: chain input is empty: "));
  }
  SECTION("a rule is deleted") {
    const auto listing = output_of({"nft", "-a", "list", "chain", "inet", world.settings().table, "masquerade_out"});
    const auto comment = listing.find("# handle ", listing.find("masquerade #"));
    REQUIRE(comment != std::string::npos);
    const std::string handle = listing.substr(comment + 9, listing.find('\n', comment) - comment - 9);
    world.nft("delete rule " + world.table() + " masquerade_out handle " + handle);
    const auto found = world.findings();
    REQUIRE(found.size() == 1);
    CHECK_THAT(found.front(), Contains("table: chain masquerade_out"));
  }
  SECTION("a rule is added, and a chain") {
    world.nft("insert rule " + world.table() + " forward accept");
    world.nft("add chain " + world.table() + " backdoor");
    CHECK(world.findings() == Texts{"extra table: chain forward has \"accept\", which is not ours",
                                    "extra table: the table has a chain backdoor, which is not ours"});
  }
  SECTION("the table sleeps") {
    world.nft("add table " + world.table() + " { flags dormant; }");
    CHECK(world.findings() == Texts{"damaged table: the table says \"flags dormant\""});
  }
}

TEST_CASE("policy rules, guards, uplinks and foreign networks are looked at") {
  NEEDS_NAMESPACES();
  World world;
  const std::string first = std::to_string(world.settings().rule_priority);
  const std::string range = world.settings().subnet_text();
  SECTION("a policy rule is gone") {
    output_of({"ip", "rule", "del", "priority", std::to_string(world.settings().rule_priority + 3)});
    CHECK(world.findings() ==
          Texts{"missing policy rule: IPv4 rule " + std::to_string(world.settings().rule_priority + 3) + " (to " +
                range + " prohibit) is missing"});
    CHECK(world.after_repair() == Texts{});
  }
  SECTION("a rule of somebody else is asked first") {
    output_of({"ip", "rule", "add", "priority", "40", "to", "10.231.5.0/24", "lookup", "200"});
    CHECK(
        world.findings() ==
        Texts{"clash policy rule: the IPv4 rule 40 (to 10.231.5.0/24 lookup 200) of somebody else is asked before ours "
              "and leads packets of containers elsewhere"});
  }
  SECTION("rules of others that concern nobody here") {
    output_of({"ip", "rule", "add", "priority", "41", "from", "192.0.2.0/24", "lookup", "200"});
    output_of({"ip", "rule", "add", "priority", "42", "fwmark", "0x7", "lookup", "200"});
    output_of({"ip", "rule", "add", "priority", "30000", "to", range, "lookup", "200"});
    CHECK(world.findings() == Texts{});
  }
  SECTION("a packet guard is gone") {
    linux::remove_packet_guards(
        network::packet_guards(world.settings(), std::vector<linux::IpPrefix>{world.settings().range()}));
    CHECK(world.findings() == Texts{"missing guard: without the table containers of " + range +
                                    " could reach services of the host: the policy that prevents it is missing"});
    CHECK(world.after_repair() == Texts{});
  }
  SECTION("an uplink does not forward any more") {
    test::write_setting("up0", "forwarding", "0");
    CHECK(world.findings() == Texts{"damaged uplink: net.ipv4.conf.up0.forwarding is 0 instead of 1"});
    CHECK(world.after_repair() == Texts{});
  }
  SECTION("the host's address towards containers is gone") {
    if (!world.ipv6()) SKIP_TEST("IPv6 is off on this host");
    output_of({"ip", "addr", "del", world.host6() + "/128", "dev", "lo"});
    // The kernel takes the routes with that source along.
    const auto found = world.findings();
    CHECK(std::count(found.begin(), found.end(),
                     "missing address: the host's own address towards containers, " + world.host6() +
                         ", is not on lo any more") == 1);
    CHECK(found.size() == 4);
    CHECK(world.after_repair() == Texts{});
  }
  SECTION("a network of the host comes to overlap ours") {
    output_of({"ip", "route", "add", "10.231.128.0/24", "via", test::neighbour_address});
    CHECK(world.findings() == Texts{"clash subnet: the host's network 10.231.128.0/24 on up0 overlaps " + range +
                                    ", which containers have"});
  }
  SECTION("another firewall drops what it does not know") {
    world.nft("add table ip theirs\nadd chain ip theirs forward { type filter hook forward priority 0; policy drop; }");
    const auto found = world.findings();
    REQUIRE(found.size() == 1);
    CHECK_THAT(found.front(), Contains("missing firewall: the chain ip theirs forward drops"));
    CHECK(world.after_repair() == Texts{});
  }
  SECTION("neighbours may reach what listens on loopback") {
    test::write_setting("all", "route_localnet", "1");
    const auto found = world.findings();
    REQUIRE(found.size() == 1);
    CHECK_THAT(found.front(), Contains("clash sysctl: net.ipv4.conf.all.route_localnet is 1"));
  }
}

TEST_CASE("the host's end of a container is looked at") {
  NEEDS_NAMESPACES();
  World world;
  const std::string db = world.interface("db"), address = world.address("db");
  SECTION("settings") {
    test::write_setting(db, "rp_filter", "0");
    test::write_setting(db, "route_localnet", "1");
    CHECK(world.findings() == Texts{"damaged sysctl: net.ipv4.conf." + db + ".route_localnet (db) is 1 instead of 0",
                                    "damaged sysctl: net.ipv4.conf." + db + ".rp_filter (db) is 0 instead of 1"});
  }
  SECTION("the source filter") {
    output_of({"tc", "qdisc", "del", "dev", db, "clsact"});
    CHECK(world.findings() == Texts{"missing source filter: db's interface " + db +
                                    " does not drop packets with the addresses of others any more"});
  }
  SECTION("a neighbour entry that leads to somebody else") {
    output_of({"ip", "neigh", "replace", address, "lladdr", "02:00:00:00:00:66", "dev", db, "nud", "permanent"});
    CHECK(world.findings() ==
          Texts{"damaged neighbour: the host has another neighbour entry for " + address + " of db"});
  }
  SECTION("no neighbour entry") {
    output_of({"ip", "neigh", "del", address, "dev", db});
    CHECK(world.findings() == Texts{"missing neighbour: the host has no neighbour entry for " + address + " of db"});
  }
  SECTION("no route") {
    output_of({"ip", "route", "del", address, "table", test::endpoint_table()});
    CHECK(world.findings() == Texts{"missing route: the host has no route to db (" + address + ")"});
    CHECK(world.after_repair() == Texts{});
  }
  SECTION("a route to somewhere else") {
    output_of({"ip", "route", "replace", address, "via", test::neighbour_address, "table", test::endpoint_table()});
    CHECK(world.findings() == Texts{"damaged route: the host's route to db (" + address + ") leads to up0"});
  }
  SECTION("a route of the host's own to its address") {
    output_of({"ip", "route", "add", address, "via", test::neighbour_address});
    CHECK(world.findings() == Texts{"clash subnet: the host's network " + address + " on up0 overlaps " +
                                    world.settings().subnet_text() + ", which containers have"});
  }
  SECTION("a route among those to containers that leads to none") {
    output_of({"ip", "route", "add", "10.231.200.9", "via", test::neighbour_address, "table", test::endpoint_table()});
    CHECK(world.findings() == Texts{"extra route: the host has a route to 10.231.200.9 through up0 among those to "
                                    "containers, which leads to none"});
  }
  SECTION("a further route") {
    output_of({"ip", "route", "add", "10.231.200.9", "dev", db});
    CHECK(world.findings() == Texts{"extra route: the host has a route to 10.231.200.9 through db's interface " + db +
                                    ", which nobody declared"});
  }
  SECTION("down") {
    output_of({"ip", "link", "set", db, "down"});
    CHECK(world.findings() == Texts{"damaged interface: db's interface " + db + " is down"});
    CHECK(world.after_repair() == Texts{});
  }
  SECTION("an interface that is nobody's") {
    const std::string stray = world.settings().interface_prefix + "stray";
    output_of({"ip", "link", "add", stray, "type", "veth", "peer", "name", "unrelated0"});
    CHECK(world.findings() == Texts{"extra interface: the interface " + stray + " is no container's"});
  }
}

TEST_CASE("others change the network while verify waits for an interface that is dying") {
  NEEDS_NAMESPACES();
  World world;
  const std::string stray = world.settings().interface_prefix + "stray";
  output_of({"ip", "link", "add", stray, "type", "veth", "peer", "name", "unrelated0"});
  std::promise<void> looking;
  std::once_flag once;
  const network::Network verifying(world.locations(), [&](const std::string& id) {
    std::call_once(once, [&] { looking.set_value(); });
    return std::optional(world.space(id).duplicate());
  });
  auto findings = std::async(std::launch::async, [&] { return verifying.verify(); });
  looking.get_future().wait();
  auto config = world.network().find("other")->config;
  config.links = {link_to("db", 5432)};
  world.network().reconfigure("other", config);
  output_of({"ip", "link", "del", stray});
  CHECK(World::texts(findings.get()) == Texts{});
}

TEST_CASE("the inside of a container is looked at") {
  NEEDS_NAMESPACES();
  World world;
  const std::string db = world.address("db");
  SECTION("a route that nobody declared") {
    world.inside("web", {"ip", "route", "add", "10.0.0.0/8", "via", test::host_to_endpoints, "dev", "eth0", "onlink"});
    CHECK(world.findings() == Texts{"extra route: inside web there is a route to 10.0.0.0/8 that nobody declared"});
  }
  SECTION("a route to somebody it has no link to") {
    world.inside("other", {"ip", "route", "add", db, "via", test::host_to_endpoints, "dev", "eth0", "onlink"});
    CHECK(world.findings() ==
          Texts{"extra route: inside other there is a route to db (" + db + ") that nobody declared"});
  }
  SECTION("routes are gone") {
    world.inside("web", {"ip", "route", "del", db});
    world.inside("web", {"ip", "route", "del", "default"});
    CHECK(world.findings() == Texts{"missing route: inside web there is no route to db (" + db + ")",
                                    "missing route: inside web there is no route to everywhere"});
  }
  SECTION("an address of somebody else") {
    world.inside("web", {"ip", "addr", "add", "10.231.200.9/32", "dev", "eth0"});
    CHECK(world.findings() ==
          Texts{"extra address: inside web there is the address 10.231.200.9 on eth0 that nobody declared"});
  }
  SECTION("another interface") {
    world.inside("web", {"ip", "link", "add", "tap9", "type", "veth", "peer", "name", "tap8"});
    CHECK(world.findings() == Texts{"extra interface: inside web there is an interface tap8 that nobody declared",
                                    "extra interface: inside web there is an interface tap9 that nobody declared"});
  }
  SECTION("a policy rule") {
    world.inside("web", {"ip", "rule", "add", "priority", "9", "to", "192.0.2.0/24", "lookup", "200"});
    CHECK(world.findings() == Texts{"extra policy rule: inside web there is a policy rule 9 (to 192.0.2.0/24 lookup "
                                    "200) that nobody declared"});
  }
  SECTION("another gateway") {
    world.inside("web", {"ip", "neigh", "replace", test::host_to_endpoints, "lladdr", "02:00:00:00:00:66", "dev",
                         "eth0", "nud", "permanent"});
    const auto found = world.findings();
    REQUIRE(found.size() == 1);
    CHECK_THAT(found.front(), Contains("damaged neighbour: inside web"));
  }
  SECTION("the namespace is gone") {
    world.drop_space("other");
    const auto found = world.findings();
    REQUIRE_FALSE(found.empty());
    CHECK(std::count(found.begin(), found.end(),
                     "missing namespace: other is recorded as attached, but has no network namespace that can be "
                     "opened") == 1);
    world.stop("web");
    world.stop("db");
  }
}

TEST_CASE("the names a container sees are looked at") {
  NEEDS_NAMESPACES();
  World world;
  const std::string place = world.path("files");
  store::make_directory(place);
  world.network().write_files("web", place);
  CHECK(world.findings() == Texts{});
  std::ofstream(place + "/hosts", std::ios::app) << "203.0.113.1\tdb\n";
  CHECK(world.findings() == Texts{"damaged names: the hosts file of web does not list what it may reach"});
  store::remove_file(place + "/hosts");
  CHECK(world.findings() == Texts{"missing names: the hosts file of web is gone"});
}

TEST_CASE("probes: what is declared opens, what is not does not") {
  NEEDS_NAMESPACES();
  World world;
  CHECK(World::texts(world.network().probe({})) == Texts{});
  CHECK(World::texts(world.network().probe({"web", "db"})) == Texts{});
  SECTION("a service that is there is used; what listened for us is gone") {
    world.serve("db", 5432);
    CHECK(World::texts(world.network().probe({})) == Texts{});
    CHECK(world.connect("web", "db", 5432) == test::Outcome::connected);
  }
  SECTION("an element that is missing") {
    world.nft("delete element " + world.table() + " links { " + world.address("web") + " . " + world.address("db") +
              " . tcp . 5432 }");
    CHECK(World::texts(world.network().probe({})) ==
          Texts{"missing probe: web may reach db on tcp 5432 (" + world.address("db") + "), but is refused"});
  }
  SECTION("reach that nobody declared") {
    const std::string web = world.address("web"), other = world.address("other");
    world.nft("add element " + world.table() + " links_all { " + other + " . " + web + " }");
    world.nft("add element " + world.table() + " linked { " + other + " . " + web + " }");
    world.inside("other", {"ip", "route", "add", web, "via", test::host_to_endpoints, "dev", "eth0", "onlink"});
    world.inside("web", {"ip", "route", "add", other, "via", test::host_to_endpoints, "dev", "eth0", "onlink"});
    CHECK(World::texts(world.network().probe({"web", "other"})) ==
          Texts{"extra probe: other can ping web (" + web + "), which nobody declared",
                "extra probe: other can reach web on tcp 64999 (" + web + "), which nobody declared",
                "extra probe: other can reach web on udp 64999 (" + web + "), which nobody declared"});
  }
  SECTION("a service of the host that nobody declared") {
    const std::string other = world.address("other");
    world.nft("add element " + world.table() + " host_ports { " + other + " . tcp . 64999 }");
    CHECK(World::texts(world.network().probe({"other"})) ==
          Texts{"extra probe: other can reach the host on tcp 64999 (169.254.1.1), which nobody declared"});
  }
  SECTION("without the table nothing opens, and nothing undeclared either") {
    world.nft("delete table " + world.table());
    for (const auto& text : World::texts(world.network().probe({}))) CHECK_THAT(text, !Contains("extra"));
  }
  SECTION("an undeclared attempt that is dropped is told") {
    world.inside("other",
                 {"ip", "route", "add", world.address("db"), "via", test::host_to_endpoints, "dev", "eth0", "onlink"});
    world.nft("insert rule " + world.table() + " refuse drop");
    const auto found = World::texts(world.network().probe({"other", "db"}));
    CHECK(std::count(found.begin(), found.end(),
                     "damaged probe: other may not reach db on tcp 5432 (" + world.address("db") +
                         "), but is not told so at once") == 1);
  }
}
