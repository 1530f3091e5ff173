// What changes around running endpoints: host names, networks, links that are taken away; and what is not even looked
// at.
#include "base/log.hpp"
#include "linux/conntrack.hpp"
#include "linux/namespaces.hpp"
#include "network/records.hpp"
#include "network_rig.hpp"
#include "store/records.hpp"
#include "support/catch.hpp"

#include <filesystem>

namespace base = conductor::base;
namespace network = conductor::network;
namespace linux = conductor::linux;
namespace store = conductor::store;
using test::Outcome;
using test::Rig;

namespace {

network::EndpointConfig linked_to(const std::string& peer, int port) {
  network::EndpointConfig config;
  network::Link link;
  link.peer = peer;
  link.first_port = port;
  config.links = {link};
  return config;
}

network::EndpointConfig member_of(const std::string& name, const std::string& ipv4 = {}) {
  network::EndpointConfig config;
  network::Membership membership;
  membership.network = name;
  membership.ipv4 = ipv4;
  config.networks = {membership};
  return config;
}

network::NetworkConfig lan(const std::string& subnet) {
  network::NetworkConfig config;
  config.name = "lan";
  config.subnet = subnet;
  return config;
}

std::size_t connections_of(const std::string& address) {
  return linux::connections({*linux::parse_prefix(address)}).size();
}

// Counts warnings for as long as it lives.
class Warnings {
 public:
  Warnings() {
    base::set_log_sink([this](base::LogLevel level, std::string_view) { count_ += level >= base::LogLevel::warning; });
  }
  ~Warnings() { base::set_log_sink({}); }
  Warnings(const Warnings&) = delete;
  Warnings& operator=(const Warnings&) = delete;
  int count() const { return count_; }

 private:
  int count_ = 0;
};

}  // namespace

TEST_CASE("a host name opens what it stands for, on its ports, and what it stood for one change longer") {
  NEEDS_NAMESPACES();
  Rig rig;
  rig.serve(rig.neighbour(), 8080);
  rig.serve(rig.neighbour(), 8081);
  rig.serve(rig.host(), 8080);
  network::EndpointConfig config;
  config.internet_to = {{"*.example.org", {network::Protocol::tcp, 8080, 0}}};
  rig.start("a", config);
  const auto to_neighbour = [&](int port) { return rig.connect(rig.space("a"), test::neighbour_address, port); };
  const auto says = [&](std::vector<std::string> addresses) {
    rig.network().set_resolved("a", {"api.example.org", std::move(addresses)});
  };
  CHECK(to_neighbour(8080) == Outcome::refused);
  says({test::neighbour_address, test::host_on_uplink, "127.0.0.1"});
  CHECK(to_neighbour(8080) == Outcome::connected);
  CHECK(to_neighbour(8081) == Outcome::refused);
  CHECK(rig.connect(rig.space("a"), test::host_on_uplink, 8080) == Outcome::refused);
  says({"203.0.113.1"});
  CHECK(to_neighbour(8080) == Outcome::connected);
  says({"203.0.113.2"});
  CHECK(to_neighbour(8080) == Outcome::refused);
  CHECK_THROWS_WITH(rig.network().set_resolved("a", {"example.net", {"203.0.113.2"}}), Contains("may not reach"));

  // Not of the next start.
  says({test::neighbour_address});
  rig.stop("a");
  rig.restart("a");
  CHECK(to_neighbour(8080) == Outcome::refused);
}

TEST_CASE("members of a network reach each other at the network's addresses, and nobody else does") {
  NEEDS_NAMESPACES();
  Rig rig;
  rig.start("outsider");
  rig.network().create_network(lan("172.31.7.0/24"));
  rig.network().create_network(lan("172.31.7.0/24"));
  CHECK_THROWS_WITH(rig.network().create_network(lan("172.31.8.0/24")), Contains("exists with other settings"));
  rig.start("a", member_of("lan"));
  CHECK(rig.start("b", member_of("lan", "172.31.7.77")).addresses == std::vector<std::string>{"172.31.7.77"});
  rig.serve("a", 8080);
  rig.serve("b", 8080);
  CHECK(rig.connect(rig.space("a"), "172.31.7.77", 8080) == Outcome::connected);
  CHECK(rig.connect("a", "b", 8080) == Outcome::connected);
  CHECK(rig.connect(rig.space("b"), "172.31.7.2", 8080) == Outcome::connected);
  CHECK(rig.connect(rig.space("outsider"), "172.31.7.77", 8080) != Outcome::connected);
  CHECK(rig.connect(rig.neighbour(), "172.31.7.77", 8080) != Outcome::connected);
  CHECK(rig.connect(rig.host(), "172.31.7.77", 8080) == Outcome::connected);

  CHECK_THROWS_WITH(rig.network().remove_network("lan"), Contains("in use by a, b"));
  CHECK_THROWS_WITH(rig.network().remove_network("lam"), Contains("did you mean 'lan'"));
  for (const char* id : {"a", "b"}) {
    rig.stop(id);
    rig.network().forget(id);
  }
  rig.network().remove_network("lan");
  CHECK(rig.network().networks().empty());
  CHECK(store::list_directory(rig.locations().network() + "/addresses").size() == 1);
}

TEST_CASE("a network that is joined while running brings its addresses at once, and they stay until the next start") {
  NEEDS_NAMESPACES();
  Rig rig;
  rig.network().create_network(lan("172.31.7.0/24"));
  rig.start("b", member_of("lan", "172.31.7.77"));
  rig.start("a");
  rig.serve("a", 8080);
  rig.serve("b", 8080);
  REQUIRE_THROWS_WITH(rig.network().reconfigure("a", member_of("lan", "172.31.7.77")), Contains("is taken by"));
  CHECK(rig.network().verify().empty());
  rig.network().reconfigure("a", member_of("lan", "172.31.7.5"));
  CHECK(rig.network().find("a")->addresses == std::vector<std::string>{"172.31.7.5"});
  CHECK(rig.connect(rig.space("b"), "172.31.7.5", 8080) == Outcome::connected);
  CHECK(rig.connect(rig.space("a"), "172.31.7.77", 8080) == Outcome::connected);
  CHECK(rig.connect(rig.host(), "172.31.7.5", 8080) == Outcome::connected);
  CHECK(rig.network().verify().empty());

  rig.network().reconfigure("a", {});
  CHECK(rig.connect(rig.space("b"), "172.31.7.5", 8080) != Outcome::connected);
  CHECK(rig.network().verify().empty());
  rig.stop("a");
  rig.restart("a");
  CHECK(rig.network().verify().empty());
}

TEST_CASE("an address that was taken by a change that was never written is given back") {
  NEEDS_NAMESPACES();
  Rig rig;
  rig.network().create_network(lan("172.31.7.0/24"));
  const auto endpoint = rig.start("a");
  const network::Records records(rig.locations());
  records.begin_change(endpoint);
  REQUIRE(network::claim_file(records.addresses() + "/172.31.7.5", "a"));
  rig.network().repair();
  CHECK_FALSE(std::filesystem::exists(records.addresses() + "/172.31.7.5"));
  CHECK(rig.network().find("a")->address == endpoint.address);
  CHECK(store::list_directory(records.addresses()).size() == 1);
}

TEST_CASE("connections are forgotten with the link that allowed them, others are kept") {
  NEEDS_NAMESPACES();
  Rig rig;
  rig.start("b");
  rig.start("c");
  auto config = linked_to("b", 8080);
  config.links.push_back(linked_to("c", 8080).links.front());
  rig.start("a", config);
  for (const char* id : {"b", "c"}) {
    rig.serve(id, 8080);
    REQUIRE(rig.connect("a", id, 8080) == Outcome::connected);
  }
  CHECK(connections_of(rig.address("b")) == 1);
  auto narrower = linked_to("c", 8080);
  narrower.names = {"a"};
  rig.network().reconfigure("a", narrower);
  CHECK(connections_of(rig.address("b")) == 0);
  CHECK(connections_of(rig.address("c")) == 1);
  rig.stop("a");
  CHECK(connections_of(rig.address("c")) == 0);
}

TEST_CASE("who attaches or leaves reads nothing of those it has nothing to do with") {
  NEEDS_NAMESPACES();
  Rig rig;
  rig.start("b");
  network::Records records(rig.locations());
  for (int i = 0; i < 50; ++i) {
    network::Endpoint other;
    other.id = "other" + std::to_string(i);
    other.address = rig.settings().subnet + 1000 + static_cast<unsigned>(i);
    other.config = linked_to("other" + std::to_string(i + 1), 80);
    other.config.names = {other.id};
    records.write(other, false);
    records.set_attached(other.id, rig.settings().interface_prefix + "fake" + std::to_string(i));
  }
  auto config = linked_to("b", 8080);
  config.names = {"a"};
  rig.network().reserve("a", config);
  records.related(*records.find("a"));  // the index is made
  // Whoever reads one of these from now on says so.
  for (int i = 0; i < 50; ++i)
    store::write_file_atomically(rig.locations().network() + "/endpoints/other" + std::to_string(i) + ".json", "{",
                                 false);
  const Warnings warnings;
  rig.restart("a");
  rig.serve("b", 8080);
  CHECK(rig.connect("a", "b", 8080) == Outcome::connected);
  config.links.push_back(linked_to("b", 8081).links.front());
  rig.network().reconfigure("a", config);
  rig.stop("a");
  CHECK(warnings.count() == 0);
}

TEST_CASE("a change of whose command nothing but the record was done is finished by the next one") {
  NEEDS_NAMESPACES();
  Rig rig;
  rig.start("b");
  rig.serve("b", 8080);
  rig.serve("b", 9090);
  rig.start("a", linked_to("b", 8080));
  const network::Records records(rig.locations());
  const auto before = records.find("a");
  REQUIRE(before);
  network::Endpoint after = *before;
  after.config.links = linked_to("b", 9090).links;
  records.begin_change(*before);
  records.write(after, false);
  REQUIRE(rig.connect("a", "b", 8080) == Outcome::connected);
  CHECK_FALSE(rig.network().stands());

  SECTION("repair") {
    rig.network().repair();
    CHECK(rig.connect("a", "b", 9090) == Outcome::connected);
    CHECK(rig.connect("a", "b", 8080) == Outcome::refused);
  }
  SECTION("the endpoint's end") { rig.stop("a"); }
  SECTION("an endpoint that is gone") {
    rig.stop("a");
    rig.network().forget("a");
    records.begin_change(*before);
    rig.network().repair();
  }
  CHECK(rig.network().stands());
  CHECK(rig.network().verify().empty());
}
