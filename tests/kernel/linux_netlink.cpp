// Netlink: what is added is read back, of both families, and is gone when removed.
#include "linux/netlink.hpp"
#include "linux_net_rig.hpp"
#include "support/catch.hpp"

#include <algorithm>

using namespace test;
namespace linux = conductor::linux;

namespace {

bool has_address(int index, const std::string& address) {
  const auto all = linux::Netlink().addresses(index);
  return std::any_of(all.begin(), all.end(), [&](const auto& a) { return a.address == ip(address); });
}

std::optional<linux::Route> find_route(const std::string& destination, int length) {
  for (const auto& route : linux::Netlink().routes())
    if (route.destination == ip(destination) && route.prefix_length == length) return route;
  return std::nullopt;
}

std::optional<linux::Neighbour> find_neighbour(int index, const std::string& address) {
  for (const auto& neighbour : linux::Netlink().neighbours(index))
    if (neighbour.address == ip(address)) return neighbour;
  return std::nullopt;
}

linux::PolicyRule rule(bool v6, std::uint32_t priority) {
  linux::PolicyRule result;
  result.v6 = v6;
  result.priority = priority;
  return result;
}

}  // namespace

TEST_CASE("addresses of both families come and go, and are listed by interface") {
  if (!can_make_network_spaces()) SKIP_TEST("needs root and network namespaces");
  const Pair pair;
  inside(pair.here, [&] {
    linux::Netlink netlink;
    for (const char* address : {"192.0.2.7", "2001:db8::7"}) {
      netlink.add_address(pair.index_here, ip(address), ip(address).bits());
      netlink.send();
      CHECK(has_address(pair.index_here, address));
      CHECK(has_address(0, address));
      CHECK_FALSE(has_address(netlink.link("lo")->index, address));
      netlink.remove_address(pair.index_here, ip(address), ip(address).bits());
      netlink.remove_address(pair.index_here, ip(address), ip(address).bits());  // absent is fine
      netlink.send();
      CHECK_FALSE(has_address(0, address));
    }
  });
}

TEST_CASE("an interface told so gets no link-local address") {
  if (!can_make_network_spaces()) SKIP_TEST("needs root and network namespaces");
  const Fd here = make_network_space(), there = make_network_space();
  inside(here, [&] {
    linux::Netlink netlink;
    netlink.add_veth({"h0", mac_here}, 7, 1400, there, {"p0", mac_there});
    netlink.send();
    const auto link = netlink.link("h0");
    REQUIRE(link);
    CHECK(link->group == 7);
    CHECK(link->mtu == 1400);
    CHECK_FALSE(link->up);
    netlink.set_no_link_local(link->index);
    netlink.set_link_up(link->index);
    netlink.send();
    inside(there, [] {
      linux::Netlink other;
      other.set_link_up(other.link("p0")->index);
      other.send();
    });
    REQUIRE(netlink.wait_operational("h0", 5000));
    CHECK(netlink.addresses(link->index).empty());
  });
}

TEST_CASE("routes of both families come and go") {
  if (!can_make_network_spaces()) SKIP_TEST("needs root and network namespaces");
  const Pair pair;
  inside(pair.here, [&] {
    linux::Netlink netlink;
    for (const auto& [destination, gateway] : {std::pair{"192.0.2.0", "10.9.0.2"}, std::pair{"2001:db8::", "fe80::1"},
                                               std::pair{"0.0.0.0", "10.9.0.2"}, std::pair{"::", "fe80::1"}}) {
      linux::Route route;
      route.destination = ip(destination);
      route.prefix_length = route.destination.is_any() ? 0 : route.destination.v6 ? 48 : 24;
      route.gateway = ip(gateway);
      route.interface = pair.index_here;
      netlink.add_route(route);
      netlink.add_route(route);  // replaces
      netlink.send();
      const auto found = find_route(destination, route.prefix_length);
      REQUIRE(found);
      CHECK(found->gateway == ip(gateway));
      CHECK(found->interface == pair.index_here);
      netlink.remove_route(route);
      netlink.remove_route(route);  // absent is fine
      netlink.send();
      CHECK_FALSE(find_route(destination, route.prefix_length));
    }
  });
}

TEST_CASE("a route without a gateway prefers its source") {
  if (!can_make_network_spaces()) SKIP_TEST("needs root and network namespaces");
  const Pair pair;
  inside(pair.here, [&] {
    linux::Netlink netlink;
    for (const auto& [destination, source] :
         {std::pair{"192.0.2.1", "10.9.0.1"}, std::pair{"2001:db8::1", "fd09::1"}}) {
      linux::Route route;
      route.destination = ip(destination);
      route.prefix_length = route.destination.bits();
      route.interface = pair.index_here;
      route.source = ip(source);
      route.link_scope = !route.destination.v6;
      netlink.add_route(route);
      netlink.send();
      const auto found = find_route(destination, route.prefix_length);
      REQUIRE(found);
      CHECK(found->source == ip(source));
      CHECK(found->link_scope == route.link_scope);
    }
  });
}

TEST_CASE("policy rules of both families are read back as they were made") {
  if (!can_make_network_spaces()) SKIP_TEST("needs root and network namespaces");
  inside(make_network_space(), [] {
    std::vector<linux::PolicyRule> rules;
    for (const bool v6 : {false, true}) {
      const auto range = linux::parse_prefix(v6 ? "fd12::/64" : "10.231.0.0/16").value();
      auto from_host = rule(v6, 88), marked = rule(v6, 89), from = rule(v6, 90), to = rule(v6, 91),
           guard = rule(v6, 20088);
      from_host.input_interface = "lo";
      from_host.to = to.to = from.from = range;
      marked.mark = marked.mark_mask = 0x10000;
      from.prohibit = to.prohibit = guard.prohibit = true;
      guard.input_interface = "eth7";
      rules.insert(rules.end(), {from_host, marked, from, to, guard});
    }
    linux::Netlink netlink;
    for (const auto& r : rules) netlink.add_rule(r), netlink.add_rule(r);  // present is fine
    netlink.send();
    const auto all = netlink.rules();
    for (const auto& r : rules) CHECK(std::count(all.begin(), all.end(), r) == 1);
    for (const auto& r : rules) netlink.remove_rule(r), netlink.remove_rule(r);  // absent is fine
    netlink.send();
    const auto left = netlink.rules();
    for (const auto& r : rules) CHECK(std::count(left.begin(), left.end(), r) == 0);
  });
}

TEST_CASE("permanent neighbours of both families are listed by interface") {
  if (!can_make_network_spaces()) SKIP_TEST("needs root and network namespaces");
  const Pair pair;
  inside(pair.here, [&] {
    for (const char* address : {"10.9.0.2", "fd09::2"}) {
      const auto found = find_neighbour(pair.index_here, address);
      REQUIRE(found);
      CHECK(found->permanent);
      CHECK(found->mac == mac_there);
      CHECK(found->interface == pair.index_here);
    }
    CHECK_FALSE(find_neighbour(linux::Netlink().link("lo")->index, "10.9.0.2"));
  });
}

TEST_CASE("a refused request is named, those around it are done") {
  if (!can_make_network_spaces()) SKIP_TEST("needs root and network namespaces");
  const Pair pair;
  inside(pair.here, [&] {
    linux::Netlink netlink;
    netlink.add_address(pair.index_here, ip("192.0.2.7"), 32);
    netlink.add_address(999, ip("192.0.2.8"), 32);
    netlink.add_address(pair.index_here, ip("2001:db8::7"), 128);
    CHECK_THROWS_WITH(netlink.send(), Contains("192.0.2.8"));
    CHECK(has_address(pair.index_here, "192.0.2.7"));
    CHECK(has_address(pair.index_here, "2001:db8::7"));
  });
}
