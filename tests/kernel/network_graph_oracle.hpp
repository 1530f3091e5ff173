// A random declared graph, and what each probe must give by the sentences of docs/network.md. It knows nothing of the
// code under test but the declarations of network.hpp.
#pragma once

#include "network_rig.hpp"
#include "network_rig_probes.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace test {

// Ten endpoints "e0" … "e9" of two projects and none, with replicas, links, networks, egress and published ports.
std::map<std::string, net::EndpointConfig> random_graph(std::uint32_t seed);
std::vector<std::string> networks_of_graph();

// Ports that every endpoint, the host and the neighbour serve.
std::vector<int> container_ports();
std::vector<int> host_ports();
std::vector<int> neighbour_ports();

// What must come of a probe.
enum class Verdict {
  open,    // answered
  closed,  // never received; TCP from an endpoint is told at once
  either,  // the documentation promises nothing
};
struct Expectation {
  Probe probe;
  Verdict verdict = Verdict::closed;
  bool at_once = false;  // closed TCP: refused or unreachable, not silent
  std::string text;      // "e1 -> e2 (10.231.0.3) tcp 80"
};

// Every pair and direction: containers, the host's services, the neighbour, published ports; TCP, UDP and ICMP; IPv4,
// and IPv6 where it is on.
std::vector<Expectation> expectations(const Rig& rig, const std::map<std::string, net::EndpointConfig>& graph);

}  // namespace test
