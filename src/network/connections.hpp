// Tracked connections that outlive what had allowed them.
#pragma once

#include "linux/conntrack.hpp"
#include "network/network.hpp"

#include <vector>

namespace conductor::network {

// A connection with an end at `endpoint` could be opened now: by a link to or from one of `peers`, by what it may reach
// outside or at the host, by a published port, or by the host itself.
bool is_declared(const Settings& settings, const Endpoint& endpoint, const std::vector<Endpoint>& peers,
                 const linux::Connection& connection);

// Makes the kernel forget those of the endpoint that could not. `peers` are attached and related to it.
void forget_undeclared(const Settings& settings, const Endpoint& endpoint, const std::vector<Endpoint>& peers);
// All of the endpoint's.
void forget_all(const Settings& settings, const Endpoint& endpoint);

}  // namespace conductor::network
