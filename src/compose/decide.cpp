#include "compose/decide.hpp"

#include "base/text.hpp"
#include "compose/collect.hpp"
#include "compose/difference.hpp"
#include "compose/labels.hpp"

#include <algorithm>

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
  Decider(const std::vector<const DesiredService*>& services, const ObservedProject& observed, const UpOptions& options)
      : services_(services), observed_(observed), options_(options) {}

  std::vector<Decision> run() {
    for (const auto* service : services_)
      for (std::size_t i = 0; i < service->containers.size(); ++i) decisions_.push_back(decide_one(*service, i));
    return std::move(decisions_);
  }

 private:
  const std::vector<const DesiredService*>& services_;
  const ObservedProject& observed_;
  const UpOptions& options_;
  std::vector<Decision> decisions_;

  Decision decide_one(const DesiredService& service, std::size_t index) {
    Decision decision;
    decision.service = &service;
    decision.number = static_cast<int>(index) + 1;
    decision.config = service.containers[index];
    decision.existing = observed_.find(service.name, decision.number);
    if (decision.existing == nullptr) {
      decision.action = Action::create;
      decision.causes = {because(service.position, missing_text(service, decision.number))};
      return decision;
    }
    decision.causes = reasons_to_replace(service, decision);
    if (!decision.causes.empty()) {
      decision.action = Action::recreate;
      keep_anonymous_volumes(decision);
      return decision;
    }
    decision.network =
        causes_of(service, network_differences(decision.existing->container.config.endpoint, decision.config.endpoint));
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
    return causes;
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
    return std::ranges::any_of(decisions_, [&](const Decision& decision) {
      return decision.service->name == service &&
             (decision.action == Action::recreate || decision.action == Action::restart);
    });
  }
};

}  // namespace

std::vector<Decision> decide(const std::vector<const DesiredService*>& services, const ObservedProject& observed,
                             const UpOptions& options) {
  return Decider(services, observed, options).run();
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
