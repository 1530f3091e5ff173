// From links to edges, routes and firewall elements.
#include "network/firewall_elements.hpp"
#include "network/graph.hpp"
#include "support/catch.hpp"

#include <algorithm>

using namespace conductor::network;
namespace linux = conductor::linux;

namespace {

Endpoint endpoint(const std::string& id, linux::Ipv4 address) {
  Endpoint e;
  e.id = id;
  e.address = address;
  e.interface = "cdr" + id;
  e.config.names = {id};
  return e;
}

Link link_to(const std::string& peer, int first = 0, int last = 0, Protocol protocol = Protocol::any) {
  Link link;
  link.peer = peer;
  link.first_port = first;
  link.last_port = last;
  link.protocol = protocol;
  return link;
}

std::vector<std::string> texts(const std::set<Element>& elements) {
  std::vector<std::string> result;
  for (const auto& e : elements) result.push_back(e.set + " " + e.text);
  std::sort(result.begin(), result.end());
  return result;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a link becomes edges of the protocols it names") {
  auto a = endpoint("a", 1);
  const auto b = endpoint("b", 2);
  a.config.links = {link_to("b", 80)};
  CHECK(edges({a, b}) == std::vector<Edge>{{1, 2, Protocol::tcp, 80, 80}, {1, 2, Protocol::udp, 80, 80}});
  a.config.links = {link_to("b", 53, 0, Protocol::udp)};
  CHECK(edges({a, b}) == std::vector<Edge>{{1, 2, Protocol::udp, 53, 53}});
  a.config.links = {link_to("b")};
  CHECK(edges({a, b}) == std::vector<Edge>{{1, 2, Protocol::any, 0, 65535}});
  a.config.links = {link_to("b", 0, 0, Protocol::tcp)};
  CHECK(edges({a, b}) == std::vector<Edge>{{1, 2, Protocol::tcp, 0, 65535}});
}

TEST_CASE("a link to a group reaches every other member, and to nobody gives no edge") {
  auto a = endpoint("a", 1);
  auto b = endpoint("b", 2), c = endpoint("c", 3);
  b.config.groups = c.config.groups = a.config.groups = {"p/web"};
  a.config.links = {link_to("p/web", 80, 80, Protocol::tcp), link_to("nobody", 1)};
  CHECK(edges({a, b, c}) == std::vector<Edge>{{1, 2, Protocol::tcp, 80, 80}, {1, 3, Protocol::tcp, 80, 80}});
}

TEST_CASE("names are compared whole: a is not ab") {
  auto a = endpoint("a", 1);
  const auto ab = endpoint("ab", 2);
  auto c = endpoint("c", 3);
  c.config.links = {link_to("a", 80, 80, Protocol::tcp)};
  CHECK(edges({a, ab, c}) == std::vector<Edge>{{3, 1, Protocol::tcp, 80, 80}});
}

TEST_CASE("ranges of a pair that overlap or touch become one") {
  auto a = endpoint("a", 1);
  const auto b = endpoint("b", 2);
  a.config.links = {link_to("b", 8000, 8010, Protocol::tcp), link_to("b", 8005, 8020, Protocol::tcp),
                    link_to("b", 8021, 8021, Protocol::tcp), link_to("b", 9000, 9000, Protocol::tcp)};
  CHECK(edges({a, b}) == std::vector<Edge>{{1, 2, Protocol::tcp, 8000, 8021}, {1, 2, Protocol::tcp, 9000, 9000}});
}

TEST_CASE("both ends of a link have a route; only who reaches out or is published has a default route") {
  auto a = endpoint("a", 1);
  auto b = endpoint("b", 2), c = endpoint("c", 3), d = endpoint("d", 4);
  a.config.links = {link_to("b", 80)};
  c.config.internet = true;
  d.config.publish = {Publish{"", 3000, 80, 1, Protocol::tcp}};
  CHECK(inner_routes({a, b, c, d}) == std::set<InnerRoute>{{"a", 2, 32}, {"b", 1, 32}, {"c", 0, 0}, {"d", 0, 0}});
  CHECK(inner_routes({a}).empty());
}

TEST_CASE("address ranges cover networks, disjoint") {
  CHECK(address_ranges({"10.0.0.0/8", "10.1.0.0/16", "192.0.2.1", "192.0.2.2/32", "198.51.100.77/24"}) ==
        std::vector<AddressRange>{{0x0a000000, 0x0affffff}, {0xc0000201, 0xc0000202}, {0xc6336400, 0xc63364ff}});
  CHECK(address_ranges({"0.0.0.0/0", "255.255.255.255"}) == std::vector<AddressRange>{{0, 0xffffffff}});
  for (const char* bad : {"10.0.0.0/33", "10.0.0/8", "example.org", "", "10.0.0.0/", "10.0.0.0/-1"})
    CHECK_THROWS_WITH(address_ranges({bad}), Contains("is no IPv4 address"));
}

TEST_CASE("elements of links") {
  auto a = endpoint("a", 0x0ae70002);
  const auto b = endpoint("b", 0x0ae70003);
  a.config.links = {link_to("b", 8080, 0, Protocol::tcp), link_to("b", 9000, 9009, Protocol::udp)};
  CHECK(texts(firewall_elements({a, b})) == Texts{"link_ranges 10.231.0.2 . 10.231.0.3 . udp . 9000-9009",
                                                  "linked 10.231.0.2 . 10.231.0.3",
                                                  "links 10.231.0.2 . 10.231.0.3 . tcp . 8080"});
  a.config.links = {link_to("b")};
  CHECK(texts(firewall_elements({a, b})) ==
        Texts{"linked 10.231.0.2 . 10.231.0.3", "links_all 10.231.0.2 . 10.231.0.3"});
}

TEST_CASE("keys are padded fields in network byte order") {
  auto a = endpoint("a", 0x0ae70002);
  const auto b = endpoint("b", 0x0ae70003);
  a.config.links = {link_to("b", 8080, 0, Protocol::tcp)};
  const auto elements = firewall_elements({a, b});
  const auto found = std::find_if(elements.begin(), elements.end(), [](const Element& e) { return e.set == "links"; });
  REQUIRE(found != elements.end());
  CHECK(found->key == std::string("\x0a\xe7\x00\x02\x0a\xe7\x00\x03\x06\x00\x00\x00\x1f\x90\x00\x00", 16));
  CHECK(found->key_end.empty());
}

TEST_CASE("elements of internet and published ports") {
  auto a = endpoint("a", 0x0ae70002);
  a.config.internet = true;
  a.config.publish = {{"", 3000, 80, 2, Protocol::tcp},
                      {"192.0.2.9", 53, 53, 1, Protocol::udp},
                      {"127.0.0.1", 4000, 80, 1, Protocol::tcp},
                      {"::1", 4001, 80, 1, Protocol::tcp}};
  CHECK(texts(firewall_elements({a})) == Texts{"internet 10.231.0.2", "published tcp . 3000 : 10.231.0.2 . 80",
                                               "published tcp . 3001 : 10.231.0.2 . 81",
                                               "published_on 192.0.2.9 . udp . 53 : 10.231.0.2 . 53"});
  a.config.publish.clear();
  a.config.internet_to = {"203.0.113.0/24", "192.0.2.1"};
  CHECK(texts(firewall_elements({a})) ==
        Texts{"internet_to 10.231.0.2 . 192.0.2.1", "internet_to 10.231.0.2 . 203.0.113.0-203.0.113.255"});
}

TEST_CASE("the difference removes what is gone and adds what is new, nothing else") {
  auto a = endpoint("a", 0x0ae70002);
  const auto b = endpoint("b", 0x0ae70003);
  a.config.links = {link_to("b", 1, 0, Protocol::tcp)};
  const auto before = firewall_elements({a, b});
  a.config.links = {link_to("b", 2, 0, Protocol::tcp)};
  const auto changes = difference(before, firewall_elements({a, b}));
  REQUIRE(changes.size() == 2);
  CHECK(changes[0].remove);
  CHECK_FALSE(changes[1].remove);
  CHECK(changes[0].set == "links");
  CHECK(difference(before, before).empty());
}
