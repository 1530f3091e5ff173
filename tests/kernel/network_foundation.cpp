// The foundation: rules, guards and addresses of both families, and what of it somebody else can take away.
#include "linux/namespaces.hpp"
#include "linux/nftables.hpp"
#include "network/attachment.hpp"
#include "network/foundation.hpp"
#include "network/interface_settings.hpp"
#include "network/uplinks.hpp"
#include "network_rig.hpp"
#include "network_rig_host.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <set>

namespace linux = conductor::linux;
namespace network = conductor::network;
using test::Outcome;
using test::Rig;

namespace {

constexpr int port = 8080;

struct World {
  World() : records(rig.locations()) {
    network::EndpointConfig a;
    a.links = {{"b", network::Protocol::tcp, port, port, ""}};
    rig.start("b");
    rig.start("a", a);
    rig.serve("b", port);
  }
  network::Foundation foundation() const { return {rig.settings(), records}; }
  bool ends_stand() const { return foundation().ends_stand(records.attached()); }
  int interface(const std::string& id) const { return linux::Netlink().link(rig.network().find(id)->interface)->index; }
  bool connects() const {
    return rig.connect("a", "b", port) == Outcome::connected &&
           (!rig.ipv6() || rig.connect(rig.space("a"), rig.address6("b"), port) == Outcome::connected);
  }

  Rig rig;
  network::Records records;
};

}  // namespace

TEST_CASE("policy rules: five of each family, three more for each further range") {
  network::Settings settings;
  settings.subnet6 = *linux::parse_ip("fd12:3456::");
  const auto rules =
      network::policy_rules(settings, {settings.range(), settings.range6(), *linux::parse_prefix("172.28.0.0/24")});
  CHECK(std::count_if(rules.begin(), rules.end(), [](const auto& rule) { return rule.v6; }) == 5);
  CHECK(std::count_if(rules.begin(), rules.end(), [](const auto& rule) { return !rule.v6; }) == 8);
  for (const auto& rule : rules) {
    CHECK(rule.priority >= settings.rule_priority);
    CHECK(rule.priority < settings.rule_priority + 4);
    CHECK(rule.prohibit == (rule.priority >= settings.rule_priority + 2));
  }
}

TEST_CASE("the host's routes to containers are in a table of their own, and table main is as it was") {
  NEEDS_NAMESPACES();
  const Rig alone;
  const auto before = linux::Netlink().routes();
  World world;
  const std::size_t own6 = world.rig.ipv6() ? 1 : 0;  // the host's address towards containers, on lo
  CHECK(linux::Netlink().routes().size() == before.size() + own6);
  for (const char* id : {"a", "b"})
    for (const auto& address : network::addresses_of(world.rig.settings(), *world.rig.network().find(id))) {
      const auto routes = linux::Netlink().routes(network::endpoint_table);
      CHECK(std::count_if(routes.begin(), routes.end(), [&](const auto& route) {
              return route.destination == address && route.interface == world.interface(id);
            }) == 1);
    }
  CHECK(world.connects());
  world.rig.stop("a");
  world.rig.stop("b");
  CHECK(linux::Netlink().routes(network::endpoint_table).empty());
}

TEST_CASE("what the host sends to an address of the range that no container has goes nowhere") {
  NEEDS_NAMESPACES();
  World world;
  const auto nobody = linux::to_text(world.rig.network().find("b")->address + 100);
  CHECK(world.rig.connect(world.rig.host(), nobody, port) == Outcome::unreachable);
}

TEST_CASE("a policy rule that somebody has changed is replaced") {
  NEEDS_NAMESPACES();
  World world;
  const auto before = world.rig.census();
  const std::string priority = std::to_string(world.rig.settings().rule_priority + 1);
  test::output_of({"ip", "rule", "del", "priority", priority});
  test::output_of({"ip", "rule", "add", "priority", priority, "fwmark", "0x10000/0x10000", "lookup", "200"});
  CHECK_FALSE(world.foundation().stands());
  world.rig.network().repair();
  CHECK(world.foundation().stands());
  CHECK(world.rig.census() == before);
}

TEST_CASE("without the table packets for services of the host are blocked, and the host's own address is silent") {
  NEEDS_NAMESPACES();
  World world;
  world.rig.serve(world.rig.host(), 9000);
  CHECK(world.foundation().stands());
  linux::run_nft("delete table inet conductor");
  CHECK_FALSE(world.foundation().stands());
  CHECK(world.rig.connect(world.rig.space("a"), test::host_to_endpoints, 9000) == Outcome::silent);
  if (world.rig.ipv6()) CHECK(world.rig.connect(world.rig.space("a"), world.rig.host6(), 9000) == Outcome::silent);
  world.foundation().build(world.records.attached());
  CHECK(world.foundation().stands());
  CHECK(world.connects());
}

TEST_CASE("an end that was down and up again is put right") {
  NEEDS_NAMESPACES();
  World world;
  CHECK(world.ends_stand());
  const int index = world.interface("b");
  linux::Netlink netlink;
  netlink.remove_route({*linux::parse_ip(world.rig.address("b")), 32, {}, index, {}, false, network::endpoint_table});
  netlink.send();
  CHECK_FALSE(world.ends_stand());
  world.foundation().build(world.records.attached());
  CHECK(world.ends_stand());
  CHECK(world.connects());
  const auto filter = linux::Netlink().source_filter(index);
  REQUIRE(filter);
  const auto addresses = network::addresses_of(world.rig.settings(), *world.rig.network().find("b"));
  CHECK(std::set(filter->begin(), filter->end()) == std::set(addresses.begin(), addresses.end()));
}

TEST_CASE("each family's uplink is guarded, and forwards for us alone") {
  NEEDS_NAMESPACES();
  World world;
  if (!world.rig.ipv6()) SKIP_TEST("this host forwards no IPv6");
  const auto uplinks = network::uplinks();
  CHECK(uplinks == std::vector<network::Uplink>{{"up0", false}, {"up0", true}});
  CHECK(network::read_interface_setting(network::Family::ipv6, "up0", "force_forwarding") == 1);
  CHECK(network::read_interface_setting(network::Family::ipv6, "all", "forwarding") == 0);
  CHECK(network::read_interface_setting(network::Family::ipv6, "up0", "forwarding") == 0);
  const auto rules = linux::Netlink().rules();
  for (const bool v6 : {false, true})
    CHECK(std::any_of(rules.begin(), rules.end(), [&](const auto& rule) {
      return rule.v6 == v6 && rule.prohibit && rule.input_interface == "up0" &&
             rule.priority == world.rig.settings().guard_priority;
    }));
  // The host itself is reached as before: neighbour discovery included.
  world.rig.serve(world.rig.host(), 9000);
  CHECK(world.rig.connect(world.rig.neighbour(), test::host_on_uplink6, 9000) == Outcome::connected);
  world.rig.stop("a");
  world.rig.stop("b");
  CHECK(network::read_interface_setting(network::Family::ipv6, "up0", "force_forwarding") == 0);
}

TEST_CASE("a default route over two interfaces makes both uplinks") {
  NEEDS_NAMESPACES();
  const Rig rig;
  const test::Fd other = test::make_network_namespace();
  linux::Netlink netlink;
  netlink.add_veth({"up1", "\x02\x03\x04\x05\x06\x07"}, 0, 1500, other, {"eth0", "\x02\x03\x04\x05\x06\x08"});
  netlink.send();
  const int index = netlink.link("up1")->index;
  netlink.set_link_up(index);
  netlink.add_address(index, *linux::parse_ip("192.0.2.1"), 24);
  netlink.send();
  test::output_of(
      {"ip", "route", "replace", "default", "nexthop", "via", test::neighbour_address, "nexthop", "via", "192.0.2.9"});
  const auto uplinks = network::uplinks();
  for (const char* name : {"up0", "up1"})
    CHECK(std::count(uplinks.begin(), uplinks.end(), network::Uplink{name, false}) == 1);
}

TEST_CASE("ranges of networks that are gone leave no rule and no guard") {
  NEEDS_NAMESPACES();
  World world;
  network::NetworkConfig net;
  net.name = "n";
  net.subnet = "172.28.5.0/24";
  const auto range = *linux::parse_prefix(net.subnet);
  const linux::PacketGuard guard{range, world.rig.settings().mark};
  const auto has_rule = [&] {
    const auto rules = linux::Netlink().rules();
    return std::any_of(rules.begin(), rules.end(), [&](const auto& rule) { return rule.from == range; });
  };
  world.rig.network().create_network(net);
  world.foundation().build(world.records.attached());
  CHECK(has_rule());
  CHECK(linux::packet_guard_stands(guard));
  world.rig.network().remove_network("n");
  if (!world.foundation().stands()) world.foundation().build(world.records.attached());
  CHECK_FALSE(has_rule());
  CHECK_FALSE(linux::packet_guard_stands(guard));
  CHECK(world.foundation().stands());
}
