// The host's side as the kernel has it against what is declared: policy rules, ends of veths, routes, neighbours.
// Everything but the looking is pure.
#pragma once

#include "linux/netlink.hpp"
#include "network/network.hpp"
#include "network/settings.hpp"
#include "network/verify_state.hpp"
#include "network/verify_words.hpp"

#include <string>
#include <vector>

namespace conductor::network {

// "from 10.231.0.0/16 prohibit", "fwmark 0x10000/0x10000 lookup main".
std::string rule_words(const linux::PolicyRule& rule);

// Rules that are missing or changed, and those of others in front of ours that would lead packets of `ranges` that
// arrive by one of `interfaces` (beside our own) or from this host elsewhere.
std::vector<Finding> compare_rules(const Settings& settings, const std::vector<linux::PolicyRule>& expected,
                                   const std::vector<linux::PolicyRule>& observed,
                                   const std::vector<linux::IpPrefix>& ranges,
                                   const std::vector<std::string>& interfaces);

// The host's end of an attached endpoint with its addresses, routes and neighbours; without its settings.
std::vector<Finding> compare_host_end(const Settings& settings, const Endpoint& endpoint, const HostIndex& host);

// Of the host's networks those that overlap one of `ranges`, each once.
std::vector<Finding> compare_ranges(const std::vector<HostNetwork>& networks,
                                    const std::vector<linux::IpPrefix>& ranges);

// Routes among those to endpoints that lead to none of this or another instance.
std::vector<linux::Route> stray_routes(const Settings& settings, const AddressBook& book, const NetworkState& host);

// Interfaces of ours by name or group that are no endpoint's.
std::vector<std::string> stray_interfaces(const Settings& settings, const AddressBook& book, const NetworkState& host);

// Settings and source filter of the host's end of an endpoint, read from the kernel.
std::vector<Finding> check_host_settings(const Settings& settings, const Endpoint& endpoint);
std::vector<Finding> check_source_filter(linux::Netlink& netlink, const Settings& settings, const Endpoint& endpoint,
                                         int interface);

// Neighbour entries of an interface: exactly these addresses at that MAC, permanent. `where` begins the sentence:
// "the host", "inside web"; `of` is whose addresses they are, or null.
std::vector<Finding> compare_neighbours(const std::string& where, const std::vector<linux::IpAddress>& addresses,
                                        const std::string& mac, const std::vector<linux::Neighbour>& observed,
                                        const Endpoint* of);

}  // namespace conductor::network
