// From what endpoints ask for to who may reach whom, and the routes that follow.
#include "network/graph.hpp"
#include "network_samples.hpp"
#include "support/catch.hpp"

using namespace conductor::network;
namespace linux = conductor::linux;
using test::endpoint;
using test::link_to;
using test::settings_with_ipv6;
using test::settings_without_ipv6;

namespace {

using Ports = std::vector<PortRange>;
constexpr PortRange everything{};

PortRange tcp(int first, int last = 0) { return {Protocol::tcp, first, last == 0 ? first : last}; }
PortRange udp(int first, int last = 0) { return {Protocol::udp, first, last == 0 ? first : last}; }

// "from>to protocol first-last"
std::vector<std::string> texts(const std::vector<Endpoint>& endpoints) {
  std::vector<std::string> result;
  for (const NamedEdge& edge : edges(endpoints))
    result.push_back(edge.from->id + ">" + edge.to->id + " " +
                     std::string(conductor::base::enum_name(edge.ports.protocol)) + " " +
                     std::to_string(edge.ports.first) + "-" + std::to_string(edge.ports.last));
  return result;
}
using test::Texts;

InnerRoute route(const std::string& id, const std::string& prefix) {
  const auto parsed = linux::parse_prefix(prefix);
  return {id, parsed->address, parsed->length};
}

Membership member_of(const std::string& network, bool reach = true) {
  Membership membership;
  membership.network = network;
  membership.reach = reach;
  return membership;
}

}  // namespace

TEST_CASE("a link opens the ports and protocols it names") {
  auto a = endpoint("a", 2);
  const auto b = endpoint("b", 3);
  a.config.links = {link_to("b", 80, 0, Protocol::any)};
  CHECK(open_ports(a, b) == Ports{tcp(80), udp(80)});
  a.config.links = {link_to("b", 53, 0, Protocol::udp)};
  CHECK(open_ports(a, b) == Ports{udp(53)});
  a.config.links = {link_to("b", 0, 0, Protocol::tcp)};
  CHECK(open_ports(a, b) == Ports{{Protocol::tcp, 0, 65535}});
  a.config.links = {link_to("b", 0, 0, Protocol::any), link_to("b", 80)};
  CHECK(open_ports(a, b) == Ports{everything});
  CHECK(open_ports(b, a).empty());
  CHECK(open_ports(a, a).empty());
}

TEST_CASE("ranges of a pair that overlap or touch become one") {
  auto a = endpoint("a", 2);
  const auto b = endpoint("b", 3);
  a.config.links = {link_to("b", 8000, 8010), link_to("b", 8005, 8020), link_to("b", 8021), link_to("b", 9000)};
  CHECK(open_ports(a, b) == Ports{tcp(8000, 8021), tcp(9000)});
}

TEST_CASE("a link without ports opens what the target exposes, of its protocol") {
  auto a = endpoint("a", 2), b = endpoint("b", 3);
  b.config.expose = {{Protocol::tcp, 80, 0}, {Protocol::udp, 53, 0}, {Protocol::any, 7000, 7001}};
  a.config.links = {link_to("b", 0, 0, Protocol::any)};
  CHECK(open_ports(a, b) == Ports{tcp(80), tcp(7000, 7001), udp(53), udp(7000, 7001)});
  a.config.links = {link_to("b", 0, 0, Protocol::udp)};
  CHECK(open_ports(a, b) == Ports{udp(53), udp(7000, 7001)});
  a.config.links = {link_to("b", 9)};
  CHECK(open_ports(a, b) == Ports{tcp(9)});
}

TEST_CASE("a link to a group reaches every other member, and to nobody gives no edge") {
  auto a = endpoint("a", 2), b = endpoint("b", 3), c = endpoint("c", 4);
  b.config.groups = c.config.groups = a.config.groups = {"p/web"};
  a.config.links = {link_to("p/web", 80), link_to("nobody", 1)};
  CHECK(texts({a, b, c}) == Texts{"a>b tcp 80-80", "a>c tcp 80-80"});
}

TEST_CASE("names are compared whole: a is not ab") {
  auto c = endpoint("c", 4);
  c.config.links = {link_to("a", 80)};
  CHECK(texts({endpoint("a", 2), endpoint("ab", 3), c}) == Texts{"c>a tcp 80-80"});
}

TEST_CASE("between scopes a link counts only where the other side allows it") {
  auto from = endpoint("shop-web-1", 2, "shop"), to = endpoint("bank-db-1", 3, "bank");
  from.config.groups = {"shop/web"};
  to.config.groups = {"bank/db"};
  from.config.links = {link_to("bank/db", 5432)};
  CHECK_FALSE(links_to(from, to));
  CHECK(edges({from, to}).empty());
  for (const char* word : {"*", "shop/*", "shop/web", "shop-web-1"}) {
    to.config.allow_peers = {"other/*", word};
    CHECK(links_to(from, to));
    CHECK(open_ports(from, to) == Ports{tcp(5432)});
  }
  for (const char* word : {"shop", "sho/*", "shop/db", "/*", "shop-web-2", "bank/*", ""}) {
    to.config.allow_peers = {word};
    CHECK_FALSE(links_to(from, to));
  }
  // A single container is of no project.
  from.config.scope.clear();
  from.config.groups.clear();
  to.config.allow_peers = {"/*"};
  CHECK_FALSE(links_to(from, to));
  to.config.scope.clear();
  to.config.allow_peers.clear();
  CHECK(links_to(from, to));
}

TEST_CASE("members of a network reach each other on everything, both ways, where both have reach") {
  auto a = endpoint("a", 2, "p"), b = endpoint("b", 3, "q"), c = endpoint("c", 4, "p");
  a.config.networks = {member_of("back")};
  b.config.networks = {member_of("front"), member_of("back")};
  c.config.networks = {member_of("back", false)};
  b.config.expose = {{Protocol::tcp, 80, 0}};
  CHECK(texts({a, b, c}) == Texts{"a>b any 0-0", "b>a any 0-0"});
  CHECK(share_network(a, b));
  CHECK_FALSE(share_network(a, c));
}

TEST_CASE("a single question about reach") {
  auto a = endpoint("a", 2), b = endpoint("b", 3);
  a.config.links = {link_to("b", 8000, 8010)};
  CHECK(may_reach(a, b, Protocol::tcp, 8000));
  CHECK(may_reach(a, b, Protocol::tcp, 8010));
  CHECK_FALSE(may_reach(a, b, Protocol::tcp, 8011));
  CHECK_FALSE(may_reach(a, b, Protocol::udp, 8000));
  CHECK_FALSE(may_reach(b, a, Protocol::tcp, 8000));
  CHECK_FALSE(may_reach(a, b, Protocol::any, 0));
  a.config.links = {link_to("b", 0, 0, Protocol::any)};
  CHECK(may_reach(a, b, Protocol::udp, 1));
  CHECK(may_reach(a, b, Protocol::any, 0));
}

TEST_CASE("an endpoint's addresses: of the range, its IPv6 twin, those of networks") {
  auto a = endpoint("a", 2);
  a.addresses = {"172.20.0.2", "fd00:1::2"};
  const auto text = [&](const Settings& settings) {
    std::string joined;
    for (const auto& address : addresses_of(settings, a)) joined += linux::to_text(address) + " ";
    return joined;
  };
  CHECK(text(settings_without_ipv6()) == "10.231.0.2 172.20.0.2 ");
  CHECK(text(settings_with_ipv6()) == "10.231.0.2 fd12:3456:789a:1::ae7:2 172.20.0.2 fd00:1::2 ");
}

TEST_CASE("both ends of a link have routes to all addresses of the other") {
  auto a = endpoint("a", 2);
  auto b = endpoint("b", 3);
  b.addresses = {"172.20.0.3"};
  a.config.links = {link_to("b", 80)};
  CHECK(inner_routes(settings_without_ipv6(), {a, b}) ==
        std::set<InnerRoute>{route("a", "10.231.0.3"), route("a", "172.20.0.3"), route("b", "10.231.0.2")});
  CHECK(inner_routes(settings_with_ipv6(), {a, b}) ==
        std::set<InnerRoute>{route("a", "10.231.0.3"), route("a", "172.20.0.3"), route("b", "10.231.0.2"),
                             route("a", "fd12:3456:789a:1::ae7:3"), route("b", "fd12:3456:789a:1::ae7:2")});
  CHECK(inner_routes(settings_with_ipv6(), {a}).empty());
}

TEST_CASE("only who reaches out or is published beyond loopback has default routes") {
  auto a = endpoint("a", 2), b = endpoint("b", 3), c = endpoint("c", 4), d = endpoint("d", 5), e = endpoint("e", 6);
  a.config.internet = true;
  b.config.internet_to = {{"192.0.2.0/24", {}}};
  c.config.publish = {{"", 3000, 80, 1, Protocol::tcp, {}}};
  d.config.publish = {{"127.0.0.1", 3001, 80, 1, Protocol::tcp, {}}, {"::1", 3001, 80, 1, Protocol::tcp, {}}};
  e.config.publish = {{"", 3002, 80, 1, Protocol::tcp, PublishScope::loopback}};
  const std::vector all{a, b, c, d, e};
  CHECK(inner_routes(settings_without_ipv6(), all) ==
        std::set<InnerRoute>{route("a", "0.0.0.0/0"), route("b", "0.0.0.0/0"), route("c", "0.0.0.0/0")});
  CHECK(inner_routes(settings_with_ipv6(), all) ==
        std::set<InnerRoute>{route("a", "0.0.0.0/0"), route("b", "0.0.0.0/0"), route("c", "0.0.0.0/0"),
                             route("a", "::/0"), route("b", "::/0"), route("c", "::/0")});
  Settings closed = settings_without_ipv6();
  closed.publish_scope = PublishScope::loopback;
  CHECK(inner_routes(closed, {c}).empty());
}
