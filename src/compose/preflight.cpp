#include "compose/preflight.hpp"

#include "base/text.hpp"
#include "compose/collect.hpp"
#include "compose/decide.hpp"
#include "compose/labels.hpp"
#include "linux/capabilities.hpp"
#include "linux/ip_address.hpp"
#include "linux/process.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

namespace conductor::compose {
namespace {

struct Made {
  const std::string& service;
  const engine::ContainerConfig& config;
};

std::vector<Made> containers_made(const Plan& plan) {
  std::vector<Made> made;
  for (const auto& step : plan.steps)
    std::visit(
        [&](const auto& operation) {
          if constexpr (requires { operation.config; }) made.push_back({operation.service, operation.config});
        },
        step.operation);
  return made;
}

// Host ports that a step is to publish: of a container that is made, or of one that stays and publishes others.
struct Published {
  const std::string& service;
  const std::string& name;
  const std::string& id;  // empty for one that is made
  const network::EndpointConfig& endpoint;
};

std::vector<Published> ports_published(const Plan& plan) {
  static const std::string none;
  std::vector<Published> published;
  for (const auto& step : plan.steps)
    std::visit(
        [&](const auto& operation) {
          if constexpr (requires { operation.config; })
            published.push_back({operation.service, operation.name, none, operation.config.endpoint});
          else if constexpr (requires { operation.endpoint; })
            published.push_back({operation.service, operation.name, operation.id, operation.endpoint});
        },
        step.operation);
  return published;
}

// Ids of the containers that are gone when the plan is done.
std::set<std::string> taken_away(const Plan& plan) {
  std::set<std::string> ids;
  for (const auto& step : plan.steps) {
    if (const auto* removed = std::get_if<RemoveContainer>(&step.operation)) ids.insert(removed->id);
    if (const auto* replaced = std::get_if<RecreateContainer>(&step.operation)) ids.insert(replaced->id);
  }
  return ids;
}

// Where a container's `ports` entry number `index` is written.
base::Position place_of_port(const Project& project, const std::string& service, std::size_t index) {
  for (const auto& written : project.source.services)
    if (written.name == service && index < written.ports.size()) return written.ports[index].position;
  return {};
}

base::Position place_of_mount(const Project& project, const std::string& service, const std::string& target) {
  for (const auto& written : project.source.services)
    if (written.name == service)
      for (const auto& volume : written.volumes)
        if (volume.value.target == target) return volume.position;
  return {};
}

void check_ports_of_plan(const Project& project, const Plan& plan, std::vector<base::Diagnostic>& problems) {
  struct Holder {
    std::string name, address;
  };
  std::map<std::pair<network::Protocol, int>, std::vector<Holder>> taken;
  for (const auto& [service, name, id, endpoint] : ports_published(plan))
    for (std::size_t i = 0; i < endpoint.publish.size(); ++i) {
      const auto& publish = endpoint.publish[i];
      for (int port = publish.host_port; publish.host_port != 0 && port < publish.host_port + publish.count; ++port) {
        auto& holders = taken[{publish.protocol, port}];
        for (const auto& holder : holders)
          if (holder.address.empty() || publish.host_ip.empty() || holder.address == publish.host_ip)
            problems.push_back(
                {place_of_port(project, service, i),
                 (holder.name == name ? "container " + name + " publishes twice host port "
                                      : "containers " + holder.name + " and " + name + " both publish host port ") +
                     std::to_string(port),
                 "", base::Severity::error});
        holders.push_back({name, publish.host_ip});
      }
    }
}

// Names that only the kernel's tables can tell; once for all containers of a service.
void check_names(const Project& project, const Plan& plan, std::vector<base::Diagnostic>& problems) {
  std::set<std::string> seen;
  for (const auto& [name, config] : containers_made(plan)) {
    const auto* service = project.find(name);
    if (service == nullptr || !seen.insert(name).second) continue;
    for (const auto& [key, list] : {std::pair{"cap_add", &config.cap_add}, std::pair{"cap_drop", &config.cap_drop}})
      for (const auto& capability : *list)
        if (base::upper(capability) != "ALL" && !linux::parse_capability(capability))
          problems.push_back({place_of(*service, key), "unknown capability '" + base::escape_control(capability) + "'",
                              "for example NET_RAW, or ALL", base::Severity::error});
    if (!config.stop_signal.empty() && !linux::parse_signal(config.stop_signal))
      problems.push_back({place_of(*service, "stop_signal"),
                          "unknown signal '" + base::escape_control(config.stop_signal) + "'", "for example SIGTERM",
                          base::Severity::error});
  }
}

void check_external_volumes(const Project& project, const ObservedProject& observed, const Plan& plan,
                            std::vector<base::Diagnostic>& problems) {
  std::set<std::string> used;
  for (const auto& made : containers_made(plan))
    if (const auto* service = project.find(made.service)) used.insert(service->volumes.begin(), service->volumes.end());
  for (const auto& volume : project.volumes)
    if (volume.external && used.contains(volume.key) && !observed.volumes.contains(volume.name))
      problems.push_back({volume.position, "external volume " + volume.name + " does not exist",
                          "make it with: conductor volume create " + volume.name, base::Severity::error});
}

// Networks that the services in question are in.
std::vector<const DesiredNetwork*> networks_used(const Project& project, const Plan& plan) {
  std::set<std::string> used;
  for (const auto& published : ports_published(plan))
    if (const auto* service = project.find(published.service))
      used.insert(service->networks.begin(), service->networks.end());
  std::vector<const DesiredNetwork*> networks;
  for (const auto& network : project.networks)
    if (used.contains(network.key)) networks.push_back(&network);
  return networks;
}

void check_external_networks(const Project& project, const ObservedProject& observed, const Plan& plan,
                             std::vector<base::Diagnostic>& problems) {
  const auto names = collect(observed.networks, [](const auto& known) { return known.first; });
  for (const auto* network : networks_used(project, plan)) {
    const auto known = observed.networks.find(network->config.name);
    const bool there = known != observed.networks.end();
    if (network->external && !there)
      problems.push_back({network->position,
                          "external network " + network->config.name + " does not exist" +
                              base::did_you_mean(network->config.name, names),
                          "make it with: conductor network create " + network->config.name, base::Severity::error});
    if (network->external || !there) continue;
    const auto owner = known->second.labels.find(label::project);
    if (owner == known->second.labels.end() || owner->second != project.name)
      problems.push_back({network->position,
                          "network " + network->config.name +
                              (owner == known->second.labels.end() ? std::string(" has not been made by compose")
                                                                   : " is of project " + owner->second),
                          "give this one another 'name', or write 'external: true'", base::Severity::error});
  }
}

// What internal networks keep from their members; that those of the file are internal the file's own check has said.
void check_enclosed(const Project& project, const ObservedProject& observed, const Plan& plan,
                    std::vector<base::Diagnostic>& problems) {
  std::set<std::string> seen;
  for (const auto& [name, container, id, endpoint] : ports_published(plan)) {
    const auto* service = project.find(name);
    if (service == nullptr || !is_enclosed(project, observed, endpoint) || !seen.insert(name).second) continue;
    const auto problem = [&](const base::Position& position, const char* consequence) {
      problems.push_back({position, "service '" + name + "' is in internal networks alone, so " + consequence,
                          "let it be in a network that is not internal, too", base::Severity::error});
    };
    if (endpoint.internet) problem(place_of(*service, "internet"), "it cannot have internet");
    if (!endpoint.publish.empty()) problem(place_of_port(project, name, 0), "its ports cannot be published");
  }
}

// Subnets of networks that are to be made, and the networks they clash with.
void check_subnets(const Project& project, const ObservedProject& observed, const Plan& plan,
                   std::vector<base::Diagnostic>& problems) {
  std::map<std::string, network::NetworkConfig> others = observed.networks;
  for (const auto& step : plan.steps)
    if (const auto* removed = std::get_if<RemoveNetwork>(&step.operation)) others.erase(removed->name);
  for (const auto& step : plan.steps) {
    const auto* made = std::get_if<CreateNetwork>(&step.operation);
    if (made == nullptr) continue;
    const auto declared = std::ranges::find(project.networks, made->network.name,
                                            [](const DesiredNetwork& network) { return network.config.name; });
    const auto place = declared == project.networks.end() ? base::Position{} : declared->position;
    for (const auto& [name, other] : others)
      for (const auto& [mine, theirs] :
           {std::pair{made->network.subnet, other.subnet}, std::pair{made->network.subnet6, other.subnet6}}) {
        const auto one = linux::parse_prefix(mine), two = linux::parse_prefix(theirs);
        if (one && two && one->overlaps(*two))
          problems.push_back(
              {place,
               "subnet " + mine + " of network " + made->network.name + " overlaps " + theirs + " of network " + name,
               "choose another subnet", base::Severity::error});
      }
    others[made->network.name] = made->network;
  }
}

// Who stays in a network that is to be made anew keeps it from being so.
void check_members(const Project& project, const ObservedProject& observed, const Plan& plan,
                   std::vector<base::Diagnostic>& problems) {
  if (plan.teardown) return;
  const auto leaving = taken_away(plan);
  for (const auto& step : plan.steps) {
    const auto* removed = std::get_if<RemoveNetwork>(&step.operation);
    if (removed == nullptr) continue;
    for (const auto& container : observed.containers) {
      const auto& networks = container.container.config.endpoint.networks;
      const bool member = std::ranges::find(networks, removed->name, &network::Membership::network) != networks.end();
      if (!member || leaving.contains(container.container.id)) continue;
      const auto declared = std::ranges::find(project.networks, removed->name,
                                              [](const DesiredNetwork& network) { return network.config.name; });
      problems.push_back(
          {declared == project.networks.end() ? base::Position{} : declared->position,
           "network " + removed->name + " has to be made anew, but container " + container.name() + " stays in it",
           "include its service, or remove the container", base::Severity::error});
    }
  }
}

class Machine {
 public:
  Machine(engine::Engine& engine, const Project& project, const Plan& plan, std::vector<base::Diagnostic>& problems)
      : engine_(engine), project_(project), plan_(plan), problems_(problems) {}

  void check() {
    for (const auto& step : plan_.steps) {
      if (const auto* build = std::get_if<BuildImage>(&step.operation)) check_build(*build);
      if (const auto* fetch = std::get_if<FetchImage>(&step.operation)) check_fetch(*fetch);
    }
    for (const auto& made : containers_made(plan_)) check_binds(made);
    check_ports();
    check_ranges();
    check_shared_networks();
    for (const auto& service : project_.services) check_conditions(service);
  }

 private:
  engine::Engine& engine_;
  const Project& project_;
  const Plan& plan_;
  std::vector<base::Diagnostic>& problems_;

  void problem(const base::Position& position, std::string message, std::string hint = {}) {
    problems_.push_back({position, std::move(message), std::move(hint), base::Severity::error});
  }
  base::Position place(const std::string& service, const std::string& key) const {
    const auto* found = project_.find(service);
    return found == nullptr ? base::Position{} : place_of(*found, key);
  }

  void check_build(const BuildImage& build) {
    if (!build.build.context.starts_with('/')) return;  // a URL
    if (!std::filesystem::is_directory(build.build.context))
      problem(place(build.service, "build"), "build context " + build.build.context + " is no directory");
    else if (!build.build.file.empty() && !std::filesystem::exists(build.build.file))
      problem(place(build.service, "build"), "build file " + build.build.file + " does not exist");
  }

  void check_fetch(const FetchImage& fetch) {
    if (image::suite_of(image::parse_reference(fetch.image))) return;
    std::vector<std::string> known;
    for (const auto& listed : engine_.images().list()) known.push_back(listed.reference.text());
    problem(place(fetch.service, "image"), "no such image: " + fetch.image + base::did_you_mean(fetch.image, known),
            "build it first, or give the service a build section");
  }

  // Who is to become healthy has a healthcheck, or its image has one; what is still to be built is not known yet.
  void check_conditions(const DesiredService& service) {
    if (!service.active) return;
    for (const auto& dependency : service.depends_on) {
      if (dependency.condition != parser::Condition::healthy) continue;
      const auto* other = project_.find(dependency.service);
      if (other == nullptr || other->build || !other->pattern.healthcheck.test.empty()) continue;
      const auto image = engine_.images().find(other->image);
      if (image && !image->config.healthcheck)
        problem(dependency.position,
                "neither service '" + other->name + "' nor its image has a healthcheck, so it never becomes healthy",
                "give it a healthcheck, or use service_started");
    }
  }

  void check_binds(const Made& made) {
    for (const auto& mount : made.config.mounts) {
      if (mount.kind != engine::MountKind::bind) continue;
      try {
        // A missing source becomes a directory when the container is created, as -v does.
        if (std::filesystem::exists(mount.source)) volume::check_bind_source(engine_.locations(), mount.source, false);
      } catch (const base::Error& e) {
        problem(place_of_mount(project_, made.service, mount.target), e.message());
      }
    }
  }

  // The records find the ports of containers; binding for a moment finds those of other programs.
  void check_ports() {
    const auto leaving = taken_away(plan_);
    struct Holder {
      std::string id, name, address;
    };
    std::map<std::pair<network::Protocol, int>, std::vector<Holder>> holders;
    for (const auto& endpoint : engine_.network().list())
      for (const auto& publish : endpoint.config.publish)
        for (int i = 0; i < publish.count; ++i)
          holders[{publish.protocol, publish.host_port + i}].push_back(
              {endpoint.id, network::display_name(endpoint), publish.host_ip});
    for (const auto& [service, name, id, endpoint] : ports_published(plan_))
      for (std::size_t i = 0; i < endpoint.publish.size(); ++i) {
        const auto& publish = endpoint.publish[i];
        for (int offset = 0; publish.host_port != 0 && offset < publish.count; ++offset) {
          const int port = publish.host_port + offset;
          bool ours = false;
          for (const auto& holder : holders[{publish.protocol, port}]) {
            if (!holder.address.empty() && !publish.host_ip.empty() && holder.address != publish.host_ip) continue;
            ours = true;
            if (holder.id != id && !leaving.contains(holder.id))
              problem(place_of_port(project_, service, i),
                      "host port " + std::to_string(port) + " is published by container " + holder.name);
          }
          if (!ours) check_free(service, i, publish, offset);
        }
      }
  }

  // The network that is shared with a container outside of the project.
  void check_shared_networks() {
    std::set<std::string> made;
    for (const auto& [service, config] : containers_made(plan_)) made.insert(config.name);
    for (const auto& [service, config] : containers_made(plan_)) {
      const std::string& holder = config.network_container;
      if (holder.empty() || made.contains(holder) || engine_.exists(holder)) continue;
      const auto known = collect(engine_.list(), [](const engine::Observed& o) { return o.container.config.name; });
      problem(place(service, "network_mode"), "no such container: " + holder + base::did_you_mean(holder, known));
    }
  }

  // Subnets beside the range of the instance itself.
  void check_ranges() {
    const auto& settings = engine_.network().settings();
    for (const auto& step : plan_.steps) {
      const auto* made = std::get_if<CreateNetwork>(&step.operation);
      if (made == nullptr) continue;
      for (const auto& subnet : {made->network.subnet, made->network.subnet6}) {
        const auto prefix = linux::parse_prefix(subnet);
        if (!prefix || (!prefix->overlaps(settings.range()) && !prefix->overlaps(settings.range6()))) continue;
        for (const auto& network : project_.networks)
          if (network.config.name == made->network.name)
            problem(network.position,
                    "subnet " + subnet + " overlaps the range that all containers have their addresses from",
                    "that is " + settings.subnet_text() + "; choose another subnet");
      }
    }
  }

  void check_free(const std::string& service, std::size_t index, network::Publish publish, int offset) {
    publish.host_port += offset;
    publish.container_port += offset;
    publish.count = 1;
    try {
      engine_.network().require_free({publish});
    } catch (const base::Error& e) {
      problem(place_of_port(project_, service, index), e.message());
    }
  }
};

}  // namespace

std::vector<base::Diagnostic> contradictions(const Project& project, const ObservedProject& observed,
                                             const Plan& plan) {
  std::vector<base::Diagnostic> problems;
  check_ports_of_plan(project, plan, problems);
  check_external_volumes(project, observed, plan, problems);
  check_external_networks(project, observed, plan, problems);
  check_enclosed(project, observed, plan, problems);
  check_subnets(project, observed, plan, problems);
  check_members(project, observed, plan, problems);
  check_names(project, plan, problems);
  return problems;
}

void preflight(engine::Engine& engine, const Project& project, const ObservedProject& observed, const Plan& plan) {
  auto problems = contradictions(project, observed, plan);
  Machine(engine, project, plan, problems).check();
  if (!problems.empty()) throw base::SourceError(problems, project.text);
}

}  // namespace conductor::compose
