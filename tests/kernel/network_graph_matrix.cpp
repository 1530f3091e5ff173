// Random declared graphs: everything that was declared works, nothing else, before and after each way to break it.
// NETWORK_SEED=N tries that graph alone, NETWORK_SEEDS=N the first N.
#include "base/text.hpp"
#include "linux/nftables.hpp"
#include "network_graph_oracle.hpp"
#include "network_rig_host.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <cstdlib>
#include <functional>

namespace linux = conductor::linux;
using test::Expectation;
using test::Outcome;
using test::Probe;
using test::Rig;
using test::Verdict;

namespace {

constexpr int quiet_ms = 150;  // for what must not arrive, after all that must has

std::vector<std::uint32_t> seeds() {
  if (const char* one = std::getenv("NETWORK_SEED")) return {static_cast<std::uint32_t>(std::stoul(one))};
  const char* count = std::getenv("NETWORK_SEEDS");
  std::vector<std::uint32_t> list(count != nullptr ? std::stoul(count) : 3);
  for (std::uint32_t i = 0; i < list.size(); ++i) list[i] = i + 1;
  return list;
}

// A sentence for each probe that did not give what it must; `isolation_only`: what is open may be closed just now.
std::vector<std::string> violations(std::vector<Expectation> all, test::Responders& responders, bool isolation_only) {
  std::vector<Probe> probes;
  for (auto& expectation : all) {
    // What is refused at once is waited for, too: then a slow machine is not taken for silence.
    expectation.probe.wanted = !isolation_only && (expectation.verdict == Verdict::open || expectation.at_once);
    probes.push_back(expectation.probe);
  }
  test::run_probes(probes, responders, quiet_ms);
  std::vector<std::string> wrong;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& [probe, verdict, at_once, text] = all[i];
    const Outcome outcome = probes[i].outcome;
    const bool answered = outcome == Outcome::connected;
    if (verdict == Verdict::closed && (answered || probes[i].arrived))
      wrong.push_back(text + " must be closed and is " + (answered ? "open" : "received"));
    else if (isolation_only)
      continue;
    else if (verdict == Verdict::open && !answered)
      wrong.push_back(text + " must be open and is " + test::to_text(outcome));
    else if (verdict == Verdict::closed && at_once && outcome == Outcome::silent)
      wrong.push_back(text + " must be refused at once and is silent");
  }
  return wrong;
}

// The words of a listing in some order of their own: elements that were added one by one are listed as the kernel has
// them, and those of a whole table as they were sent.
std::vector<std::string> contents(std::string listing) {
  std::replace_if(listing.begin(), listing.end(), [](char c) { return c == ',' || c == '\t' || c == '\n'; }, ' ');
  auto words = conductor::base::split(listing, ' ');
  std::sort(words.begin(), words.end());
  return words;
}

// The world of one graph.
struct World {
  explicit World(std::uint32_t seed) : graph(test::random_graph(seed)) {
    for (const auto& name : test::networks_of_graph()) {
      conductor::network::NetworkConfig network;
      network.name = name;
      rig.network().create_network(network);
    }
    for (const auto& [id, config] : graph) rig.start(id, config);
    serve();
    table = linux::list_nft_table("inet", "conductor");
  }

  void serve() {
    responders = {};
    for (const auto& [id, config] : graph)
      for (const int port : test::container_ports()) responders.add(rig.space(id), port);
    for (const int port : test::host_ports()) responders.add(rig.host(), port);
    for (const int port : test::neighbour_ports()) responders.add(rig.neighbour(), port);
  }

  void require_exact(const std::string& when) {
    CAPTURE(when);
    CHECK(violations(test::expectations(rig, graph), responders, false) == std::vector<std::string>{});
  }
  void require_isolation(const std::string& when) {
    CAPTURE(when);
    CHECK(violations(test::expectations(rig, graph), responders, true) == std::vector<std::string>{});
  }
  std::string interface(const std::string& id) { return rig.network().find(id)->interface; }

  Rig rig;
  std::map<std::string, conductor::network::EndpointConfig> graph;
  test::Responders responders;
  std::string table;
};

struct Fault {
  const char* name;
  std::function<void(World&)> happens;
};

void remove_rules(bool (*chosen)(const linux::PolicyRule&)) {
  linux::Netlink netlink;
  for (const auto& rule : netlink.rules())
    if (chosen(rule)) netlink.remove_rule(rule);
  netlink.send();
}

const std::vector<Fault>& faults() {
  static const std::vector<Fault> all = {
      {"nft flush ruleset", [](World&) { linux::run_nft("flush ruleset"); }},
      {"our table deleted", [](World&) { linux::run_nft("delete table inet conductor"); }},
      {"another table reloaded",
       [](World&) {
         linux::run_nft(
             "add table inet firewall; add chain inet firewall input { type filter hook input priority 0; }");
         linux::run_nft("delete table inet firewall");
         linux::run_nft("flush ruleset; add table inet firewall");
         linux::run_nft("delete table inet firewall");
       }},
      {"the host's end of a veth down and up",
       [](World& world) {
         const auto name = world.interface("e0");
         test::output_of({"ip", "link", "set", name, "down"});
         test::output_of({"ip", "link", "set", name, "up"});
       }},
      {"the uplink down and up",
       [](World&) {
         test::output_of({"ip", "link", "set", "up0", "down"});
         Rig::configure_uplink();
         linux::Netlink().wait_operational("up0", 5000);
       }},
      {"rules that prohibit lost", [](World&) { remove_rules([](const linux::PolicyRule& r) { return r.prohibit; }); }},
      {"the rule for marked packets lost",
       [](World&) { remove_rules([](const linux::PolicyRule& r) { return r.mark != 0; }); }},
      {"the guard lost", [](World&) { test::output_of({"ip", "xfrm", "policy", "flush"}); }},
      {"a source filter lost",
       [](World& world) { test::output_of({"tc", "qdisc", "del", "dev", world.interface("e1"), "clsact"}); }},
      {"tracked connections forgotten", [](World&) { test::flush_connections(); }},
  };
  return all;
}

}  // namespace

TEST_CASE("random graphs: every probe is as declared, also after faults and restarts") {
  NEEDS_NAMESPACES();
  for (const auto seed : seeds()) {
    INFO("NETWORK_SEED=" << seed);
    World world(seed);
    world.require_exact("at first");
    for (const Fault& fault : faults()) {
      CAPTURE(fault.name);
      fault.happens(world);
      world.require_isolation("before the repair");
      world.rig.network().repair();
      CHECK(linux::list_nft_table("inet", "conductor") == world.table);
      world.require_exact("repaired");
    }
    world.responders = {};
    for (const char* id : {"e1", "e3", "e5", "e7", "e9"}) world.rig.stop(id);
    for (const char* id : {"e1", "e3", "e5", "e7", "e9"}) world.rig.restart(id);
    world.serve();
    CHECK((contents(linux::list_nft_table("inet", "conductor")) == contents(world.table)));
    world.require_exact("half of them started again");
  }
}
