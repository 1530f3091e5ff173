// The kernel's names of an instance, and its ranges beside the host's networks.
#include "network/settings.hpp"
#include "store/records.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

#include <cstdlib>

using namespace conductor::network;
namespace linux = conductor::linux;
namespace store = conductor::store;

namespace {

HostNetwork on(const std::string& interface, const std::string& prefix) {
  return {*linux::parse_prefix(prefix), interface};
}

std::string chosen(const std::string& instance, const std::vector<HostNetwork>& taken) {
  return linux::to_text(choose_range(range_candidates(instance), taken));
}

// A machine's configuration file for as long as it lives.
class Configuration {
 public:
  explicit Configuration(const std::string& text) {
    store::write_file_atomically(directory_ / "config", text, false);
    ::setenv("CONDUCTOR_CONFIG", (directory_ / "config").c_str(), 1);
  }
  ~Configuration() { ::unsetenv("CONDUCTOR_CONFIG"); }
  Configuration(const Configuration&) = delete;
  Configuration& operator=(const Configuration&) = delete;
  store::Locations locations() const { return {directory_ / "root", directory_ / "run", "conductor"}; }

 private:
  test::TemporaryDirectory directory_;
};

}  // namespace

TEST_CASE("the default instance has plain names") {
  const Configuration configuration("subnet = 10.77.0.0/16\n");
  const auto settings = Settings::of(configuration.locations());
  CHECK(settings.table == "conductor");
  CHECK(settings.interface_prefix == "cdr");
  CHECK(settings.subnet_text() == "10.77.0.0/16");
  CHECK(settings.rule_priority == 88);
  CHECK(settings.mark == 0x10000);
  CHECK(settings.publish_scope == PublishScope::all);
}

TEST_CASE("other instances meet neither the default nor each other") {
  const Configuration configuration("ipv6 = off\n");
  const auto plain = Settings::of({"/r", "/s", "conductor"});
  const auto one = Settings::of({"/a", "/s", "conductor-0a1b2c"});
  const auto two = Settings::of({"/b", "/s", "conductor-ffeedd"});
  CHECK(one.table == "conductor_0a1b2c");
  for (const auto& [x, y] : {std::pair(plain, one), std::pair(plain, two), std::pair(one, two)}) {
    CHECK(x.table != y.table);
    CHECK_FALSE(x.interface_prefix.starts_with(y.interface_prefix));
    CHECK_FALSE(y.interface_prefix.starts_with(x.interface_prefix));
    CHECK_FALSE(x.range().overlaps(y.range()));
    CHECK((x.rule_priority + 3 < y.rule_priority || y.rule_priority + 3 < x.rule_priority));
    CHECK(x.interface_group != y.interface_group);
  }
  for (const auto& s : {one, two}) {
    CHECK(s.interface_prefix.size() == 6);
    CHECK(s.prefix_length == 20);
    CHECK(s.rule_priority + 3 < s.guard_priority);
    CHECK(s.guard_priority < 30000);
  }
}

TEST_CASE("the first range that overlaps nothing of the host is taken") {
  CHECK(chosen("conductor", {}) == "10.231.0.0/16");
  CHECK(chosen("conductor", {on("eth0", "192.0.2.0/24"), on("tun0", "10.231.7.7")}) == "10.232.0.0/16");
  CHECK(chosen("conductor", {on("tun0", "10.0.0.0/8")}) == "172.30.0.0/16");
  CHECK(chosen("conductor", {on("tun0", "10.0.0.0/8"), on("br0", "172.16.0.0/12")}) == "192.168.240.0/20");
  CHECK_THROWS_WITH(chosen("conductor", {on("tun0", "0.0.0.0/1"), on("tun0", "128.0.0.0/1")}),
                    Contains("routes to every network"));
}

TEST_CASE("an instance of its own has a slot, and another one where that is taken") {
  const auto usual = chosen("conductor-0a1b2c", {});
  CHECK(linux::parse_prefix(usual)->length == 20);
  CHECK(linux::parse_prefix("10.128.0.0/9")->contains(linux::parse_prefix(usual)->address));
  const auto other = chosen("conductor-0a1b2c", {on("tun0", usual)});
  CHECK(other != usual);
  CHECK(chosen("conductor-0a1b2c", {on("tun0", "10.0.0.0/8")}).starts_with("172.28."));
}

TEST_CASE("clashes are those of the host's networks that overlap") {
  const std::vector<HostNetwork> taken{on("eth0", "10.231.0.0/24"), on("eth1", "10.232.0.0/24")};
  const auto found = clashes(taken, {*linux::parse_prefix("10.231.0.0/16")});
  REQUIRE(found.size() == 1);
  CHECK(found.front().interface == "eth0");
}

TEST_CASE("an IPv6 range is unique-local, of this machine and instance, and holds the IPv4 address") {
  const auto range = unique_local_range("machine", "conductor");
  CHECK(range.length == 64);
  CHECK(linux::to_text(range.address).starts_with("fd"));
  CHECK(range == unique_local_range("machine", "conductor"));
  CHECK(range.address != unique_local_range("machine", "conductor-1").address);
  CHECK(range.address != unique_local_range("other", "conductor").address);
  Settings settings;
  CHECK_FALSE(settings.ipv6());
  settings.subnet6 = range.address;
  CHECK(settings.range6().contains(settings.address6_of(0x0ae70002)));
  CHECK(settings.address6_of(0x0ae70002).wire().substr(8) == std::string("\0\0\0\0\x0a\xe7\0\x02", 8));
}

TEST_CASE("a range is recorded once, and holds while addresses of it are given out") {
  const Configuration first("subnet = 10.77.0.0/16\nipv6 = off\n");
  const auto locations = first.locations();
  const auto settings = record_range(locations, Settings::of(locations));
  CHECK(settings.subnet_text() == "10.77.0.0/16");
  CHECK_FALSE(settings.ipv6());
  const auto record = store::read_record<RangeRecord>(locations.network() + "/range.json");
  REQUIRE(record);
  CHECK(record->subnet == "10.77.0.0/16");
  CHECK(record->subnet6.starts_with("fd"));

  const Configuration second("subnet = 10.78.0.0/16\nipv6 = off\n");
  CHECK(Settings::of(locations).subnet_text() == "10.78.0.0/16");
  store::make_directory(locations.network() + "/addresses");
  store::write_file_atomically(locations.network() + "/addresses/10.77.0.2", "a", false);
  CHECK(Settings::of(locations).subnet_text() == "10.77.0.0/16");
}

TEST_CASE("IPv6 stays as it was while a container is attached") {
  const Configuration configuration("subnet = 10.77.0.0/16\nipv6 = off\n");
  const auto locations = configuration.locations();
  Settings on = Settings::of(locations);
  on.subnet6 = unique_local_range("machine", "conductor").address;
  CHECK(hold_ipv6(locations, on).ipv6());
  CHECK(Settings::of(locations).ipv6());
  Settings off = on;
  off.subnet6 = {};
  CHECK(hold_ipv6(locations, off).ipv6());
  release_ipv6(locations);
  CHECK_FALSE(Settings::of(locations).ipv6());
}

TEST_CASE("settings that mean nothing are refused with the file's name") {
  const auto message = [](const std::string& text) -> std::string {
    const Configuration configuration(text);
    try {
      Settings::of(configuration.locations());
    } catch (const conductor::base::Error& e) {
      return e.message();
    }
    return "fine";
  };
  CHECK_THAT(message("subnet = ten\n"), Contains("subnet = ten") && Contains("config"));
  CHECK_THAT(message("subnet = 10.0.0.0/30\n"), Contains("/8 to /24"));
  CHECK_THAT(message("subnet = fd00::/64\n"), Contains("IPv4"));
  CHECK_THAT(message("ipv6 = maybe\n"), Contains("auto, off or on"));
  CHECK_THAT(message("publish_scope = lan\n"), Contains("all, host or loopback"));
  CHECK(message("publish_scope = host\nipv6 = off\n") == "fine");
}
