// /etc/hosts and /etc/resolv.conf of an endpoint: pure functions over texts and records.
#pragma once

#include "network/network.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace conductor::network {

// "localhost", its own names, the peers it may reach, extra_hosts; with their IPv6 addresses where IPv6 is on. A peer
// is known by the alias of a link, its names, the last part of its groups, and its aliases in networks of both. Its own
// names lead to it as soon as it exists; a name that replicas share leads to those that are attached, to all of them
// while none is. Of `others` those that cannot be reached are left out.
std::string hosts_text(const Settings& settings, const Endpoint& endpoint, const std::vector<Endpoint>& others);

// An address in extra_hosts that stands for the host's own towards endpoints.
inline constexpr const char* host_gateway = "host-gateway";

// Host names and patterns among internet_to. An endpoint with any has a resolver of its own.
std::vector<std::string> named_destinations(const EndpointConfig& config);
inline constexpr const char* own_resolver = "127.0.0.11";

// resolv.conf(5): the endpoint's own resolver, the servers asked for, or those of the host it can reach; with none, a
// comment that says why. The host's search list is not passed on.
std::string resolver_text(const Settings& settings, const Endpoint& endpoint,
                          const std::vector<std::string>& host_servers);

// The servers a resolv.conf(5) names, in its order.
std::vector<std::string> parse_name_servers(std::string_view resolver_file);
// Of these, what an endpoint can reach: neither loopback nor link-local.
std::vector<std::string> reachable_servers(const std::vector<std::string>& servers);

}  // namespace conductor::network
