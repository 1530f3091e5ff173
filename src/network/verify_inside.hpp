// The inside of an endpoint's namespace against what is declared.
#pragma once

#include "network/graph.hpp"
#include "network/network.hpp"
#include "network/verify_host.hpp"
#include "network/verify_words.hpp"

#include <set>
#include <vector>

namespace conductor::network {

// Interfaces, addresses, routes, neighbours and policy rules as `inside` shows them. `declared` are the endpoint's own
// of inner_routes.
std::vector<Finding> compare_inside(const Settings& settings, const Endpoint& endpoint,
                                    const std::set<InnerRoute>& declared, const NetworkState& inside,
                                    const AddressBook& book);

}  // namespace conductor::network
