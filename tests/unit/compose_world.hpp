// Projects made of text, and machines that match them, for the tests of compose.
#pragma once

#include "compose/labels.hpp"
#include "compose/observed.hpp"
#include "compose/project.hpp"

#include <algorithm>
#include <map>
#include <string>

namespace test {

using namespace conductor;

struct Outside {
  std::map<std::string, std::string> variables;
  std::map<std::string, std::string> files;  // by absolute path
  std::vector<std::string> profiles;
  std::string name = "shop";
};

inline compose::Project project(const std::string& text, const Outside& outside = {},
                                const std::string& file = "conductor.yaml") {
  const auto lookup = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = outside.variables.find(name);
    return found == outside.variables.end() ? std::nullopt : std::optional(found->second);
  };
  compose::ProjectSettings settings;
  settings.name = outside.name;
  settings.directory = "/srv/shop";
  settings.path = "/srv/shop/" + file;
  settings.home = "/home/ann";
  settings.profiles = outside.profiles;
  settings.lookup = lookup;
  settings.read_file = [&](const std::string& path) -> std::optional<std::string> {
    const auto found = outside.files.find(path);
    return found == outside.files.end() ? std::nullopt : std::optional(found->second);
  };
  return compose::make_project(parser::parse_compose_file(text, file, lookup), text, settings);
}

// As if `up` of the project had just come to its end: everything runs, and is healthy where that is checked.
inline compose::ObservedProject machine(const compose::Project& project) {
  compose::ObservedProject observed;
  observed.name = project.name;
  for (const auto& service : project.services) {
    observed.images[service.image] = "id-of-" + service.image;
    for (std::size_t i = 0; i < service.containers.size(); ++i) {
      compose::ObservedContainer container;
      container.service = service.name;
      container.number = static_cast<int>(i) + 1;
      container.container.id = "id-of-" + service.containers[i].name;
      container.container.image_id = "id-of-" + service.image;
      container.container.config = service.containers[i];
      container.container.config.endpoint.names = {service.containers[i].name};
      container.status.phase = monitor::Phase::running;
      if (!service.pattern.healthcheck.test.empty()) container.status.health = monitor::Health::healthy;
      observed.containers.push_back(container);
    }
  }
  std::ranges::sort(observed.containers, [](const auto& a, const auto& b) {
    return std::tie(a.service, a.number) < std::tie(b.service, b.number);
  });
  for (const auto& volume : project.volumes) {
    observed.volumes.insert(volume.name);
    if (!volume.external) observed.own_volumes.push_back(volume.name);
  }
  for (const auto& network : project.networks) {
    observed.networks[network.config.name] = network.config;
    if (!network.external) observed.own_networks.push_back(network.config.name);
  }
  return observed;
}

inline compose::ObservedContainer& container(compose::ObservedProject& observed, const std::string& name) {
  for (auto& candidate : observed.containers)
    if (candidate.name() == name) return candidate;
  throw base::Error("no such container in the test: " + name);
}

inline void exited(compose::ObservedContainer& container, int code) {
  container.status.phase = monitor::Phase::exited;
  container.status.health = monitor::Health::none;
  container.status.exit_code = code;
}

}  // namespace test
