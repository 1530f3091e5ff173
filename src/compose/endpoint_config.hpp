// What a service of a compose file says of networks and reach → the configuration of its endpoint.
#pragma once

#include "compose/service_config.hpp"

#include <string>
#include <vector>

namespace conductor::compose {

// The networks of the file with their names on this machine, and "default" where a service is in it.
std::vector<DesiredNetwork> resolve_networks(const Resolver& resolver);

// Keys of the networks a service is in. Without `networks` of its own, in a file that is not strict: "default".
std::vector<std::string> networks_of(const parser::ComposeFile& file, const parser::Service& service);

// The service whose network this one shares (network_mode: service:NAME); else empty.
std::string shared_service(const parser::Service& service);

// `network` and `network_container` of the configuration.
void resolve_network_mode(const Resolver& resolver, const parser::Service& service, engine::ContainerConfig& config);

// All of the endpoint but its names.
network::EndpointConfig resolve_endpoint(Resolver& resolver, const parser::Service& service);

}  // namespace conductor::compose
