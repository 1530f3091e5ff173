// The first half of reconciling: what is to become of each container, and why.
#pragma once

#include "compose/observed.hpp"
#include "compose/plan.hpp"
#include "compose/project.hpp"
#include "compose/reconcile.hpp"

#include <map>
#include <string>
#include <vector>

namespace conductor::compose {

enum class Action { keep, create, recreate, start, restart };

struct Decision {
  const DesiredService* service = nullptr;
  int number = 0;
  const ObservedContainer* existing = nullptr;  // nullptr: to be created
  engine::ContainerConfig config;               // for create and recreate
  Action action = Action::keep;
  std::vector<Cause> causes;
  std::vector<Cause> network;  // what changes of the reach of one that stays

  bool makes() const { return action == Action::create || action == Action::recreate; }
  bool starts() const { return action != Action::keep; }
};

// One for each container of the services, in their order.
std::vector<Decision> decide(const Project& desired, const std::vector<const DesiredService*>& services,
                             const ObservedProject& observed, const UpOptions& options);

// What a network of the project is to be and is not: it is made anew, and with it every container that is in it. Empty
// for one that is right, external or not there yet.
std::vector<Cause> network_changes(const DesiredNetwork& network, const ObservedProject& observed);

// In none but internal networks, of those that give it reach. Of an external one the machine says it.
bool is_enclosed(const Project& desired, const ObservedProject& observed, const network::EndpointConfig& endpoint);

// Both publish one port of the host.
bool share_host_port(const engine::ContainerConfig& a, const engine::ContainerConfig& b);

// Whether a service's container has reached the condition.
bool satisfies(const monitor::Status& status, parser::Condition condition);

// The most exact place the file has for a key of a change: "environment.A", else "environment", else the service.
base::Position place_of(const DesiredService& service, std::string key);

}  // namespace conductor::compose
