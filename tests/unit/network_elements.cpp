// Elements of the table: what each declaration becomes, as text and as bytes.
#include "network/firewall_elements.hpp"
#include "network_samples.hpp"
#include "support/catch.hpp"

#include <map>

using namespace conductor::network;
using test::endpoint;
using test::link_to;
using test::settings_with_ipv6;
using test::settings_without_ipv6;
using test::texts;
using test::Texts;

TEST_CASE("elements of links") {
  auto a = endpoint("a", 2);
  const auto b = endpoint("b", 3);
  a.config.links = {link_to("b", 8080), link_to("b", 9000, 9009, Protocol::udp)};
  CHECK(texts(firewall_elements(settings_without_ipv6(), {a, b})) ==
        Texts{"link_ranges 10.231.0.2 . 10.231.0.3 . udp . 9000-9009", "linked 10.231.0.2 . 10.231.0.3",
              "links 10.231.0.2 . 10.231.0.3 . tcp . 8080"});
  a.config.links = {link_to("b", 0, 0, Protocol::any)};
  CHECK(texts(firewall_elements(settings_without_ipv6(), {a, b})) ==
        Texts{"linked 10.231.0.2 . 10.231.0.3", "links_all 10.231.0.2 . 10.231.0.3"});
}

TEST_CASE("with IPv6 every set has a twin, and a port more is one element of each family") {
  auto a = endpoint("a", 2);
  const auto b = endpoint("b", 3);
  a.config.links = {link_to("b", 8080)};
  const auto before = firewall_elements(settings_with_ipv6(), {a, b});
  CHECK(texts(before) == Texts{"linked 10.231.0.2 . 10.231.0.3",
                               "linked6 fd12:3456:789a:1::ae7:2 . fd12:3456:789a:1::ae7:3",
                               "links 10.231.0.2 . 10.231.0.3 . tcp . 8080",
                               "links6 fd12:3456:789a:1::ae7:2 . fd12:3456:789a:1::ae7:3 . tcp . 8080"});
  a.config.links.push_back(link_to("b", 9999));
  CHECK(difference(before, firewall_elements(settings_with_ipv6(), {a, b})).size() == 2);
}

TEST_CASE("every address of both ends counts, within its family") {
  auto a = endpoint("a", 2), b = endpoint("b", 3);
  a.addresses = {"172.20.0.2"};
  b.addresses = {"fd00:1::3"};
  a.config.links = {link_to("b", 80)};
  const auto elements = texts(firewall_elements(settings_with_ipv6(), {a, b}));
  for (const char* expected : {"links 10.231.0.2 . 10.231.0.3 . tcp . 80", "links 172.20.0.2 . 10.231.0.3 . tcp . 80",
                               "links6 fd12:3456:789a:1::ae7:2 . fd12:3456:789a:1::ae7:3 . tcp . 80",
                               "links6 fd12:3456:789a:1::ae7:2 . fd00:1::3 . tcp . 80"})
    CHECK(std::find(elements.begin(), elements.end(), expected) != elements.end());
  CHECK(elements.size() == 8);  // the same four in `linked`
}

TEST_CASE("keys are padded fields in network byte order") {
  auto a = endpoint("a", 2);
  const auto b = endpoint("b", 3);
  a.config.links = {link_to("b", 8080), link_to("b", 9000, 9009)};
  std::map<std::string, Element> by_set;
  for (const auto& element : firewall_elements(settings_with_ipv6(), {a, b})) by_set[element.set] = element;
  CHECK(by_set["links"].key == std::string("\x0a\xe7\x00\x02\x0a\xe7\x00\x03\x06\x00\x00\x00\x1f\x90\x00\x00", 16));
  CHECK(by_set["links"].key_end.empty());
  CHECK(by_set["links6"].key.size() == 40);
  CHECK(by_set["links6"].key.substr(12, 4) == std::string("\x0a\xe7\x00\x02", 4));
  CHECK(by_set["link_ranges"].key.substr(12) == std::string("\x23\x28\x00\x00", 4));
  CHECK(by_set["link_ranges"].key_end.substr(12) == std::string("\x23\x31\x00\x00", 4));
}

TEST_CASE("elements of what may be reached outside") {
  auto a = endpoint("a", 2);
  a.config.internet = true;
  CHECK(texts(firewall_elements(settings_with_ipv6(), {a})) ==
        Texts{"internet 10.231.0.2", "internet6 fd12:3456:789a:1::ae7:2"});
  a.config.internet_to = {{"203.0.113.0/24", {}},
                          {"192.0.2.1", {Protocol::tcp, 443, 0}},
                          {"2001:db8::/32", {Protocol::udp, 53, 54}},
                          {"api.example.org", {Protocol::tcp, 443, 0}}};
  a.resolved = {{"api.example.org", {"198.51.100.7", "2001:db9::7"}}};
  CHECK(texts(firewall_elements(settings_without_ipv6(), {a})) ==
        Texts{"internet_to 10.231.0.2 . 203.0.113.0-203.0.113.255",
              "internet_to_ports 10.231.0.2 . 192.0.2.1 . tcp . 443",
              "internet_to_ports 10.231.0.2 . 198.51.100.7 . tcp . 443"});
  const std::string own = "fd12:3456:789a:1::ae7:2";
  const auto both = texts(firewall_elements(settings_with_ipv6(), {a}));
  CHECK(both.size() == 5);
  CHECK(both[3] == "internet_to_ports6 " + own + " . 2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff . udp . 53-54");
  CHECK(both[4] == "internet_to_ports6 " + own + " . 2001:db9::7 . tcp . 443");
}

TEST_CASE("elements of services of the host") {
  auto a = endpoint("a", 2);
  a.config.host_ports = {{Protocol::tcp, 5432, 0}, {Protocol::any, 8000, 8001}};
  CHECK(texts(firewall_elements(settings_without_ipv6(), {a})) == Texts{"host_ports 10.231.0.2 . tcp . 5432",
                                                                        "host_ports 10.231.0.2 . tcp . 8000-8001",
                                                                        "host_ports 10.231.0.2 . udp . 8000-8001"});
}

TEST_CASE("elements of published ports: by address, family and scope") {
  auto a = endpoint("a", 2);
  a.config.publish = {{"", 3000, 80, 2, Protocol::tcp, {}},
                      {"192.0.2.9", 53, 53, 1, Protocol::udp, {}},
                      {"2001:db8::9", 53, 53, 1, Protocol::udp, {}},
                      {"127.0.0.1", 4000, 80, 1, Protocol::tcp, {}},
                      {"::1", 4001, 80, 1, Protocol::tcp, {}},
                      {"", 5000, 80, 1, Protocol::tcp, PublishScope::host},
                      {"192.0.2.9", 5001, 80, 1, Protocol::tcp, PublishScope::host},
                      {"", 6000, 80, 1, Protocol::tcp, PublishScope::loopback}};
  CHECK(texts(firewall_elements(settings_without_ipv6(), {a})) ==
        Texts{"published tcp . 3000 : 10.231.0.2 . 80", "published tcp . 3001 : 10.231.0.2 . 81",
              "published_here tcp . 5000 : 10.231.0.2 . 80",
              "published_here_on 192.0.2.9 . tcp . 5001 : 10.231.0.2 . 80",
              "published_on 192.0.2.9 . udp . 53 : 10.231.0.2 . 53"});
  const auto both = texts(firewall_elements(settings_with_ipv6(), {a}));
  CHECK(both.size() == 9);
  CHECK(std::find(both.begin(), both.end(), "published_on6 2001:db8::9 . udp . 53 : fd12:3456:789a:1::ae7:2 . 53") !=
        both.end());
  Settings closed = settings_without_ipv6();
  closed.publish_scope = PublishScope::loopback;
  CHECK(texts(firewall_elements(closed, {a})) == Texts{"published_here tcp . 5000 : 10.231.0.2 . 80",
                                                       "published_here_on 192.0.2.9 . tcp . 5001 : 10.231.0.2 . 80"});
}

TEST_CASE("the difference removes what is gone and adds what is new, nothing else") {
  auto a = endpoint("a", 2);
  const auto b = endpoint("b", 3);
  a.config.links = {link_to("b", 1)};
  const auto before = firewall_elements(settings_without_ipv6(), {a, b});
  a.config.links = {link_to("b", 2)};
  const auto changes = difference(before, firewall_elements(settings_without_ipv6(), {a, b}));
  REQUIRE(changes.size() == 2);
  CHECK(changes[0].remove);
  CHECK_FALSE(changes[1].remove);
  CHECK(changes[0].set == "links");
  CHECK(difference(before, before).empty());
}
