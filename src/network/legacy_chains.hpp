// The FORWARD chains of iptables-legacy, whose tables are not nftables'. They are changed by its own program alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace conductor::network {

struct LegacyChain {
  bool v6 = false;
  bool drops = false;   // by its policy
  bool opened = false;  // it has a rule with the comment that was asked for
};

// Of the families whose filter table is there; asking makes none.
std::vector<LegacyChain> legacy_forward_chains(const std::string& comment);
// The program of that family, absolute; empty when it is not installed.
std::string legacy_program(bool v6);
// "-I" or "-D": the rule that accepts the bits of `mark`. Throws Error with what the program says.
void change_legacy_chain(bool v6, const char* what, std::uint32_t mark, const std::string& comment);

}  // namespace conductor::network
