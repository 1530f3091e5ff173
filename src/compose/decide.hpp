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
  std::vector<Cause> network;  // what changes of links and internet of one that stays

  bool makes() const { return action == Action::create || action == Action::recreate; }
  bool starts() const { return action != Action::keep; }
};

// One for each container of the services, in their order.
std::vector<Decision> decide(const std::vector<const DesiredService*>& services, const ObservedProject& observed,
                             const UpOptions& options);

// Whether a service's container has reached the condition.
bool satisfies(const monitor::Status& status, parser::Condition condition);

// The most exact place the file has for a key of a change: "environment.A", else "environment", else the service.
base::Position place_of(const DesiredService& service, std::string key);

}  // namespace conductor::compose
