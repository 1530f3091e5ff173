// Beside the rules of others: declared reach works, their rules are theirs, and the host is afterwards what it was.
#include "base/text.hpp"
#include "linux/namespaces.hpp"
#include "linux/nftables.hpp"
#include "network_rig.hpp"
#include "network_rig_host.hpp"
#include "network_rig_probes.hpp"
#include "support/catch.hpp"

#include <algorithm>

namespace base = conductor::base;
namespace network = conductor::network;
namespace linux = conductor::linux;
using test::Outcome;
using test::Rig;

namespace {

// Somebody else's firewall: how it is set up, and how its own tool lists it.
struct Firewall {
  const char* name;
  std::vector<std::vector<std::string>> set_up;
  std::vector<std::string> list;
};

// What is seen of iptables in either form: a policy, a chain of its own, rules before and behind.
Firewall iptables(const char* name, const char* program, const char* save) {
  return {name,
          {{program, "-N", "OTHERS"},
           {program, "-A", "OTHERS", "-p", "tcp", "--dport", "25", "-j", "REJECT"},
           {program, "-A", "FORWARD", "-j", "OTHERS"},
           {program, "-A", "INPUT", "-p", "tcp", "--dport", "23", "-j", "DROP"},
           {program, "-P", "FORWARD", "DROP"}},
          {save}};
}

const std::vector<Firewall>& firewalls() {
  static const std::vector<Firewall> all = {
      {"a table that accepts",
       {{"nft",
         "table inet others { chain forward { type filter hook forward priority 0; policy accept; tcp dport 25 drop; };"
         " chain input { type filter hook input priority -5; policy accept; tcp dport 23 drop; }; }"}},
       {"nft", "list", "table", "inet", "others"}},
      {"a table whose policy is drop",
       {{"nft",
         "table inet others { set known { type ipv4_addr; elements = { 192.0.2.1 }; };"
         " chain forward { type filter hook forward priority 10; policy drop; ip saddr @known accept; }; }"}},
       {"nft", "list", "table", "inet", "others"}},
      {"tables of each family whose policy is drop",
       {{"nft", "table ip others { chain forward { type filter hook forward priority 0; policy drop; }; }"},
        {"nft", "table ip6 others { chain forward { type filter hook forward priority 0; policy drop; }; }"}},
       {"nft", "list", "table", "ip6", "others"}},
      iptables("iptables with nftables", "iptables-nft", "iptables-nft-save"),
      iptables("ip6tables with nftables", "ip6tables-nft", "ip6tables-nft-save"),
      iptables("iptables of old", "iptables-legacy", "iptables-legacy-save"),
      iptables("ip6tables of old", "ip6tables-legacy", "ip6tables-legacy-save"),
  };
  return all;
}

// Empty: it stands. Otherwise why this machine cannot have it.
std::string set_up(const Firewall& firewall) {
  for (const auto& words : firewall.set_up) {
    const auto finished = test::run(words);
    if (finished.status != 0) return finished.output;
  }
  return "";
}

// Its listing without times, which iptables-save prints as comments, and without its counters.
std::vector<std::string> listing(const Firewall& firewall) {
  std::vector<std::string> lines;
  for (const auto& line : base::split(test::output_of(firewall.list), '\n'))
    if (!line.starts_with("#")) lines.push_back(line.substr(0, line.find(" [")));
  return lines;
}

std::vector<std::string> without_ours(std::vector<std::string> lines) {
  std::erase_if(lines, [](const std::string& line) { return line.find("\"conductor") != std::string::npos; });
  return lines;
}
std::size_t ours(const std::vector<std::string>& lines) { return lines.size() - without_ours(lines).size(); }

network::EndpointConfig declaring() {
  network::EndpointConfig a;
  network::Link link;
  link.peer = "b";
  link.first_port = 8080;
  a.links = {link};
  a.internet = true;
  network::Publish publish;
  publish.host_port = 3000;
  publish.container_port = 8080;
  a.publish = {publish};
  return a;
}

void start_two(Rig& rig) {
  rig.start("b");
  rig.start("a", declaring());
  rig.serve("a", 8080);
  rig.serve("b", 8080);
  rig.serve("b", 9090);
}

void require_reach(const Rig& rig) {
  CHECK(rig.connect("a", "b", 8080) == Outcome::connected);
  CHECK(rig.connect("a", "b", 9090) == Outcome::refused);
  CHECK(rig.connect(rig.space("a"), test::neighbour_address, 80) == Outcome::connected);
  CHECK(rig.connect(rig.space("b"), test::neighbour_address, 80) != Outcome::connected);
  CHECK(rig.connect(rig.neighbour(), test::host_on_uplink, 3000) == Outcome::connected);
  CHECK(rig.connect(rig.neighbour(), rig.address("b"), 9090) != Outcome::connected);
  CHECK(rig.connect(rig.host(), rig.address("b"), 9090) == Outcome::connected);
  if (!rig.ipv6()) return;
  CHECK(rig.connect(rig.space("a"), rig.address6("b"), 8080) == Outcome::connected);
  CHECK(rig.connect(rig.space("a"), rig.address6("b"), 9090) == Outcome::refused);
  CHECK(rig.connect(rig.space("a"), test::neighbour_address6, 80) == Outcome::connected);
  CHECK(rig.connect(rig.neighbour(), test::host_on_uplink6, 3000) == Outcome::connected);
}

}  // namespace

TEST_CASE("beside each kind of firewall what is declared works, and its rules are its own") {
  NEEDS_NAMESPACES();
  for (const Firewall& firewall : firewalls()) {
    CAPTURE(firewall.name);
    Rig rig;
    if (const auto why = set_up(firewall); !why.empty()) {
      test::count_skip(firewall.name, why.substr(0, why.find('\n')));
      continue;
    }
    rig.serve(rig.neighbour(), 80);
    const auto theirs = listing(firewall);
    const auto host = rig.census();
    start_two(rig);
    require_reach(rig);
    // At most one rule of ours in a chain, and all of theirs in their order.
    const auto during = listing(firewall);
    CHECK(without_ours(during) == theirs);
    CHECK(ours(during) <= 1);

    rig.network().repair();  // finds everything in place
    CHECK(listing(firewall) == during);
    rig.stop("a");
    rig.stop("b");
    CHECK(listing(firewall) == theirs);
    CHECK(rig.census() == host);
  }
}

TEST_CASE("a firewall whose policy becomes drop while containers run is met by the next repair") {
  NEEDS_NAMESPACES();
  Rig rig;
  rig.serve(rig.neighbour(), 80);
  start_two(rig);
  require_reach(rig);
  linux::run_nft("table inet others { chain forward { type filter hook forward priority 0; policy drop; }; }");
  CHECK(rig.connect("a", "b", 8080) != Outcome::connected);
  rig.network().repair();
  require_reach(rig);
  // It is loaded anew, without our rule.
  linux::run_nft(
      "delete table inet others\n"
      "table inet others { chain forward { type filter hook forward priority 0; policy drop; }; }");
  rig.network().repair();
  require_reach(rig);
  linux::run_nft("delete table inet others");
  rig.network().repair();
  require_reach(rig);
  rig.stop("a");
  rig.stop("b");
}

TEST_CASE("a rule that drops what is ours stays in force") {
  NEEDS_NAMESPACES();
  Rig rig;
  rig.serve(rig.neighbour(), 80);
  linux::run_nft(
      "table inet others { chain forward { type filter hook forward priority 0; policy accept; tcp dport 8080 drop; }; "
      "}");
  start_two(rig);
  CHECK(rig.connect("a", "b", 8080) == Outcome::silent);
  CHECK(rig.connect(rig.space("a"), test::neighbour_address, 80) == Outcome::connected);
}

TEST_CASE("a firewall's rules for input see what comes to the host, not what is published") {
  NEEDS_NAMESPACES();
  Rig rig;
  linux::run_nft(
      "table inet others { chain input { type filter hook input priority 0; policy drop; iif lo accept; }; }");
  start_two(rig);
  rig.serve(rig.host(), 8099);
  CHECK(rig.connect(rig.neighbour(), test::host_on_uplink, 8099) == Outcome::silent);
  CHECK(rig.connect(rig.neighbour(), test::host_on_uplink, 3000) == Outcome::connected);
}

TEST_CASE("the setting publish_scope keeps ports from others") {
  NEEDS_NAMESPACES();
  for (const std::string scope : {"loopback", "host", "all"}) {
    CAPTURE(scope);
    Rig rig("publish_scope = " + scope + "\n");
    start_two(rig);
    const bool others = scope == "all", own = scope != "loopback";
    CHECK((rig.connect(rig.neighbour(), test::host_on_uplink, 3000) == Outcome::connected) == others);
    CHECK((rig.connect(rig.host(), test::host_on_uplink, 3000) == Outcome::connected) == own);
  }
}

TEST_CASE("IPv6 can be switched off, and is then not there at all") {
  NEEDS_NAMESPACES();
  Rig rig("ipv6 = off\n");
  CHECK_FALSE(rig.ipv6());
  const auto before = rig.census();
  start_two(rig);
  rig.serve(rig.neighbour(), 80);
  require_reach(rig);
  linux::in_network_namespace(rig.space("a"), [] {
    const auto addresses = test::output_of({"ip", "-6", "-o", "addr"});
    CHECK(addresses == "");
  });
  CHECK(test::output_of({"ip", "-6", "rule"}).find("prohibit") == std::string::npos);
  rig.stop("a");
  rig.stop("b");
  CHECK(rig.census() == before);
}

TEST_CASE("the host is byte for byte what it was, also when parts were lost meanwhile") {
  NEEDS_NAMESPACES();
  Rig rig;
  linux::run_nft("table inet others { chain forward { type filter hook forward priority 0; policy drop; }; }");
  const auto before = rig.census();
  start_two(rig);
  CHECK(rig.census() != before);
  linux::run_nft("delete table inet conductor");
  test::output_of({"ip", "xfrm", "policy", "flush"});
  linux::Netlink netlink;
  for (const auto& rule : netlink.rules())
    if (rule.prohibit) netlink.remove_rule(rule);
  netlink.send();
  rig.stop("a");
  rig.stop("b");
  CHECK(rig.census() == before);
}
