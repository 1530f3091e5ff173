// What is tried between endpoints: every declared edge, and a sample of what nobody declared. Pure.
#pragma once

#include "network/network.hpp"

#include <compare>
#include <string>
#include <vector>

namespace conductor::network {

// One attempt from inside an endpoint's namespace. The pointers are into the list the plan was made from.
struct ProbeTask {
  enum class Kind { tcp, udp, icmp };
  const Endpoint* from = nullptr;
  const Endpoint* to = nullptr;
  linux::IpAddress address;  // of `to`
  Kind kind = Kind::tcp;
  int port = 0;           // TCP and UDP
  bool declared = false;  // it has to open; else it must not
};

// A port that programs seldom use, outside of the range the kernel takes ports from.
inline constexpr int sample_port = 64999;

// Between endpoints of `ids` (all when empty), over every address. Of a declared range the first and the last port; of
// each pair and direction one port of TCP and of UDP that is not declared, one that others may use where there is one.
// At most `undeclared` attempts are of the latter kind, spread evenly; declared ones are never left out.
inline constexpr std::size_t most_undeclared = 6000;
std::vector<ProbeTask> plan_probes(const Settings& settings, const std::vector<Endpoint>& attached,
                                   const std::vector<std::string>& ids, std::size_t undeclared = most_undeclared);
// The same towards services of the host, which `host` stands for: the declared host_ports, and a port that is not.
std::vector<ProbeTask> plan_host_probes(const Settings& settings, const std::vector<Endpoint>& attached,
                                        const std::vector<std::string>& ids, const Endpoint& host);

// "web may reach db on tcp 5432".
std::string target_words(const ProbeTask& task);

}  // namespace conductor::network
