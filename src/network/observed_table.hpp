// A table as nft(8) lists it, read back: what its chains do and what its sets hold.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::network {

struct ListedSet {
  std::vector<std::string> properties;  // "type ipv4_addr . ipv4_addr", "flags interval"
  std::set<std::string> elements;       // "10.231.0.2 . 10.231.0.3 . tcp . 8080"
};

struct ListedTable {
  std::map<std::string, std::vector<std::string>> chains;  // a base chain's first line says its hook and priority
  std::map<std::string, ListedSet> sets;                   // sets and maps
  std::vector<std::string> others;                         // lines of the table itself, such as "flags dormant"
};

// `listing` is what `nft list table` prints; an empty one is an empty table. Text it does not know ends up in `others`.
ListedTable parse_table(std::string_view listing);

// The pieces of an element: "a . b : c . d" → {a, b, c, d}.
std::vector<std::string> element_fields(std::string_view element);

}  // namespace conductor::network
