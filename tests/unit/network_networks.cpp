// What may become a network, and addresses in its subnets.
#include "network/addresses.hpp"
#include "network/networks.hpp"
#include "network_samples.hpp"
#include "store/records.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

using namespace conductor::network;
namespace linux = conductor::linux;
using test::endpoint;
using test::settings_with_ipv6;
using test::settings_without_ipv6;

namespace {

NetworkConfig network(const std::string& name, const std::string& subnet = {}, const std::string& subnet6 = {}) {
  NetworkConfig config;
  config.name = name;
  config.subnet = subnet;
  config.subnet6 = subnet6;
  return config;
}

// Records in a directory of their own, with a network "lan" of 172.20.0.0/29 and fd00:7::/64.
struct World {
  test::TemporaryDirectory directory;
  Records records{{directory / "root", directory / "run", "conductor"}};
  World() { write_network(records, network("lan", "172.20.0.0/29", "fd00:7::/64")); }

  Endpoint member(const std::string& id, int number, const std::string& ipv4 = {}, const std::string& ipv6 = {}) {
    Endpoint e = endpoint(id, number);
    Membership membership;
    membership.network = "lan";
    membership.ipv4 = ipv4;
    membership.ipv6 = ipv6;
    e.config.networks = {membership};
    return e;
  }
  std::vector<std::string> take(Endpoint e, const Settings& settings = settings_without_ipv6()) {
    e.addresses = take_network_addresses(settings, records, e);
    records.write(e, false);
    return e.addresses;
  }
};

using Addresses = std::vector<std::string>;

}  // namespace

TEST_CASE("networks are kept apart from each other, from our ranges and from the host's") {
  const auto settings = settings_with_ipv6();
  const std::vector<NetworkConfig> others{network("other", "172.20.0.0/24", "fd00:1::/64"), network("bare")};
  const std::vector<HostNetwork> host{{*linux::parse_prefix("192.168.1.0/24"), "eth0"}};
  const auto check = [&](const NetworkConfig& n) { validate_network(n, others, settings, host); };
  CHECK_NOTHROW(check(network("a")));
  CHECK_NOTHROW(check(network("a", "172.21.0.0/24", "fd00:2::/64")));
  CHECK_NOTHROW(check(network("other", "172.20.0.0/24")));
  CHECK_THROWS_WITH(check(network("a", "172.20.0.128/25")), Contains("overlaps 172.20.0.0/24, network other"));
  CHECK_THROWS_WITH(check(network("a", "", "fd00:1::/48")), Contains("network other"));
  CHECK_THROWS_WITH(check(network("a", "10.231.4.0/24")), Contains("the range of all containers"));
  CHECK_THROWS_WITH(check(network("a", "", "fd12:3456:789a:1::/80")), Contains("the range of all containers"));
  CHECK_THROWS_WITH(check(network("a", "192.168.0.0/16")), Contains("192.168.1.0/24, a network of this host (eth0)"));
}

TEST_CASE("names and subnets that cannot be meant are refused") {
  const auto check = [&](const NetworkConfig& n) { validate_network(n, {}, settings_without_ipv6(), {}); };
  CHECK_THROWS_WITH(check(network("a b")), Contains("network"));
  CHECK_THROWS_WITH(check(network("host")), Contains("name of a mode"));
  for (const char* bad : {"172.20.0.0/30", "172.20.0.0/7", "words", "fd00::/64"})
    CHECK_THROWS_WITH(check(network("a", bad)), Contains("no IPv4 subnet of /8 to /29"));
  for (const char* bad : {"fd00::/121", "fd00::/31", "172.20.0.0/24"})
    CHECK_THROWS_WITH(check(network("a", "", bad)), Contains("no IPv6 subnet of /32 to /120"));
}

TEST_CASE("records of networks") {
  World world;
  write_network(world.records, network("alpha"));
  CHECK(read_networks(world.records).size() == 2);
  CHECK(read_networks(world.records).front().name == "alpha");
  CHECK(read_network(world.records, "lan")->subnet == "172.20.0.0/29");
  CHECK_FALSE(read_network(world.records, "nobody"));
  CHECK_FALSE(read_network(world.records, "../range"));
  CHECK(network_subnets(read_networks(world.records)).size() == 2);
  CHECK(erase_network(world.records, "alpha"));
  CHECK_FALSE(erase_network(world.records, "alpha"));
}

TEST_CASE("members get addresses of the subnets in turn, until none is left") {
  World world;
  CHECK(world.take(world.member("a", 2), settings_with_ipv6()) == Addresses{"172.20.0.2", "fd00:7::2"});
  CHECK(world.take(world.member("b", 3)) == Addresses{"172.20.0.3"});
  // An id keeps what it has.
  CHECK(world.take(*world.records.find("b")) == Addresses{"172.20.0.3"});
  for (const auto& [id, expected] : {std::pair("c", "172.20.0.4"), {"d", "172.20.0.5"}, {"e", "172.20.0.6"}})
    CHECK(world.take(world.member(id, 4)) == Addresses{expected});
  CHECK_THROWS_WITH(world.take(world.member("f", 9)),
                    Contains("all addresses of network lan (172.20.0.0/29) are taken"));
  give_back_addresses(world.records, {"172.20.0.4"});
  CHECK(world.take(world.member("f", 9)) == Addresses{"172.20.0.4"});
}

TEST_CASE("an address that is asked for is taken exactly once, and names its holder") {
  World world;
  CHECK(world.take(world.member("a", 2, "172.20.0.5")) == Addresses{"172.20.0.5"});
  CHECK_THROWS_WITH(world.take(world.member("b", 3, "172.20.0.5")), Contains("172.20.0.5 is taken by container a"));
  CHECK_THROWS_WITH(world.take(world.member("b", 3, "172.20.1.5")), Contains("its subnet is 172.20.0.0/29"));
  CHECK_THROWS_WITH(world.take(world.member("b", 3, "172.20.0.7")), Contains("its subnet is"));
  CHECK_THROWS_WITH(world.take(world.member("b", 3, "words")), Contains("is no IP address"));
  // What was taken before the refusal is free again.
  CHECK_THROWS(world.take(world.member("b", 3, "172.20.0.6", "fd00:8::1"), settings_with_ipv6()));
  CHECK(world.take(world.member("c", 4, "172.20.0.6", "fd00:7::99"), settings_with_ipv6()) ==
        Addresses{"172.20.0.6", "fd00:7::99"});
}

TEST_CASE("a network without a subnet, or without a record, gives names alone") {
  World world;
  auto e = endpoint("a", 2);
  Membership membership;
  membership.network = "unknown";
  e.config.networks = {membership};
  CHECK(world.take(e).empty());
  e.config.networks.front().ipv4 = "172.20.0.5";
  CHECK_THROWS_WITH(world.take(e), Contains("network unknown has no subnet"));
}

TEST_CASE("in internal networks alone there is neither internet nor a published port") {
  const World world;
  NetworkConfig closed = network("closed");
  closed.internal = true;
  write_network(world.records, closed);
  const auto ask = [&](std::vector<Membership> networks, bool internet, bool publishes) {
    EndpointConfig config;
    config.networks = std::move(networks);
    config.internet = internet;
    if (publishes) config.publish = {{"", 3000, 80, 1, Protocol::tcp, {}}};
    require_given_by_networks(world.records, config);
  };
  const Membership inside{"closed", {}, true, "", ""}, open{"lan", {}, true, "", ""},
      names{"closed", {}, false, "", ""};
  CHECK_NOTHROW(ask({inside}, false, false));
  CHECK_THROWS_WITH(ask({inside}, true, false), Contains("cannot have internet") && Contains("'closed' is internal"));
  CHECK_THROWS_WITH(ask({inside}, false, true), Contains("cannot publish ports"));
  CHECK_NOTHROW(ask({inside, open}, true, true));
  CHECK_NOTHROW(ask({names}, true, true));  // a network that gives names alone gives no less either
  CHECK_NOTHROW(ask({}, true, true));
}
