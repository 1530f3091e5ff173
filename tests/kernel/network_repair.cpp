// Whatever somebody changes by hand, mend makes the kernel match the records again, says what it was, and leaves alone
// what belongs to others.
#include "linux/namespaces.hpp"
#include "network/attachment.hpp"
#include "network/differences.hpp"
#include "network/foundation.hpp"
#include "network_rig_probes.hpp"
#include "network_world.hpp"
#include "store/records.hpp"
#include "support/catch.hpp"

#include <functional>

namespace network = conductor::network;
namespace linux = conductor::linux;
namespace store = conductor::store;
using test::endpoint_table;
using test::Outcome;
using test::output_of;
using test::Texts;
using test::World;

namespace {

struct Damage {
  const char* name;
  std::function<void(World&)> happens;
};

std::string rule(const World& world, std::uint32_t offset) {
  return std::to_string(world.settings().rule_priority + offset);
}

void delete_main_rule(World& world) { output_of({"ip", "rule", "del", "priority", rule(world, 1)}); }

std::vector<Damage> damages_of_the_host() {
  return {
      {"an element of the table is gone",
       [](World& w) {
         w.nft("delete element " + w.table() + " links { " + w.address("web") + " . " + w.address("db") +
               " . tcp . 5432 }");
       }},
      {"an element too many",
       [](World& w) {
         w.nft("add element " + w.table() + " links_all { " + w.address("other") + " . " + w.address("db") + " }");
       }},
      {"the table is gone", [](World& w) { w.nft("delete table " + w.table()); }},
      {"a chain is empty", [](World& w) { w.nft("flush chain " + w.table() + " input"); }},
      {"a rule too many", [](World& w) { w.nft("insert rule " + w.table() + " forward accept"); }},
      {"a chain too many", [](World& w) { w.nft("add chain " + w.table() + " backdoor"); }},
      {"the table sleeps", [](World& w) { w.nft("add table " + w.table() + " { flags dormant; }"); }},
      {"a policy rule is gone", [](World& w) { output_of({"ip", "rule", "del", "priority", rule(w, 3)}); }},
      {"a policy rule leads elsewhere",
       [](World& w) {
         delete_main_rule(w);
         output_of({"ip", "rule", "add", "priority", rule(w, 1), "fwmark", "0x10000/0x10000", "lookup", "200"});
       }},
      {"a policy rule does something else",
       [](World& w) {
         delete_main_rule(w);
         output_of({"ip", "rule", "add", "priority", rule(w, 1), "fwmark", "0x10000/0x10000", "blackhole"});
       }},
      {"a policy rule is for less",
       [](World& w) {
         output_of({"ip", "rule", "del", "priority", rule(w, 2)});
         output_of({"ip", "rule", "add", "priority", rule(w, 2), "from", "10.231.0.0/17", "prohibit"});
       }},
      {"the guards are gone", [](World&) { output_of({"ip", "xfrm", "policy", "flush"}); }},
      {"an uplink does not forward", [](World&) { test::write_setting("up0", "forwarding", "0"); }},
      {"an uplink does not look at marks", [](World&) { test::write_setting("up0", "src_valid_mark", "0"); }},
      {"the uplink's guard is gone",
       [](World& w) { output_of({"ip", "rule", "del", "priority", std::to_string(w.settings().guard_priority)}); }},
      {"another firewall drops what it does not know",
       [](World& w) {
         w.nft(
             "add table ip theirs\nadd chain ip theirs forward { type filter hook forward priority 0; policy drop; }");
       }},
      {"an interface that is nobody's",
       [](World& w) {
         output_of(
             {"ip", "link", "add", w.settings().interface_prefix + "stray", "type", "veth", "peer", "name", "un0"});
       }},
      {"a route to nobody",
       [](World&) {
         output_of({"ip", "route", "add", "10.231.200.9", "via", test::neighbour_address, "table", endpoint_table()});
       }},
  };
}

std::vector<Damage> damages_of_a_host_end() {
  const auto setting = [](const char* name, const char* value) {
    return [=](World& w) { test::write_setting(w.interface("db"), name, value); };
  };
  const auto on_link = [](Texts words) {
    return [words](World& w) {
      Texts all = words;
      for (auto& word : all) {
        if (word == "LINK") word = w.interface("db");
        if (word == "ADDRESS") word = w.address("db");
        if (word == "TABLE") word = endpoint_table();
      }
      output_of(all);
    };
  };
  return {
      {"forwarding", setting("forwarding", "0")},
      {"rp_filter", setting("rp_filter", "0")},
      {"src_valid_mark", setting("src_valid_mark", "0")},
      {"route_localnet", setting("route_localnet", "1")},
      {"accept_ra",
       [](World& w) { linux::write_kernel_file("/proc/sys/net/ipv6/conf/" + w.interface("db") + "/accept_ra", "2"); }},
      {"source filter gone", on_link({"tc", "qdisc", "del", "dev", "LINK", "clsact"})},
      {"source filter changed",
       [](World& w) {
         linux::Netlink netlink;
         netlink.set_source_filter(netlink.link(w.interface("db"))->index, {*linux::parse_ip("10.231.9.9")});
         netlink.send();
       }},
      {"neighbour changed", on_link({"ip", "neigh", "replace", "ADDRESS", "lladdr", "02:00:00:00:00:66", "dev", "LINK",
                                     "nud", "permanent"})},
      {"neighbour gone", on_link({"ip", "neigh", "del", "ADDRESS", "dev", "LINK"})},
      {"neighbour too many",
       on_link({"ip", "neigh", "add", "10.231.9.9", "lladdr", "02:00:00:00:00:66", "dev", "LINK", "nud", "permanent"})},
      {"route gone", on_link({"ip", "route", "del", "ADDRESS", "table", "TABLE"})},
      {"route elsewhere",
       on_link({"ip", "route", "replace", "ADDRESS", "via", test::neighbour_address, "table", "TABLE"})},
      {"a second route elsewhere",
       on_link({"ip", "route", "add", "ADDRESS", "via", test::neighbour_address, "table", "TABLE", "metric", "9"})},
      {"route without its source", on_link({"ip", "route", "replace", "ADDRESS", "dev", "LINK", "table", "TABLE"})},
      {"route too many", on_link({"ip", "route", "add", "10.231.9.9", "dev", "LINK", "table", "TABLE"})},
      {"route too many in main", on_link({"ip", "route", "add", "10.231.9.9", "dev", "LINK"})},
      {"down", on_link({"ip", "link", "set", "LINK", "down"})},
      {"another group", on_link({"ip", "link", "set", "LINK", "group", "7"})},
      {"address gone", on_link({"ip", "addr", "del", "169.254.1.1/32", "dev", "LINK"})},
      {"address too many", on_link({"ip", "addr", "add", "192.0.2.9/24", "dev", "LINK"})},
      {"the pair is gone", on_link({"ip", "link", "del", "LINK"})},
  };
}

std::vector<Damage> damages_inside() {
  const auto in_web = [](Texts words) {
    return [words](World& w) {
      Texts all = words;
      for (auto& word : all)
        if (word == "DB") word = w.address("db");
      w.inside("web", all);
    };
  };
  const char* gateway = test::host_to_endpoints;
  return {
      {"route too many", in_web({"ip", "route", "add", "10.0.0.0/8", "via", gateway, "dev", "eth0", "onlink"})},
      {"unreachable", in_web({"ip", "route", "add", "unreachable", "192.0.2.0/24"})},
      {"route gone", in_web({"ip", "route", "del", "DB"})},
      {"default route gone", in_web({"ip", "route", "del", "default"})},
      {"route to the host gone", in_web({"ip", "route", "del", gateway})},
      {"address too many", in_web({"ip", "addr", "add", "10.231.200.9/24", "dev", "eth0"})},
      {"address gone",
       [](World& w) { w.inside("web", {"ip", "addr", "del", w.address("web") + "/32", "dev", "eth0"}); }},
      {"interface too many", in_web({"ip", "link", "add", "tap9", "type", "veth", "peer", "name", "tap8"})},
      {"policy rule", in_web({"ip", "rule", "add", "priority", "9", "to", "192.0.2.0/24", "lookup", "200"})},
      {"another gateway",
       in_web({"ip", "neigh", "replace", gateway, "lladdr", "02:00:00:00:00:66", "dev", "eth0", "nud", "permanent"})},
      {"no gateway", in_web({"ip", "neigh", "del", gateway, "dev", "eth0"})},
      {"eth0 is down", in_web({"ip", "link", "set", "eth0", "down"})},
      {"eth0 has another name",
       [](World& w) {
         w.inside("web", {"ip", "link", "set", "eth0", "down"});
         w.inside("web", {"ip", "link", "set", "eth0", "name", "eth9"});
       }},
  };
}

void require_mended(World& world, const std::vector<Damage>& damages) {
  world.serve("db", 5432);
  for (const Damage& damage : damages) {
    CAPTURE(damage.name);
    damage.happens(world);
    const auto found = world.findings();
    REQUIRE_FALSE(found.empty());
    const auto mending = world.network().mend();
    CHECK(World::texts(mending.mended) == found);
    CHECK(World::texts(mending.left) == Texts{});
    CHECK(world.findings() == Texts{});
    CHECK(world.connect("web", "db", 5432) == Outcome::connected);
  }
}

}  // namespace

TEST_CASE("mend: the host's own part") {
  NEEDS_NAMESPACES();
  World world;
  require_mended(world, damages_of_the_host());
}

TEST_CASE("mend: the host's end of a link") {
  NEEDS_NAMESPACES();
  World world;
  require_mended(world, damages_of_a_host_end());
}

TEST_CASE("mend: the inside of a container") {
  NEEDS_NAMESPACES();
  World world;
  require_mended(world, damages_inside());
}

TEST_CASE("mend: all of it at once, and the host is clean after the last one") {
  NEEDS_NAMESPACES();
  World world;
  for (const auto& damages : {damages_of_a_host_end(), damages_inside(), damages_of_the_host()})
    for (const Damage& damage : damages) {
      try {
        damage.happens(world);
      } catch (const std::exception&) {  // an earlier one has taken away what this one changes
      }
    }
  const auto mending = world.network().mend();
  CHECK(World::texts(mending.left) == Texts{});
  CHECK(mending.mended.size() > 10);
  CHECK(world.findings() == Texts{});
  CHECK(World::texts(world.network().probe({})) == Texts{});
  for (const char* id : {"web", "db", "other"}) world.stop(id);
  CHECK(world.findings() == Texts{});
}

TEST_CASE("mend: names, and nothing where nothing is wrong") {
  NEEDS_NAMESPACES();
  World world;
  const std::string place = world.path("files");
  store::make_directory(place);
  world.network().write_files("web", place);
  const auto nothing = world.network().mend();
  CHECK(nothing.mended.empty());
  CHECK(nothing.left.empty());
  linux::write_kernel_file(place + "/hosts", "203.0.113.1\tdb\n");
  CHECK(world.network().mend().mended.size() == 1);
  store::remove_file(place + "/hosts");
  CHECK(world.network().mend().mended.size() == 1);
  CHECK(world.findings() == Texts{});
}

TEST_CASE("mend: what is left where no container runs goes") {
  NEEDS_NAMESPACES();
  World world;
  for (const char* id : {"web", "db", "other"}) world.stop(id);
  const auto before = world.census();
  world.nft("add table " + world.table());
  output_of({"ip", "rule", "add", "priority", rule(world, 2), "from", world.settings().subnet_text(), "prohibit"});
  REQUIRE(world.findings().size() == 2);
  CHECK(World::texts(world.network().mend().left) == Texts{});
  CHECK(world.census() == before);
}

TEST_CASE("mend leaves what belongs to others, and says so") {
  NEEDS_NAMESPACES();
  World world;
  output_of({"ip", "rule", "add", "priority", "40", "to", "10.231.5.0/24", "lookup", "200"});
  output_of({"ip", "route", "add", "10.231.128.0/24", "via", test::neighbour_address});
  test::write_setting("all", "route_localnet", "1");
  test::write_setting(world.interface("db"), "rp_filter", "0");
  const auto mending = world.network().mend();
  CHECK(mending.mended.size() == 1);
  CHECK(mending.left.size() == 3);
  for (const auto& finding : mending.left) CHECK(finding.kind == network::Finding::Kind::clash);
  CHECK(output_of({"ip", "rule", "show", "priority", "40"}).find("10.231.5.0/24") != std::string::npos);
}

TEST_CASE("findings that say the same are told once, about all whom they are about") {
  using Kind = network::Finding::Kind;
  const auto once = network::each_once({{Kind::missing, "link", "a may reach b", {"a"}},
                                        {Kind::extra, "link", "a may reach b", {}},
                                        {Kind::missing, "link", "a may reach b", {"a", "b"}}});
  REQUIRE(once.size() == 2);
  CHECK(once.front().ids == Texts{"a", "b"});
  CHECK(once.back().kind == Kind::extra);
}
