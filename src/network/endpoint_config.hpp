// What an endpoint asks for, looked at before anything is done.
#pragma once

#include "network/network.hpp"

#include <vector>

namespace conductor::network {

// Throws Error for ports, destinations and addresses that can never be meant.
void validate_config(const EndpointConfig& config);

// Host ports that were chosen for the same entries before stay.
void keep_chosen_ports(std::vector<Publish>& publish, const std::vector<Publish>& before);

}  // namespace conductor::network
