// The one table of this instance, as a text for nft(8).
#pragma once

#include "network/firewall_elements.hpp"
#include "network/network.hpp"

#include <set>
#include <string>
#include <vector>

namespace conductor::network {

// The definition of the whole table. `name_servers` are those an endpoint with internet may ask even when they run on
// this host.
std::string table_text(const Settings& settings, const std::vector<std::string>& name_servers,
                       const std::set<Element>& elements);

}  // namespace conductor::network
