// Networks, and what a container has of them, as `network` and `inspect` show them: docker's words and shape, and ours.
#pragma once

#include "base/json.hpp"
#include "engine/engine.hpp"

#include <string>
#include <vector>

namespace conductor::cli {

// The instance itself as a network: all its containers are in it, and reach there what links say.
inline constexpr const char* links_network = "links";

// --- of a container
base::Json network_settings(engine::Engine& engine, const engine::Observed& observed);  // docker's NetworkSettings
base::Json host_config(const engine::ContainerConfig& config);     // docker's HostConfig, what it says of the network
std::string networks_text(const engine::ContainerConfig& config);  // "links", "back,front", "host", "container:web"
bool in_network(const engine::ContainerConfig& config, const std::string& network);

// --- networks
// Of the containers that are there, running or not.
std::vector<engine::Container> members_of(const std::vector<engine::Observed>& containers, const std::string& network);
// One line of `network ls`: ID, Name, Driver, Scope, Subnets, Internal, IPv6, Containers, Labels, CreatedAt.
base::Json listed_links(engine::Engine& engine, const std::vector<engine::Observed>& containers);
base::Json listed(const network::NetworkConfig& network, const std::vector<engine::Observed>& containers, bool ipv6);
// Everything, one object.
base::Json inspected_links(engine::Engine& engine);
base::Json inspected(engine::Engine& engine, const network::NetworkConfig& network);

}  // namespace conductor::cli
