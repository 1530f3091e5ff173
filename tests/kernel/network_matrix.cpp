// Who reaches whom: with the table, without it, restored.
#include "linux/nftables.hpp"
#include "network_rig.hpp"
#include "support/catch.hpp"

namespace network = conductor::network;
namespace linux = conductor::linux;
using test::Outcome;
using test::Rig;

namespace {

network::Publish publish(int host_port, int container_port, const std::string& host_ip = {}) {
  network::Publish p;
  p.host_ip = host_ip;
  p.host_port = host_port;
  p.container_port = container_port;
  return p;
}

network::Link link_to(const std::string& peer, int first = 0, int last = 0,
                      network::Protocol protocol = network::Protocol::any) {
  network::Link link;
  link.peer = peer;
  link.first_port = first;
  link.last_port = last;
  link.protocol = protocol;
  return link;
}

// a may open b:8080, has the internet and publishes 3000; b and c have nothing.
void start_three(Rig& rig) {
  network::EndpointConfig a;
  a.links = {link_to("b", 8080)};
  a.internet = true;
  a.publish = {publish(3000, 8080)};
  rig.start("a", a);
  rig.start("b");
  rig.start("c");
  for (const char* id : {"a", "b"}) rig.serve(id, 8080);
  rig.serve("b", 9090);
  rig.serve(rig.neighbour(), 80);
  rig.serve(rig.host(), 8099);
}

// What is never possible.
void require_isolation(const Rig& rig) {
  CHECK(rig.connect("c", "b", 8080) != Outcome::connected);
  CHECK(rig.connect("b", "a", 8080) != Outcome::connected);
  CHECK(rig.connect("a", "b", 9090) != Outcome::connected);
  CHECK(rig.connect(rig.neighbour(), rig.address("a"), 8080) != Outcome::connected);
  CHECK(rig.connect(rig.neighbour(), rig.address("b"), 8080) != Outcome::connected);
  CHECK(rig.connect(rig.space("b"), test::neighbour_address, 80) != Outcome::connected);
  CHECK(rig.connect(rig.space("c"), test::host_on_uplink, 3000) != Outcome::connected);
}

void require_declared(const Rig& rig) {
  CHECK(rig.connect("a", "b", 8080) == Outcome::connected);
  CHECK(rig.connect(rig.space("a"), test::neighbour_address, 80) == Outcome::connected);
  CHECK(rig.connect(rig.host(), test::host_on_uplink, 3000) == Outcome::connected);
  CHECK(rig.connect(rig.neighbour(), test::host_on_uplink, 3000) == Outcome::connected);
  CHECK(rig.connect(rig.host(), rig.address("b"), 9090) == Outcome::connected);
}

}  // namespace

TEST_CASE("only what is declared can be reached") {
  NEEDS_NAMESPACES();
  Rig rig;
  start_three(rig);
  require_declared(rig);
  require_isolation(rig);
  // At once, not after a time-out.
  CHECK(rig.connect("a", "b", 9090) == Outcome::refused);
  CHECK(rig.connect("c", "b", 8080) == Outcome::unreachable);
  CHECK(rig.connect(rig.space("b"), "169.254.1.1", 8099) == Outcome::refused);
  CHECK(rig.connect(rig.space("a"), "169.254.1.1", 8099) == Outcome::refused);
  CHECK(rig.connect(rig.space("a"), test::host_on_uplink, 8099) == Outcome::refused);
  CHECK(rig.connect(rig.space("a"), test::host_on_uplink, 3000) == Outcome::refused);
}

TEST_CASE("without the table nothing is forwarded, and repair brings all of it back") {
  NEEDS_NAMESPACES();
  Rig rig;
  start_three(rig);
  const std::string before = linux::list_nft_table("inet", "conductor");
  linux::run_nft("delete table inet conductor");

  require_isolation(rig);
  CHECK(rig.connect("a", "b", 8080) != Outcome::connected);
  CHECK(rig.connect(rig.space("a"), test::neighbour_address, 80) != Outcome::connected);
  CHECK(rig.connect(rig.host(), test::host_on_uplink, 3000) != Outcome::connected);
  CHECK(rig.connect(rig.neighbour(), test::host_on_uplink, 3000) != Outcome::connected);
  // Not even with the host itself: what it offers on all addresses would be open to containers.
  CHECK(rig.connect(rig.host(), rig.address("b"), 9090) == Outcome::silent);
  CHECK(rig.connect(rig.space("a"), test::host_to_endpoints, 8099) != Outcome::connected);
  CHECK(rig.connect(rig.space("a"), test::host_on_uplink, 8099) != Outcome::connected);

  rig.network().repair();
  CHECK(linux::list_nft_table("inet", "conductor") == before);
  require_declared(rig);
  require_isolation(rig);
}

TEST_CASE("policy rules that somebody removed come back with repair") {
  NEEDS_NAMESPACES();
  Rig rig;
  start_three(rig);
  const auto before = rig.census();
  linux::Netlink netlink;
  for (const auto& rule : netlink.rules())
    if (rule.prohibit) netlink.remove_rule(rule);
  netlink.send();
  REQUIRE(rig.census() != before);
  rig.network().repair();
  CHECK(rig.census() == before);
  require_declared(rig);
}

TEST_CASE("the last detach leaves the host as it was") {
  NEEDS_NAMESPACES();
  Rig rig;
  const auto before = rig.census();
  start_three(rig);
  CHECK(rig.census() != before);
  CHECK(test::read_setting("up0", "forwarding") == "1");
  CHECK(test::read_setting("all", "forwarding") == "0");
  rig.stop("a");
  rig.stop("b");
  CHECK(linux::nft_table_exists("inet", "conductor"));
  rig.stop("c");
  CHECK(rig.census() == before);
  rig.stop("c");  // again is fine
  CHECK(rig.census() == before);
}

TEST_CASE("an uplink that forwarded before goes on forwarding") {
  NEEDS_NAMESPACES();
  Rig rig;
  test::write_setting("up0", "forwarding", "1");
  const auto before = rig.census();
  rig.start("a");
  rig.stop("a");
  CHECK(rig.census() == before);
}

TEST_CASE("the host does not become a router for its neighbours") {
  NEEDS_NAMESPACES();
  Rig rig;
  const auto third = test::make_network_namespace();
  linux::Netlink netlink;
  netlink.add_veth({"third0", std::string("\x02\0\0\0\1\x01", 6)}, 0, 1500, third,
                   {"eth0", std::string("\x02\0\0\0\1\x02", 6)});
  netlink.send();
  const int index = netlink.link("third0")->index;
  netlink.set_link_up(index);
  netlink.add_address(index, *linux::parse_ipv4("203.0.113.1"), 24);
  netlink.send();
  rig.start("a");
  CHECK(rig.connect(rig.neighbour(), "203.0.113.7", 80) == Outcome::unreachable);
  CHECK(rig.connect(rig.neighbour(), test::host_on_uplink, 80) == Outcome::refused);  // the host itself still answers
}

TEST_CASE("links without ports, with ranges and protocols") {
  NEEDS_NAMESPACES();
  Rig rig;
  for (const char* id : {"all", "range", "tcp"}) {
    rig.start(id);
    for (const int port : {80, 8000, 8005, 8010, 8011}) rig.serve(id, port);
  }
  network::EndpointConfig a;
  a.links = {link_to("all"), link_to("range", 8000, 8008), link_to("range", 8005, 8010),
             link_to("tcp", 0, 0, network::Protocol::tcp)};
  rig.start("a", a);
  CHECK(rig.connect("a", "all", 80) == Outcome::connected);
  CHECK(rig.connect("a", "all", 81) == Outcome::refused);
  for (const int port : {8000, 8005, 8010}) CHECK(rig.connect("a", "range", port) == Outcome::connected);
  CHECK(rig.connect("a", "range", 8011) == Outcome::refused);
  CHECK(rig.connect("a", "range", 80) == Outcome::refused);
  CHECK(rig.connect("a", "tcp", 8011) == Outcome::connected);
  CHECK(rig.connect("all", "a", 80) == Outcome::refused);
}

TEST_CASE("an echo request follows a link") {
  NEEDS_NAMESPACES();
  Rig rig;
  rig.start("b");
  network::EndpointConfig a;
  a.links = {link_to("b", 8080)};
  rig.start("a", a);
  CHECK(rig.ping(rig.space("a"), rig.address("b")));
  CHECK_FALSE(rig.ping(rig.space("b"), rig.address("a")));
  CHECK_FALSE(rig.ping(rig.space("a"), "169.254.1.1"));
  CHECK(rig.ping(rig.host(), rig.address("b")));
}

TEST_CASE("internet can be limited to networks") {
  NEEDS_NAMESPACES();
  Rig rig;
  network::EndpointConfig some, other;
  some.internet = other.internet = true;
  some.internet_to = {{"198.51.100.0/28", {}}, {"198.51.100.8/29", {}}, {"192.0.2.1", {}}};
  other.internet_to = {{"192.0.2.0/24", {}}};
  rig.start("some", some);
  rig.start("other", other);
  rig.serve(rig.neighbour(), 80);
  CHECK(rig.connect(rig.space("some"), test::neighbour_address, 80) == Outcome::connected);
  CHECK(rig.connect(rig.space("other"), test::neighbour_address, 80) == Outcome::refused);
}

TEST_CASE("a port published on one address is on that one alone") {
  NEEDS_NAMESPACES();
  Rig rig;
  network::EndpointConfig a;
  a.publish = {publish(3001, 8080, test::host_on_uplink), publish(3002, 8080, "127.0.0.1")};
  const auto endpoint = rig.start("a", a);
  rig.serve("a", 8080);
  CHECK(rig.connect(rig.neighbour(), test::host_on_uplink, 3001) == Outcome::connected);
  CHECK(rig.connect(rig.host(), test::host_on_uplink, 3001) == Outcome::connected);
  CHECK(rig.connect(rig.neighbour(), test::host_on_uplink, 3002) == Outcome::refused);
  const auto listeners = rig.network().listen(endpoint);
  CHECK(rig.connect(rig.host(), "127.0.0.1", 3002) == Outcome::connected);  // the listening socket
  CHECK(rig.connect(rig.host(), "127.0.0.1", 3001) == Outcome::refused);
}

TEST_CASE("links, internet and ports of a running endpoint can be changed") {
  NEEDS_NAMESPACES();
  Rig rig;
  rig.start("a");
  rig.start("b");
  rig.serve("a", 8080);
  rig.serve("b", 8080);
  rig.serve(rig.neighbour(), 80);
  CHECK(rig.connect("a", "b", 8080) == Outcome::unreachable);

  network::EndpointConfig a;
  a.names = {"a"};
  a.links = {link_to("b", 8080)};
  a.internet = true;
  a.publish = {publish(3000, 8080)};
  rig.network().reconfigure("a", a);
  CHECK(rig.connect("a", "b", 8080) == Outcome::connected);
  CHECK(rig.connect(rig.space("a"), test::neighbour_address, 80) == Outcome::connected);
  CHECK(rig.connect(rig.neighbour(), test::host_on_uplink, 3000) == Outcome::connected);

  a.links.clear();
  a.internet = false;
  a.publish.clear();
  rig.network().reconfigure("a", a);
  CHECK(rig.connect("a", "b", 8080) == Outcome::unreachable);
  CHECK(rig.connect(rig.space("a"), test::neighbour_address, 80) == Outcome::unreachable);
  CHECK(rig.connect(rig.neighbour(), test::host_on_uplink, 3000) == Outcome::refused);
}

TEST_CASE("a peer that is restarted is reached again, a stopped one is not") {
  NEEDS_NAMESPACES();
  Rig rig;
  network::EndpointConfig a;
  a.links = {link_to("group", 8080)};
  rig.start("a", a);
  network::EndpointConfig b;
  b.names = {"b"};
  b.groups = {"group"};
  rig.start("b", b);
  rig.serve("b", 8080);
  CHECK(rig.connect("a", "b", 8080) == Outcome::connected);
  rig.stop("b");
  CHECK(rig.connect("a", "b", 8080) == Outcome::unreachable);
  rig.restart("b");
  rig.serve("b", 8080);
  CHECK(rig.connect("a", "b", 8080) == Outcome::connected);
}

TEST_CASE("two instances on one host do not meet") {
  NEEDS_NAMESPACES();
  Rig rig;
  rig.start("a");
  rig.serve("a", 80);
  const conductor::store::Locations other_place{rig.path("other"), rig.path("other-run"), "conductor-0a1b2c"};
  const auto space = test::make_network_namespace();
  network::Network other(other_place, [](const std::string&) { return std::nullopt; });
  network::EndpointConfig config;
  config.names = {"x"};
  config.internet = true;
  other.reserve("x", config);
  other.attach("x", space);
  rig.serve(rig.neighbour(), 80);
  CHECK(rig.connect(space, test::neighbour_address, 80) == Outcome::connected);
  CHECK(rig.connect(space, rig.address("a"), 80) != Outcome::connected);
  rig.stop("a");
  CHECK(rig.connect(space, test::neighbour_address, 80) == Outcome::connected);
  CHECK(test::read_setting("up0", "forwarding") == "1");
  other.detach("x");
  CHECK(test::read_setting("up0", "forwarding") == "0");
  CHECK(test::read_setting("up0", "src_valid_mark") == "0");
}
