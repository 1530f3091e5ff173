// `down`, `stop`, `start`, `restart`: from what is on the machine, in the order its labels tell.
#include "base/text.hpp"
#include "compose/decide.hpp"
#include "compose/labels.hpp"
#include "compose/reconcile.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace conductor::compose {
namespace {

using Steps = std::vector<std::size_t>;

// Services that have containers, each after what it depends on. Labels of different times may form a circle; it is cut.
class ServiceOrder {
 public:
  ServiceOrder(const ObservedProject& observed, const std::vector<std::string>& wanted) : observed_(observed) {
    std::set<std::string> names;
    for (const auto& container : observed.containers) names.insert(container.service);
    require_known(names, wanted);
    for (const auto& name : wanted.empty() ? std::vector(names.begin(), names.end()) : wanted) visit(name);
    if (!wanted.empty())
      std::erase_if(order_, [&](const auto& name) { return std::ranges::find(wanted, name) == wanted.end(); });
  }
  const std::vector<std::string>& order() const { return order_; }

  std::vector<parser::Dependency> dependencies(const std::string& service) const {
    const auto containers = observed_.of(service);
    return containers.empty() ? std::vector<parser::Dependency>{} : containers.front()->dependencies();
  }

 private:
  const ObservedProject& observed_;
  std::set<std::string> seen_;
  std::vector<std::string> order_;

  void visit(const std::string& name) {
    if (!seen_.insert(name).second) return;
    for (const auto& dependency : dependencies(name)) visit(dependency.service);
    order_.push_back(name);
  }

  void require_known(const std::set<std::string>& known, const std::vector<std::string>& wanted) const {
    for (const auto& name : wanted)
      if (!known.contains(name))
        throw base::Error("project " + observed_.name + " has no container of a service '" + name + "'" +
                          base::did_you_mean(name, {known.begin(), known.end()}));
  }
};

// Stops of a service's dependants, by the service they depend on.
class Stopper {
 public:
  Stopper(Plan& plan, const ObservedProject& observed, const ServiceOrder& order,
          std::optional<std::chrono::nanoseconds> grace)
      : plan_(plan), observed_(observed), order_(order), grace_(grace) {}

  // Calls `then` with each container and the step that stops it, if it runs.
  template <class Then>
  void stop_all(Then&& then) {
    const auto& services = order_.order();
    for (auto service = services.rbegin(); service != services.rend(); ++service) {
      Steps own;
      for (const auto* container : observed_.of(*service)) {
        std::optional<std::size_t> step;
        if (container->running())
          step = plan_.add(StopContainer{*service, container->name(), container->container.id, grace_}, {},
                           before_[*service]);
        if (step) own.push_back(*step);
        then(*container, step);
      }
      // A service without a running container hands on what had to be stopped before it.
      const Steps& handed = own.empty() ? before_[*service] : own;
      for (const auto& dependency : order_.dependencies(*service)) {
        auto& before = before_[dependency.service];
        before.insert(before.end(), handed.begin(), handed.end());
      }
    }
  }

 private:
  Plan& plan_;
  const ObservedProject& observed_;
  const ServiceOrder& order_;
  std::optional<std::chrono::nanoseconds> grace_;
  std::map<std::string, Steps> before_;
};

std::set<std::string> images_to_remove(const ObservedProject& observed, const Project* desired, RemoveImages which) {
  std::set<std::string> images;
  if (which == RemoveImages::none) return images;
  for (const auto& container : observed.containers) {
    const auto& config = container.container.config;
    if (which == RemoveImages::all || config.labels.contains(label::own_image)) images.insert(config.image);
  }
  if (desired == nullptr) return images;
  for (const auto& service : desired->services)
    if ((which == RemoveImages::all || service.own_image) && observed.images.contains(service.image))
      images.insert(service.image);
  return images;
}

// What has to be up before a service starts again.
class Starter {
 public:
  Starter(Plan& plan, const ObservedProject& observed, const ServiceOrder& order)
      : plan_(plan), observed_(observed), order_(order) {}

  // `make` adds the step of one container, or nothing.
  template <class Make>
  void start_all(Make&& make) {
    for (const auto& service : order_.order()) {
      const Steps gates = gates_of(service);
      for (const auto* container : observed_.of(service))
        if (const std::optional<std::size_t> step = make(*container, gates)) starts_[service].push_back(*step);
    }
  }

 private:
  Plan& plan_;
  const ObservedProject& observed_;
  const ServiceOrder& order_;
  std::map<std::string, Steps> starts_;
  std::map<std::pair<std::string, parser::Condition>, std::size_t> waits_;

  Steps gates_of(const std::string& service) {
    Steps gates;
    for (const auto& dependency : order_.dependencies(service)) {
      Steps& started = starts_[dependency.service];
      if (started.empty()) continue;
      if (dependency.condition == parser::Condition::started) {
        gates.insert(gates.end(), started.begin(), started.end());
        continue;
      }
      const auto key = std::pair{dependency.service, dependency.condition};
      if (!waits_.contains(key)) {
        WaitFor wait{dependency.service, dependency.condition, {}};
        for (const auto* container : observed_.of(dependency.service)) wait.containers.push_back(container->name());
        waits_[key] = plan_.add(std::move(wait), {}, started);
      }
      gates.push_back(waits_[key]);
    }
    return gates;
  }
};

// The services, and those that share the network of one of them: it is another one when its container starts again.
std::vector<std::string> with_sharers(const ObservedProject& observed, std::vector<std::string> services) {
  const auto named = [&](const std::string& service) { return std::ranges::find(services, service) != services.end(); };
  std::set<std::string> restarted;
  for (const auto& container : observed.containers)
    if (named(container.service)) restarted.insert(container.name());
  for (const auto& container : observed.containers)
    if (restarted.contains(container.container.config.network_container) && !named(container.service))
      services.push_back(container.service);
  return services;
}

}  // namespace

Plan reconcile_down(const ObservedProject& observed, const Project* desired, const DownOptions& options) {
  Plan plan;
  plan.project = observed.name;
  plan.teardown = true;
  const ServiceOrder order(observed, {});
  Steps removals;
  Stopper(plan, observed, order, options.grace)
      .stop_all([&](const auto& container, std::optional<std::size_t> stopped) {
        RemoveContainer removal{container.service, container.name(), container.container.id, options.volumes};
        removals.push_back(plan.add(std::move(removal), {}, stopped ? Steps{*stopped} : Steps{}));
      });
  for (const auto& network : observed.own_networks) plan.add(RemoveNetwork{network, true}, {}, removals);
  if (options.volumes)
    for (const auto& volume : observed.own_volumes) plan.add(RemoveVolume{volume}, {}, removals);
  for (const auto& image : images_to_remove(observed, desired, options.images))
    plan.add(RemoveImage{image}, {}, removals);
  return plan;
}

Plan reconcile_stop(const ObservedProject& observed, const std::vector<std::string>& services,
                    std::optional<std::chrono::nanoseconds> grace) {
  Plan plan;
  plan.project = observed.name;
  plan.teardown = true;
  const ServiceOrder order(observed, services);
  Stopper(plan, observed, order, grace).stop_all([](const auto&, std::optional<std::size_t>) {});
  return plan;
}

Plan reconcile_start(const ObservedProject& observed, const std::vector<std::string>& services) {
  Plan plan;
  plan.project = observed.name;
  const ServiceOrder order(observed, services);
  Starter(plan, observed, order)
      .start_all([&](const auto& container, const Steps& gates) -> std::optional<std::size_t> {
        if (container.running()) return std::nullopt;
        return plan.add(StartContainer{container.service, container.name()}, {}, gates);
      });
  return plan;
}

Plan reconcile_restart(const ObservedProject& observed, const std::vector<std::string>& services,
                       std::optional<std::chrono::nanoseconds> grace) {
  Plan plan;
  plan.project = observed.name;
  const ServiceOrder order(observed, with_sharers(observed, services));
  Starter(plan, observed, order)
      .start_all([&](const auto& container, const Steps& gates) -> std::optional<std::size_t> {
        return plan.add(RestartContainer{container.service, container.name(), container.container.id, grace}, {},
                        gates);
      });
  return plan;
}

}  // namespace conductor::compose
