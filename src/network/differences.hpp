// What verify finds, under a lock that the caller holds.
#pragma once

#include "network/network.hpp"
#include "network/records.hpp"

#include <vector>

namespace conductor::network {

// Each once, however many parts of the kernel's state say the same.
std::vector<Finding> differences(const Settings& settings, const Records& records,
                                 const Network::NamespaceOpener& opener);
// Those that say the same become one, about all whom they are about.
std::vector<Finding> each_once(std::vector<Finding> findings);

}  // namespace conductor::network
