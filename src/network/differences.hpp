// What verify finds, under a lock that the caller holds.
#pragma once

#include "network/network.hpp"
#include "network/records.hpp"

#include <chrono>
#include <vector>

namespace conductor::network {

// Each once, however many parts of the kernel's state say the same.
std::vector<Finding> differences(const Settings& settings, const Records& records,
                                 const Network::NamespaceOpener& opener);
// Those that say the same become one, about all whom they are about.
std::vector<Finding> each_once(std::vector<Finding> findings);

// Interfaces of containers that have just stopped die with their namespaces, a moment later. Waits for those that are
// no endpoint's; for others to go on meanwhile the caller holds no lock. False: all of them are still there.
bool await_dying(const Settings& settings, const Records& records, std::chrono::steady_clock::time_point deadline);
inline constexpr std::chrono::milliseconds patience_with_dying(2000);

}  // namespace conductor::network
