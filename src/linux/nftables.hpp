// nftables: whole tables as text through libnftables, loaded only then (dlopen); elements of sets and maps as one
// netlink batch, which is what starting a container uses.
#pragma once

#include "linux/fd.hpp"

#include <string>
#include <vector>

namespace conductor::linux {

// Runs commands in nft(8)'s language as one transaction; throws Error with the library's own message.
void run_nft(const std::string& commands);
// The text of a table as `nft list table` prints it, or empty when there is none.
std::string list_nft_table(const std::string& family, const std::string& table);

// One change of a set or map; keys and data are concatenations of fields, each padded to 4 bytes, in network byte
// order.
struct SetElement {
  std::string set;
  std::string key;
  std::string key_end;  // for interval sets; else empty
  std::string data;     // for maps; else empty
  bool remove = false;  // absent elements make the batch fail with ENOENT
};
// All or none, in table `inet TABLE`. Returns false when the table or a set does not exist (ENOENT) or an element to
// remove is absent; throws on anything else.
bool change_elements(const std::string& table, const std::vector<SetElement>& elements);
bool nft_table_exists(const std::string& family, const std::string& table);
// Without libnftables. Absent is fine.
void remove_nft_table(const std::string& family, const std::string& table);

}  // namespace conductor::linux
