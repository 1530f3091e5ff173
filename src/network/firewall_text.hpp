// The one table of this instance, as a text for nft(8).
#pragma once

#include "network/firewall_elements.hpp"
#include "network/network.hpp"

#include <set>
#include <string>
#include <vector>

namespace conductor::network {

// The definition of the whole table. `ranges` are all that endpoints' addresses are of, disjoint. `name_servers` are
// those an endpoint with internet may ask even when they run on this host, of either family.
std::string table_text(const Settings& settings, const std::vector<linux::IpPrefix>& ranges,
                       const std::vector<std::string>& name_servers, const std::set<Element>& elements);

// The names of all its sets and maps.
std::vector<std::string> set_names();

}  // namespace conductor::network
