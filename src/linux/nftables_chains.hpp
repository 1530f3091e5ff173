// Base chains of other programs at hook forward, and a rule of ours in them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace conductor::linux {

struct ForwardChain {
  std::uint16_t family = 0;  // NFPROTO_IPV4, NFPROTO_IPV6 or NFPROTO_INET
  std::string table, name;
  bool drops = false;   // what none of its rules accepts: by its policy, or by a last rule that says so
  bool owned = false;   // its table may be changed by the program alone that has made it
  bool opened = false;  // it has a rule with the comment that was asked for
};
std::string to_text(const ForwardChain& chain);  // "ip filter FORWARD"

// Of the tables of all but `except_table` of family inet.
std::vector<ForwardChain> forward_chains(const std::string& comment, const std::string& except_table);
// At the head of the chain: accept what has the bits of `mark`. As iptables-nft lists and saves it, too.
void insert_accept_rule(const ForwardChain& chain, std::uint32_t mark, const std::string& comment);
// All with that comment, also one that iptables-nft has read back from a file. Absent is fine.
void remove_commented_rules(const ForwardChain& chain, const std::string& comment);

}  // namespace conductor::linux
