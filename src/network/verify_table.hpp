// The table as the kernel has it against the one that is declared.
#pragma once

#include "network/firewall_elements.hpp"
#include "network/network.hpp"
#include "network/observed_table.hpp"
#include "network/verify_words.hpp"

#include <string>
#include <vector>

namespace conductor::network {

// What of `observed` is not as in `expected`: chain by chain, set by set, element by element.
std::vector<Finding> compare_tables(const ListedTable& expected, const ListedTable& observed, const AddressBook& book);

// How nft(8) lists a table of that definition: it is loaded in a network namespace of its own, gone afterwards.
std::string listing_of(const std::string& table, const std::string& definition);

}  // namespace conductor::network
