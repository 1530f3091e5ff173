// Networks that containers can be in: records in ROOT/network/networks/NAME.json.
#pragma once

#include "network/network.hpp"
#include "network/records.hpp"
#include "network/settings.hpp"

#include <optional>
#include <string>
#include <vector>

namespace conductor::network {

std::optional<NetworkConfig> read_network(const Records& records, const std::string& name);
std::vector<NetworkConfig> read_networks(const Records& records);  // sorted; damaged ones are logged and left out

void write_network(const Records& records, const NetworkConfig& network);
bool erase_network(const Records& records, const std::string& name);  // false when absent

// The subnets of all networks, of both families: addresses of endpoints beside the instance's ranges.
std::vector<linux::IpPrefix> network_subnets(const std::vector<NetworkConfig>& networks);

// Throws Error when the endpoint asks for internet or published ports and its networks with reach, all of them
// internal, do not give them.
void require_given_by_networks(const Records& records, const EndpointConfig& config);

// Throws Error naming what `network` clashes with: another network, the instance's ranges, or one of the host's.
void validate_network(const NetworkConfig& network, const std::vector<NetworkConfig>& others, const Settings& settings,
                      const std::vector<HostNetwork>& taken);

}  // namespace conductor::network
