// `up`: decisions (decide.hpp) become steps, in dependency order.
#include "compose/reconcile.hpp"

#include "base/text.hpp"
#include "compose/decide.hpp"

#include <algorithm>
#include <set>

namespace conductor::compose {
namespace {

using Steps = std::vector<std::size_t>;

void append(Steps& to, const Steps& from) { to.insert(to.end(), from.begin(), from.end()); }

// An address of a network that both ask for.
bool share_address(const engine::ContainerConfig& a, const engine::ContainerConfig& b) {
  return std::ranges::any_of(a.endpoint.networks, [&](const network::Membership& one) {
    return std::ranges::any_of(b.endpoint.networks, [&](const network::Membership& other) {
      return one.network == other.network &&
             ((!one.ipv4.empty() && one.ipv4 == other.ipv4) || (!one.ipv6.empty() && one.ipv6 == other.ipv6));
    });
  });
}

bool is_member(const engine::ContainerConfig& config, const std::string& network) {
  return std::ranges::any_of(config.endpoint.networks,
                             [&](const network::Membership& membership) { return membership.network == network; });
}

class UpPlanner {
 public:
  UpPlanner(const Project& desired, const ObservedProject& observed, const UpOptions& options)
      : desired_(desired),
        observed_(observed),
        options_(options),
        services_(select(desired, options.services, options.dependencies)) {
    for (const auto* service : services_) selected_.insert(service->name);
  }

  Plan run() {
    plan_.project = desired_.name;
    decisions_ = decide(desired_, services_, observed_, options_);
    remove_surplus();
    remove_orphans();
    remove_displaced();
    for (const auto& decision : decisions_) emit(decision);
    if (options_.wait && options_.start) wait_for_health();
    return std::move(plan_);
  }

 private:
  const Project& desired_;
  const ObservedProject& observed_;
  const UpOptions& options_;
  std::vector<const DesiredService*> services_;
  std::set<std::string> selected_;
  std::vector<Decision> decisions_;
  Plan plan_;

  // Steps made so far, by what they are about.
  std::vector<std::pair<const ObservedContainer*, std::size_t>> removals_;
  std::map<std::string, std::size_t> networks_, volumes_, images_;
  std::map<std::string, Steps> made_, starts_;
  std::map<std::pair<std::string, parser::Condition>, Steps> waits_;

  void remove(const ObservedContainer& container, const Cause& cause) {
    Steps stopped;
    std::vector<Cause> causes{cause};
    if (container.running()) {
      stopped = {plan_.add(StopContainer{container.service, container.name(), container.container.id, {}}, causes)};
      causes.clear();
    }
    const auto step =
        plan_.add(RemoveContainer{container.service, container.name(), container.container.id}, causes, stopped);
    removals_.emplace_back(&container, step);
  }

  void remove_surplus() {
    for (const auto* service : services_)
      for (const auto* container : observed_.of(service->name)) {
        const int wanted = static_cast<int>(service->containers.size());
        if (container->number >= 1 && container->number <= wanted) continue;
        remove(*container, {place_of(*service, service->places.contains("scale") ? "scale" : "deploy.replicas"),
                            "service " + service->name + " has " + std::to_string(wanted) +
                                (wanted == 1 ? " container" : " containers"),
                            {},
                            {},
                            {}});
      }
  }

  void remove_orphans() {
    std::vector<std::string> orphans;
    for (const auto& container : observed_.containers) {
      if (desired_.find(container.service) != nullptr) continue;
      if (options_.remove_orphans)
        remove(container, {{}, "service " + container.service + " is not in the file", {}, {}, {}});
      else
        orphans.push_back(container.name());
    }
    if (!orphans.empty())
      plan_.notes.push_back("containers of services that are not in the file stay: " + base::join(orphans, ", ") +
                            " (--remove-orphans removes them)");
  }

  // One whose host port or address another container is to have, or whose network is made anew, goes before all others,
  // not together with its successor.
  void remove_displaced() {
    for (auto& decision : decisions_) {
      if (decision.action != Action::recreate) continue;
      const auto& held = decision.existing->container.config;
      const bool displaced = std::ranges::any_of(decisions_, [&](const Decision& other) {
        return &other != &decision && other.makes() &&
               (share_host_port(other.config, held) || share_address(other.config, held));
      });
      if (!displaced && !is_in_changed_network(held)) continue;
      remove(*decision.existing, decision.causes.front());
      decision.action = Action::create;
    }
  }

  bool is_in_changed_network(const engine::ContainerConfig& held) const {
    return std::ranges::any_of(desired_.networks, [&](const DesiredNetwork& network) {
      return is_member(held, network.config.name) && !network_changes(network, observed_).empty();
    });
  }

  void emit(const Decision& decision) {
    const Steps networks = network_steps(*decision.service);
    const Steps gates = decision.starts() ? gates_of(*decision.service) : Steps{};
    Steps ready = gates;
    if (decision.makes()) {
      ready = {emit_make(decision, gates)};
      made_[decision.service->name].push_back(ready.front());
      append(ready, gates);
    } else if (!decision.network.empty()) {
      ready.push_back(plan_.add(UpdateNetwork{decision.service->name, decision.existing->name(),
                                              decision.existing->container.id, decision.config.endpoint},
                                decision.network, networks));
    }
    if (decision.starts() && options_.start) emit_start(decision, ready);
  }

  std::size_t emit_make(const Decision& decision, const Steps& gates) {
    Steps after = prerequisites(decision);
    const std::string& service = decision.service->name;
    if (decision.action == Action::create)
      return plan_.add(CreateContainer{service, decision.config.name, decision.config}, decision.causes, after);
    // The old one runs on until its successor can start.
    append(after, gates);
    return plan_.add(RecreateContainer{service, decision.config.name, decision.existing->container.id, decision.config},
                     decision.causes, after);
  }

  void emit_start(const Decision& decision, const Steps& ready) {
    const std::string& service = decision.service->name;
    const bool made = decision.makes();
    const std::string& name = made ? decision.config.name : decision.existing->name();
    const auto causes = made ? std::vector<Cause>{} : decision.causes;
    const auto step =
        decision.action == Action::restart
            ? plan_.add(RestartContainer{service, name, decision.existing->container.id, {}}, causes, ready)
            : plan_.add(StartContainer{service, name}, causes, ready);
    starts_[service].push_back(step);
  }

  Steps prerequisites(const Decision& decision) {
    Steps after = network_steps(*decision.service);
    for (const auto& key : decision.service->volumes)
      if (const auto step = volume_step(key)) after.push_back(*step);
    if (const auto step = image_step(*decision.service)) after.push_back(*step);
    append(after, made_[decision.service->network_of]);  // whose network it shares has to be there
    for (const auto& [container, step] : removals_)
      if (container->name() == decision.config.name || share_host_port(container->container.config, decision.config) ||
          share_address(container->container.config, decision.config))
        after.push_back(step);
    return after;
  }

  std::optional<std::size_t> volume_step(const std::string& key) {
    const DesiredVolume* volume = desired_.find_volume(key);
    if (volume == nullptr || volume->external || observed_.volumes.contains(volume->name)) return std::nullopt;
    if (!volumes_.contains(volume->name))
      volumes_[volume->name] = plan_.add(CreateVolume{volume->name, volume->labels},
                                         {{volume->position, "volume " + key + " is not there yet", {}, {}, {}}});
    return volumes_[volume->name];
  }

  Steps network_steps(const DesiredService& service) {
    Steps steps;
    for (const auto& key : service.networks)
      if (const auto step = network_step(key)) steps.push_back(*step);
    return steps;
  }

  std::optional<std::size_t> network_step(const std::string& key) {
    const DesiredNetwork* network = desired_.find_network(key);
    if (network == nullptr || network->external) return std::nullopt;
    const std::string& name = network->config.name;
    if (const auto known = networks_.find(name); known != networks_.end()) return known->second;
    const auto changes = network_changes(*network, observed_);
    if (observed_.networks.contains(name) && changes.empty()) return std::nullopt;
    std::vector<Cause> causes = changes;
    Steps after;
    if (changes.empty()) {
      causes = {{network->position, "network " + key + " is not there yet", {}, {}, {}}};
    } else {
      for (const auto& [container, step] : removals_)
        if (is_member(container->container.config, name)) after.push_back(step);
      after = {plan_.add(RemoveNetwork{name}, causes, after)};
      causes.clear();
    }
    return networks_[name] = plan_.add(CreateNetwork{network->config}, causes, after);
  }

  std::optional<std::size_t> image_step(const DesiredService& service) {
    if (observed_.images.contains(service.image)) return std::nullopt;
    if (!images_.contains(service.image)) {
      const Cause cause{place_of(service, service.build ? "build" : "image"), "there is no such image yet", {}, {}, {}};
      images_[service.image] = service.build
                                   ? plan_.add(BuildImage{service.name, service.image, *service.build}, {cause})
                                   : plan_.add(FetchImage{service.name, service.image}, {cause});
    }
    return images_[service.image];
  }

  // What must have happened before a container of the service may start.
  Steps gates_of(const DesiredService& service) {
    Steps gates;
    if (!options_.start) return gates;
    for (const auto& dependency : service.depends_on)
      if (selected_.contains(dependency.service)) append(gates, gate(dependency, "depends_on asks for it"));
    return gates;
  }

  void wait_for_health() {
    for (const auto* service : services_) {
      const bool checked = std::ranges::any_of(service->containers, [](const engine::ContainerConfig& config) {
        return !config.healthcheck.test.empty() && config.healthcheck.test.front() != "NONE";
      });
      if (!checked) continue;
      parser::Dependency asked;
      asked.service = service->name;
      asked.condition = parser::Condition::healthy;
      gate(asked, "--wait asks for it");
    }
  }

  Steps gate(const parser::Dependency& dependency, const char* reason) {
    Steps started = starts_[dependency.service];
    if (dependency.condition == parser::Condition::started) return started;
    const auto key = std::pair{dependency.service, dependency.condition};
    if (const auto known = waits_.find(key); known != waits_.end()) return known->second;
    if (started.empty() && satisfied_now(dependency)) return waits_[key] = {};
    WaitFor wait{dependency.service, dependency.condition, {}};
    for (const auto& config : desired_.require(dependency.service).containers) wait.containers.push_back(config.name);
    const Cause cause{dependency.position, reason, {}, {}, {}};
    return waits_[key] = {plan_.add(std::move(wait), {cause}, started)};
  }

  bool satisfied_now(const parser::Dependency& dependency) const {
    return std::ranges::all_of(observed_.of(dependency.service), [&](const ObservedContainer* container) {
      return satisfies(container->status, dependency.condition);
    });
  }
};

}  // namespace

Plan reconcile_up(const Project& desired, const ObservedProject& observed, const UpOptions& options) {
  return UpPlanner(desired, observed, options).run();
}

Plan reconcile_build(const Project& desired, const std::vector<std::string>& services, const BuildWishes& wishes) {
  Plan plan;
  plan.project = desired.name;
  std::set<std::string> seen;
  for (const auto* service : select(desired, services, false)) {
    if (!service->build) {
      if (!services.empty()) plan.notes.push_back("service " + service->name + " has no build section");
      continue;
    }
    if (!seen.insert(service->image).second) continue;
    BuildImage build{service->name, service->image, *service->build};
    build.build.no_cache = build.build.no_cache || wishes.no_cache;
    build.build.pull = build.build.pull || wishes.pull;
    for (const auto& [name, value] : wishes.args) build.build.args[name] = value;
    plan.add(std::move(build), {{place_of(*service, "build"), "asked for", {}, {}, {}}});
  }
  return plan;
}

}  // namespace conductor::compose
