// Firewalls of others that drop what they do not know: one rule at the head of such a chain accepts our mark, and is
// all that is ever changed of theirs.
//
// A packet is dropped when any table says so. Where a base chain of another table at hook forward drops by its policy,
// as those of docker, ufw and many scripts do (nftables; iptables of either kind), nothing of ours would pass. The rule
// bears the comment "conductor INSTANCE"; by that it is looked up when it is to go.
#pragma once

#include "network/network.hpp"

#include <string>
#include <vector>

namespace conductor::network {

class ForeignChains {
 public:
  explicit ForeignChains(const Settings& settings);

  bool let_pass() const;                    // no such chain is without our rule
  std::vector<std::string> closed() const;  // those without: "ip filter FORWARD"
  void open() const;                        // puts the rule where it is missing
  void close() const;                       // takes it out everywhere; absent is fine

 private:
  std::string table_, comment_;
  std::uint32_t mark_;
};

}  // namespace conductor::network
