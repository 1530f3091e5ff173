#include "compose/decide.hpp"

#include "base/text.hpp"
#include "compose/collect.hpp"
#include "compose/difference.hpp"
#include "compose/labels.hpp"

#include <algorithm>
#include <functional>
#include <set>

namespace conductor::compose {
namespace {

Cause because(const base::Position& position, std::string reason) { return {position, std::move(reason), {}, {}, {}}; }

std::vector<Cause> causes_of(const DesiredService& service, const std::vector<Change>& changes) {
  return collect(changes, [&](const Change& change) -> Cause {
    return {place_of(service, change.key), {}, change.key, change.before, change.after};
  });
}

std::string recorded_hash(const ObservedContainer& container) {
  const auto& labels = container.container.config.labels;
  const auto found = labels.find(label::config_hash);
  return found == labels.end() ? std::string() : found->second;
}

class Decider {
 public:
  Decider(const Project& desired, const std::vector<const DesiredService*>& services, const ObservedProject& observed,
          const UpOptions& options)
      : desired_(desired), services_(services), observed_(observed), options_(options) {}

  std::vector<Decision> run() {
    for (const auto* service : services_)
      for (std::size_t i = 0; i < service->containers.size(); ++i) decisions_.push_back(decide_one(*service, i));
    return std::move(decisions_);
  }

 private:
  const Project& desired_;
  const std::vector<const DesiredService*>& services_;
  const ObservedProject& observed_;
  const UpOptions& options_;
  std::vector<Decision> decisions_;

  Decision decide_one(const DesiredService& service, std::size_t index) {
    Decision decision;
    decision.service = &service;
    decision.number = static_cast<int>(index) + 1;
    decision.config = service.containers[index];
    settle_internet(service, decision.config.endpoint);
    decision.existing = observed_.find(service.name, decision.number);
    if (decision.existing == nullptr) {
      decision.action = Action::create;
      decision.causes = {because(service.position, missing_text(service, decision.number))};
      return decision;
    }
    if (decision.config.network == engine::NetworkMode::links)
      decision.network = causes_of(
          service, network_differences(decision.existing->container.config.endpoint, decision.config.endpoint));
    decision.causes = reasons_to_replace(service, decision);
    if (!decision.causes.empty()) {
      decision.action = Action::recreate;
      keep_anonymous_volumes(decision);
      return decision;
    }
    decide_run(decision);
    return decision;
  }

  std::string missing_text(const DesiredService& service, int number) const {
    if (service.containers.size() == 1 || observed_.of(service.name).empty())
      return "service " + service.name + " has no container yet";
    return "service " + service.name + " has no container " + std::to_string(number);
  }

  std::vector<Cause> reasons_to_replace(const DesiredService& service, const Decision& decision) const {
    const ObservedContainer& existing = *decision.existing;
    if (options_.force_recreate) return {because({}, "asked for by --force-recreate")};
    std::vector<Cause> causes;
    if (recorded_hash(existing) != service.hash) {
      causes = causes_of(service, differences(existing.container.config, decision.config));
      if (causes.empty())
        causes.push_back(because(service.position, "its configuration is another than the recorded one"));
    }
    if (existing.name() != decision.config.name)
      causes.push_back(
          {place_of(service, "container_name"), {}, "container_name", existing.name(), decision.config.name});
    const auto image = observed_.images.find(service.image);
    if (image != observed_.images.end() && image->second != existing.container.image_id &&
        existing.container.config.image == service.image)
      causes.push_back(because(place_of(service, service.own_image ? "build" : "image"),
                               service.image + " is now " + base::short_id(image->second) + ", the container has " +
                                   base::short_id(existing.container.image_id)));
    if (causes.empty()) causes = network_reasons(service, decision);
    return causes;
  }

  // What of its network cannot change while it runs.
  std::vector<Cause> network_reasons(const DesiredService& service, const Decision& decision) const {
    std::vector<Cause> causes;
    for (const auto& key : service.networks)
      if (const auto* network = desired_.find_network(key))
        for (auto& cause : network_changes(*network, observed_)) causes.push_back(std::move(cause));
    if (!service.network_of.empty() && is_made(service.network_of))
      causes.push_back(because(place_of(service, "network_mode"),
                               "service " + service.network_of + ", whose network it shares, is replaced"));
    if (!causes.empty() || decision.network.empty()) return causes;
    const auto& recorded = decision.existing->container.config;
    if (addressed(recorded.endpoint) != addressed(decision.config.endpoint) ||
        trades_ports(*decision.existing, decision.config))
      return decision.network;
    return {};
  }

  // Names of the networks from whose subnets the endpoint has addresses.
  std::set<std::string> addressed(const network::EndpointConfig& endpoint) const {
    const auto has_subnet = [](const network::NetworkConfig& network) {
      return !network.subnet.empty() || !network.subnet6.empty();
    };
    std::set<std::string> names;
    for (const auto& membership : endpoint.networks) {
      const auto known = observed_.networks.find(membership.network);
      const auto wanted =
          std::ranges::find(desired_.networks, membership.network, [](const auto& n) { return n.config.name; });
      if ((known != observed_.networks.end() && has_subnet(known->second)) ||
          (wanted != desired_.networks.end() && has_subnet(wanted->config)))
        names.insert(membership.network);
    }
    return names;
  }

  // A port of the host goes from one container of the project to another: one has to give it up before the other
  // begins.
  bool trades_ports(const ObservedContainer& existing, const engine::ContainerConfig& wanted) const {
    const bool takes = std::ranges::any_of(observed_.containers, [&](const ObservedContainer& other) {
      return &other != &existing && share_host_port(other.container.config, wanted);
    });
    return takes || std::ranges::any_of(services_, [&](const DesiredService* service) {
             return std::ranges::any_of(service->containers, [&](const engine::ContainerConfig& other) {
               return other.name != wanted.name && share_host_port(other, existing.container.config);
             });
           });
  }

  // Whether an external network leads outside is known to the machine alone.
  void settle_internet(const DesiredService& service, network::EndpointConfig& endpoint) const {
    const bool written = service.places.contains("internet") || service.places.contains("x-internet");
    if (!written && is_enclosed(desired_, observed_, endpoint)) endpoint.internet = false;
  }

  // What the container keeps in volumes without a name goes on in its successor.
  static void keep_anonymous_volumes(Decision& decision) {
    for (auto& mount : decision.config.mounts) {
      if (mount.kind != engine::MountKind::named || !mount.source.empty()) continue;
      const auto& recorded = decision.existing->container.config.mounts;
      const auto same = std::ranges::find(recorded, mount.target, &engine::MountConfig::target);
      if (same != recorded.end() && same->kind == mount.kind) mount.source = same->source;
    }
  }

  void decide_run(Decision& decision) const {
    if (!options_.start) return;
    const ObservedContainer& existing = *decision.existing;
    if (!existing.running()) {
      if (is_finished_job(*decision.service) && satisfies(existing.status, parser::Condition::completed)) return;
      decision.action = Action::start;
      decision.causes = {because({}, stopped_text(existing.status))};
      return;
    }
    const auto& holder = decision.service->network_of;
    if (!holder.empty() && is_started(holder)) {
      decision.action = Action::restart;
      decision.causes.push_back(because(place_of(*decision.service, "network_mode"),
                                        "service " + holder + ", whose network it shares, is started"));
      return;
    }
    for (const auto& dependency : decision.service->depends_on)
      if (dependency.restart && is_replaced(dependency.service)) {
        decision.action = Action::restart;
        decision.causes.push_back(because(dependency.position, dependency.service + " is replaced or restarted"));
      }
  }

  static std::string stopped_text(const monitor::Status& status) {
    if (status.phase == monitor::Phase::created) return "it was created and not started";
    if (status.stopped_by_user) return "it was stopped";
    if (status.exit_code < 0) return "it has ended, with an exit code nobody saw";
    return "it has exited with code " + std::to_string(status.exit_code);
  }

  // Somebody waits for its completion: it does its work once.
  bool is_finished_job(const DesiredService& service) const {
    return std::ranges::any_of(services_, [&](const DesiredService* other) {
      return std::ranges::any_of(other->depends_on, [&](const parser::Dependency& dependency) {
        return dependency.service == service.name && dependency.condition == parser::Condition::completed;
      });
    });
  }

  bool is_replaced(const std::string& service) const {
    return has_decision(service, [](const Decision& decision) {
      return decision.action == Action::recreate || decision.action == Action::restart;
    });
  }
  bool is_made(const std::string& service) const { return has_decision(service, &Decision::makes); }
  bool is_started(const std::string& service) const { return has_decision(service, &Decision::starts); }

  template <class Is>
  bool has_decision(const std::string& service, Is is) const {
    return std::ranges::any_of(decisions_, [&](const Decision& decision) {
      return decision.service->name == service && std::invoke(is, decision);
    });
  }
};

}  // namespace

std::vector<Decision> decide(const Project& desired, const std::vector<const DesiredService*>& services,
                             const ObservedProject& observed, const UpOptions& options) {
  return Decider(desired, services, observed, options).run();
}

std::vector<Cause> network_changes(const DesiredNetwork& network, const ObservedProject& observed) {
  std::vector<Cause> causes;
  const auto known = observed.networks.find(network.config.name);
  if (network.external || known == observed.networks.end()) return causes;
  const auto compare = [&](const char* key, const std::string& before, const std::string& after) {
    const auto shown = [](const std::string& text) { return text.empty() ? "unset" : text; };
    if (before != after)
      causes.push_back({network.position, {}, "networks." + network.key + "." + key, shown(before), shown(after)});
  };
  compare("internal", known->second.internal ? "true" : "false", network.config.internal ? "true" : "false");
  compare("subnet", known->second.subnet, network.config.subnet);
  compare("subnet", known->second.subnet6, network.config.subnet6);
  return causes;
}

bool share_host_port(const engine::ContainerConfig& a, const engine::ContainerConfig& b) {
  const auto share = [](const network::Publish& one, const network::Publish& other) {
    if (one.host_port == 0 || other.host_port == 0 || one.protocol != other.protocol) return false;
    if (!one.host_ip.empty() && !other.host_ip.empty() && one.host_ip != other.host_ip) return false;
    return one.host_port < other.host_port + other.count && other.host_port < one.host_port + one.count;
  };
  return std::ranges::any_of(a.endpoint.publish, [&](const network::Publish& one) {
    return std::ranges::any_of(b.endpoint.publish, [&](const network::Publish& other) { return share(one, other); });
  });
}

bool satisfies(const monitor::Status& status, parser::Condition condition) {
  switch (condition) {
    case parser::Condition::healthy:
      return status.phase == monitor::Phase::running && status.health == monitor::Health::healthy;
    case parser::Condition::completed:
      return status.phase == monitor::Phase::exited && status.exit_code == 0 && !status.stopped_by_user;
    case parser::Condition::started:
      break;
  }
  return status.phase == monitor::Phase::running || status.phase == monitor::Phase::restarting;
}

bool is_enclosed(const Project& desired, const ObservedProject& observed, const network::EndpointConfig& endpoint) {
  const auto is_internal = [&](const network::Membership& membership) {
    const auto known = observed.networks.find(membership.network);
    const auto wanted = std::ranges::find(desired.networks, membership.network,
                                          [](const DesiredNetwork& network) { return network.config.name; });
    if (wanted != desired.networks.end() && !wanted->external) return wanted->config.internal;
    return known != observed.networks.end() && known->second.internal;
  };
  bool enclosed = false;
  for (const auto& membership : endpoint.networks) {
    if (!membership.reach) continue;
    if (!is_internal(membership)) return false;
    enclosed = true;
  }
  return enclosed;
}

base::Position place_of(const DesiredService& service, std::string key) {
  if (const auto own = service.places.find("x-" + key); own != service.places.end()) return own->second;
  while (true) {
    if (const auto found = service.places.find(key); found != service.places.end()) return found->second;
    const auto dot = key.rfind('.');
    if (dot == std::string::npos) return service.position;
    key.resize(dot);
  }
}

}  // namespace conductor::compose
