// What differs between the recorded and the desired configuration of a container, in the words of the compose file.
#pragma once

#include "engine/container.hpp"

#include <string>
#include <vector>

namespace conductor::compose {

// One key, its value before and after as text; "unset" where there is none.
struct Change {
  std::string key;  // "environment.COLOUR", "mem_limit", "healthcheck.interval"
  std::string before;
  std::string after;
  bool operator==(const Change&) const = default;
};

// Of the declared parts (config_hash.hpp): a change makes another container.
std::vector<Change> differences(const engine::ContainerConfig& recorded, const engine::ContainerConfig& desired);

// Of what changes while the container runs: what it may reach and who may reach it, its networks and published ports.
std::vector<Change> network_differences(const network::EndpointConfig& recorded,
                                        const network::EndpointConfig& desired);

}  // namespace conductor::compose
