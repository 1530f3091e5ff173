// Reading the machine; apart from observed.cpp, whose functions are pure.
#include "compose/labels.hpp"
#include "compose/observed.hpp"

namespace conductor::compose {

ObservedProject observe(engine::Engine& engine, const std::string& project, const Project* desired) {
  ObservedProject observed;
  observed.name = project;
  observed.containers = containers_of(engine.list(), project);
  for (const auto& volume : engine.volumes().list()) {
    observed.volumes.insert(volume.name);
    const auto owner = volume.labels.find(label::project);
    if (owner != volume.labels.end() && owner->second == project) observed.own_volumes.push_back(volume.name);
  }
  for (const auto& network : engine.network().networks()) {
    observed.networks[network.name] = network;
    const auto owner = network.labels.find(label::project);
    if (owner != network.labels.end() && owner->second == project) observed.own_networks.push_back(network.name);
  }
  if (desired == nullptr) return observed;
  for (const auto& service : desired->services) {
    if (observed.images.contains(service.image)) continue;
    if (const auto image = engine.images().find(service.image)) observed.images[service.image] = image->id;
  }
  return observed;
}

}  // namespace conductor::compose
