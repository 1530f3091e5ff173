// Base chains of others at hook forward: found, opened for a mark, and left as they were.
#include "linux/nftables.hpp"
#include "linux/nftables_chains.hpp"
#include "linux_net_rig.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <map>

using namespace test;
namespace linux = conductor::linux;

namespace {

constexpr std::uint32_t mark = 0x10000;
const std::string comment = "conductor test";

// Chains that drop by policy, by their last rule, and not at all.
constexpr const char* foreign_tables = R"(
table ip filter {
  chain FORWARD {
    type filter hook forward priority 0; policy drop;
    tcp dport 22 accept
  }
}
table ip6 filter {
  chain FORWARD {
    type filter hook forward priority 0; policy drop;
  }
}
table inet wall {
  chain passing {
    type filter hook forward priority 10; policy accept;
    ct state established accept
    counter reject with icmpx type admin-prohibited
  }
}
table inet open {
  chain passing {
    type filter hook forward priority 10; policy accept;
    tcp dport 23 drop
  }
}
table inet mine {
  chain passing {
    type filter hook forward priority 10; policy drop;
  }
}
table inet input {
  chain in {
    type filter hook input priority 0; policy drop;
  }
}
)";

std::map<std::string, linux::ForwardChain> chains_by_name() {
  std::map<std::string, linux::ForwardChain> result;
  for (const auto& chain : linux::forward_chains(comment, "mine")) result.emplace(linux::to_text(chain), chain);
  return result;
}

std::string all_tables() {
  std::string text;
  for (const auto& [family, table] : std::vector<std::pair<const char*, const char*>>{
           {"ip", "filter"}, {"ip6", "filter"}, {"inet", "wall"}, {"inet", "open"}, {"inet", "mine"}})
    text += linux::list_nft_table(family, table);
  return text;
}

}  // namespace

TEST_CASE("chains that drop what passes are found, whatever says so") {
  if (!can_make_network_spaces()) SKIP_TEST("needs root and network namespaces");
  inside(make_network_space(), [] {
    CHECK(linux::forward_chains(comment, "mine").empty());
    linux::run_nft(foreign_tables);
    const auto chains = chains_by_name();
    REQUIRE(chains.size() == 4);
    CHECK(chains.at("ip filter FORWARD").drops);
    CHECK(chains.at("ip6 filter FORWARD").drops);
    CHECK(chains.at("inet wall passing").drops);
    CHECK_FALSE(chains.at("inet open passing").drops);
    for (const auto& [name, chain] : chains) {
      CHECK_FALSE(chain.opened);
      CHECK_FALSE(chain.owned);
    }
  });
}

TEST_CASE("a rule is put at the head, found by its comment, and the chain is as before without it") {
  if (!can_make_network_spaces()) SKIP_TEST("needs root and network namespaces");
  inside(make_network_space(), [] {
    linux::run_nft(foreign_tables);
    const std::string before = all_tables();
    for (const auto& [name, chain] : chains_by_name()) linux::insert_accept_rule(chain, mark, comment);
    const std::string listed = linux::list_nft_table("ip", "filter");
    const auto ours = listed.find("meta mark & 0x00010000 == 0x00010000 accept comment \"conductor test\"");
    CHECK(ours < listed.find("tcp dport 22"));
    for (const auto& [name, chain] : chains_by_name()) CHECK(chain.opened);
    CHECK_FALSE(linux::forward_chains("conductor other", "mine").front().opened);
    for (const auto& [name, chain] : chains_by_name()) {
      linux::remove_commented_rules(chain, "conductor other");
      linux::remove_commented_rules(chain, comment);
      linux::remove_commented_rules(chain, comment);  // absent is fine
    }
    CHECK(all_tables() == before);
  });
}

TEST_CASE("a chain that has gone is no failure") {
  if (!can_make_network_spaces()) SKIP_TEST("needs root and network namespaces");
  inside(make_network_space(), [] {
    linux::run_nft(foreign_tables);
    const auto chains = chains_by_name();
    linux::run_nft("delete table inet wall");
    linux::remove_commented_rules(chains.at("inet wall passing"), comment);
    CHECK_THROWS_WITH(linux::insert_accept_rule(chains.at("inet wall passing"), mark, comment),
                      Contains("inet wall passing"));
  });
}
