// The machine's side of a project: what is there now.
#pragma once

#include "compose/project.hpp"
#include "engine/engine.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace conductor::compose {

struct ObservedContainer {
  std::string service;
  int number = 0;
  engine::Container container;
  monitor::Status status;

  const std::string& name() const { return container.config.name; }
  bool running() const { return status.phase == monitor::Phase::running || status.phase == monitor::Phase::restarting; }
  // From the label: what its service depended on when it was made.
  std::vector<parser::Dependency> dependencies() const;
};

struct ObservedProject {
  std::string name;
  std::vector<ObservedContainer> containers;  // by service, then number
  std::map<std::string, std::string> images;  // reference → id, of the references that were asked for and exist
  std::set<std::string> volumes;              // names of all volumes of the machine
  std::vector<std::string> own_volumes;       // those the project has made
  std::map<std::string, network::NetworkConfig> networks;  // all of the machine, by name
  std::vector<std::string> own_networks;                   // those the project has made

  std::vector<const ObservedContainer*> of(const std::string& service) const;
  const ObservedContainer* find(const std::string& service, int number) const;
};

// The containers of `list` that carry the project's label and are no one-off runs.
std::vector<ObservedContainer> containers_of(const std::vector<engine::Observed>& list, const std::string& project);

// Reads only. `desired` says which images matter; may be nullptr.
ObservedProject observe(engine::Engine& engine, const std::string& project, const Project* desired);

// "running", "running (healthy)", "exited (1)", "created" …
std::string state_text(const monitor::Status& status);

}  // namespace conductor::compose
