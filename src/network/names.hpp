// /etc/hosts and /etc/resolv.conf of an endpoint: pure functions over texts and records.
#pragma once

#include "network/network.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace conductor::network {

// Its own names, localhost, the peers it may reach (by alias, names and the last part of their groups), extra_hosts. Of
// a group, those that are attached; all of them while none is.
std::string hosts_text(const Endpoint& endpoint, const std::vector<Endpoint>& all);

// The servers in resolv.conf(5) form; with none, a comment that says why.
std::string resolver_text(const Endpoint& endpoint, const std::vector<std::string>& host_servers);

// The servers a resolv.conf(5) names, in its order.
std::vector<std::string> parse_name_servers(std::string_view resolver_file);
// Of these, what an endpoint can reach: IPv4, not loopback.
std::vector<std::string> reachable_servers(const std::vector<std::string>& servers);

}  // namespace conductor::network
