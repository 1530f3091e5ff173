// Destinations outside: disjoint ranges of addresses and ports, host names and their patterns.
#include "network/egress.hpp"
#include "support/catch.hpp"

using namespace conductor::network;
namespace linux = conductor::linux;

namespace {

using Texts = std::vector<std::string>;

Texts texts(const std::vector<Destination>& destinations, const std::vector<ResolvedName>& resolved = {}) {
  Texts result;
  for (const EgressRange& range : egress_ranges(destinations, resolved)) {
    std::string text = linux::to_text(range.first);
    if (range.first != range.last) text += "-" + linux::to_text(range.last);
    if (range.ports.protocol != Protocol::any)
      text += " " + std::string(conductor::base::enum_name(range.ports.protocol)) + " " +
              std::to_string(range.ports.first) + "-" + std::to_string(range.ports.last);
    result.push_back(text);
  }
  return result;
}

Destination to(const std::string& where, int first = 0, int last = 0, Protocol protocol = Protocol::any) {
  return {where, {protocol, first, last}};
}

}  // namespace

TEST_CASE("networks become ranges, overlapping and adjacent ones one") {
  CHECK(texts({to("10.0.0.0/8"), to("10.1.0.0/16"), to("192.0.2.1"), to("192.0.2.2/32"), to("198.51.100.77/24")}) ==
        Texts{"10.0.0.0-10.255.255.255", "192.0.2.1-192.0.2.2", "198.51.100.0-198.51.100.255"});
  CHECK(texts({to("0.0.0.0/0"), to("255.255.255.255")}) == Texts{"0.0.0.0-255.255.255.255"});
  CHECK(texts({to("2001:db8::/126"), to("2001:db8::4"), to("::/0")}) ==
        Texts{"::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"});
  CHECK(texts({to("255.255.255.255"), to("::")}) == Texts{"255.255.255.255", "::"});
}

TEST_CASE("ports of networks that overlap are taken apart") {
  CHECK(texts({to("192.0.2.0/24", 443, 0, Protocol::tcp), to("192.0.2.16/28", 400, 450, Protocol::tcp),
               to("192.0.2.16/28", 53)}) == Texts{"192.0.2.0-192.0.2.15 tcp 443-443",   //
                                                  "192.0.2.16-192.0.2.31 tcp 53-53",    //
                                                  "192.0.2.16-192.0.2.31 tcp 400-450",  //
                                                  "192.0.2.16-192.0.2.31 udp 53-53",    //
                                                  "192.0.2.32-192.0.2.255 tcp 443-443"});
  // One protocol without ports is all of its ports; a network without both stays apart from those with.
  CHECK(texts({to("192.0.2.1", 0, 0, Protocol::udp), to("192.0.2.1")}) == Texts{"192.0.2.1", "192.0.2.1 udp 0-65535"});
}

TEST_CASE("a host name is what it is resolved to") {
  const std::vector<ResolvedName> resolved{{"API.example.org.", {"192.0.2.7", "2001:db8::7", "words"}},
                                           {"other.example.org", {"192.0.2.8"}}};
  CHECK(texts({to("api.example.org", 443, 0, Protocol::tcp)}, resolved) ==
        Texts{"192.0.2.7 tcp 443-443", "2001:db8::7 tcp 443-443"});
  CHECK(texts({to("*.example.org")}, resolved) == Texts{"192.0.2.7-192.0.2.8", "2001:db8::7"});
  CHECK(texts({to("unknown.example.org")}, resolved).empty());
}

TEST_CASE("patterns stand for names below, whatever their letters' case") {
  CHECK(matches_host_name("api.example.org", "API.EXAMPLE.ORG."));
  CHECK(matches_host_name("*.example.org", "a.b.example.org"));
  CHECK_FALSE(matches_host_name("*.example.org", "example.org"));
  CHECK_FALSE(matches_host_name("*.example.org", "badexample.org"));
  CHECK_FALSE(matches_host_name("*.example.org", ".example.org"));
  CHECK_FALSE(matches_host_name("example.org", "api.example.org"));
}

TEST_CASE("what is neither network nor name is refused") {
  for (const char* bad : {"10.0.0.0/33", "10.0.0/8", "", "10.0.0.0/", "10.0.0.0/-1", "192.0.2.256", "a..b", "-a.org",
                          "*", "a.*.org", "http://example.org", "exa mple.org", "[::1]"}) {
    CAPTURE(bad);
    CHECK_THROWS_WITH(validate_destinations({to(bad)}), Contains("is no address, no network"));
    CHECK_THROWS_WITH(egress_ranges({to(bad)}, {}), Contains("is no address, no network"));
  }
  CHECK_THROWS_WITH(validate_destinations({to("192.0.2.1", 70000)}), Contains("1 to 65535"));
  CHECK_THROWS_WITH(validate_destinations({to("192.0.2.1", 90, 80)}), Contains("1 to 65535"));
  CHECK_NOTHROW(
      validate_destinations({to("example.org", 443), to("*.example.org"), to("2001:db8::/32"), to("localhost")}));
}

TEST_CASE("thousands of destinations are taken apart quickly") {
  std::vector<Destination> many;
  for (int i = 0; i < 1500; ++i)
    many.push_back(
        to("10." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ".0/24", i % 7 + 1, 0, Protocol::tcp));
  CHECK(egress_ranges(many, {}).size() == many.size());
}
