// Attempts of a plan made for real, all at the same time, with sockets made inside the endpoints' namespaces.
#pragma once

#include "network/network.hpp"
#include "network/probe_plan.hpp"

#include <map>
#include <string>
#include <vector>

namespace conductor::network {

enum class ProbeOutcome {
  opened,    // TCP: connected; UDP: the datagram arrived; ICMP: the echo was answered
  refused,   // said so, by a reset, an ICMP message or the lack of a route
  silent,    // neither, until the deadline
  untested,  // UDP: the port is somebody's, who gets no datagrams of ours
};

// Where nobody listens, sockets of ours do meanwhile; a connection is closed as soon as it stands. Takes a second at
// most, and far less when everything answers. `spaces` has the network namespaces by endpoint id; tasks from or to
// others are untested. One outcome each, in the order of `tasks`.
std::vector<ProbeOutcome> run_probes(const std::vector<ProbeTask>& tasks,
                                     const std::map<std::string, linux::Fd>& spaces);

// How many tasks one run may have with the descriptors this process may open (getrlimit(2)).
std::size_t tasks_per_run();

}  // namespace conductor::network
