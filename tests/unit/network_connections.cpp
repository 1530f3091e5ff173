// Which tracked connections what is declared still allows.
#include "network/connections.hpp"
#include "network_samples.hpp"
#include "support/catch.hpp"

#include <netinet/in.h>

using namespace conductor::network;
namespace linux = conductor::linux;
using test::endpoint;
using test::link_to;
using test::settings_with_ipv6;

namespace {

linux::Connection connection(const std::string& from, const std::string& to, int port, int protocol = IPPROTO_TCP) {
  linux::Connection c;
  c.protocol = static_cast<std::uint8_t>(protocol);
  c.source = *linux::parse_ip(from);
  c.destination = c.translated_destination = *linux::parse_ip(to);
  c.source_port = 40000;
  c.destination_port = c.translated_port = static_cast<std::uint16_t>(port);
  return c;
}

bool declared(const Endpoint& e, const std::vector<Endpoint>& peers, const linux::Connection& c) {
  return is_declared(settings_with_ipv6(), e, peers, c);
}

constexpr const char* a6 = "fd12:3456:789a:1::ae7:2";
constexpr const char* b6 = "fd12:3456:789a:1::ae7:3";

}  // namespace

TEST_CASE("connections of links, seen from either end") {
  auto a = endpoint("a", 2);
  const auto b = endpoint("b", 3);
  a.config.links = {link_to("b", 8080)};
  CHECK(declared(a, {b}, connection("10.231.0.2", "10.231.0.3", 8080)));
  CHECK(declared(b, {a}, connection("10.231.0.2", "10.231.0.3", 8080)));
  CHECK(declared(a, {b}, connection(a6, b6, 8080)));
  CHECK(declared(a, {b}, connection("10.231.0.2", "10.231.0.3", 0, IPPROTO_ICMP)));
  CHECK_FALSE(declared(a, {b}, connection("10.231.0.2", "10.231.0.3", 8081)));
  CHECK_FALSE(declared(a, {b}, connection("10.231.0.2", "10.231.0.3", 8080, IPPROTO_UDP)));
  CHECK_FALSE(declared(a, {b}, connection("10.231.0.3", "10.231.0.2", 8080)));
  CHECK_FALSE(declared(b, {a}, connection("10.231.0.3", "10.231.0.2", 0, IPPROTO_ICMP)));
  CHECK_FALSE(declared(a, {}, connection("10.231.0.2", "10.231.0.3", 8080)));
  CHECK_FALSE(declared(b, {}, connection("10.231.0.2", "10.231.0.3", 8080)));
}

TEST_CASE("connections to outside and to services of the host") {
  auto a = endpoint("a", 2);
  CHECK_FALSE(declared(a, {}, connection("10.231.0.2", "192.0.2.1", 443)));
  a.config.internet_to = {{"192.0.2.0/24", {Protocol::tcp, 443, 0}}};
  CHECK(declared(a, {}, connection("10.231.0.2", "192.0.2.1", 443)));
  CHECK_FALSE(declared(a, {}, connection("10.231.0.2", "192.0.2.1", 80)));
  CHECK_FALSE(declared(a, {}, connection("10.231.0.2", "192.0.3.1", 443)));
  CHECK_FALSE(declared(a, {}, connection("10.231.0.2", "192.0.2.1", 443, IPPROTO_UDP)));
  a.config.internet_to.clear();
  a.config.internet = true;
  CHECK(declared(a, {}, connection("10.231.0.2", "192.0.3.1", 1, IPPROTO_UDP)));
  CHECK(declared(a, {}, connection(a6, "2001:db8::1", 1)));
  CHECK_FALSE(declared(a, {}, connection(a6, b6, 1)));
  a.config.internet = false;
  a.config.host_ports = {{Protocol::tcp, 5432, 0}};
  CHECK(declared(a, {}, connection("10.231.0.2", "169.254.1.1", 5432)));
  CHECK(declared(a, {}, connection(a6, "fd12:3456:789a:1::1", 5432)));
  CHECK_FALSE(declared(a, {}, connection("10.231.0.2", "169.254.1.1", 5433)));
}

TEST_CASE("connections to published ports, and the host's own") {
  auto a = endpoint("a", 2);
  auto published = connection("192.0.2.77", "198.51.100.1", 3001);
  published.translated_destination = *linux::parse_ip("10.231.0.2");
  published.translated_port = 81;
  CHECK_FALSE(declared(a, {}, published));
  a.config.publish = {{"", 3000, 80, 2, Protocol::tcp, {}}};
  CHECK(declared(a, {}, published));
  a.config.publish.front().scope = PublishScope::loopback;
  CHECK_FALSE(declared(a, {}, published));
  CHECK(declared(a, {}, connection("169.254.1.1", "10.231.0.2", 9)));
}
