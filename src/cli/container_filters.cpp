#include "cli/container_filters.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/container_view.hpp"
#include "cli/network_view.hpp"
#include "cli/reach_words.hpp"

#include <algorithm>

namespace conductor::cli {

namespace {

void require_one_of(const std::string& key, const std::string& value, const std::vector<std::string>& words) {
  if (std::find(words.begin(), words.end(), value) == words.end())
    throw base::Error("filter " + key + " takes " + base::join(words, ", ") + ", not '" + base::escape_control(value) +
                      "'" + base::did_you_mean(value, words))
        .with_exit_code(base::exit_usage);
}

void check_value(const std::string& key, const std::string& value) {
  if (key == "status")
    require_one_of(key, value, {"created", "running", "paused", "restarting", "removing", "exited", "dead"});
  if (key == "health") require_one_of(key, value, {"starting", "healthy", "unhealthy", "none"});
  if (key == "is-task") require_one_of(key, value, {"true", "false"});
  if (key == "publish" || key == "expose") to_ports(value);
}

// docker's way to say a port: TCP unless said.
bool covers(const network::PortRange& wanted, int first, int last, network::Protocol protocol) {
  const auto meant = wanted.protocol == network::Protocol::any ? network::Protocol::tcp : wanted.protocol;
  return first <= wanted.last && wanted.first <= last && (protocol == network::Protocol::any || protocol == meant);
}

bool publishes(const std::string& value, const engine::Observed& observed) {
  const auto wanted = to_ports(value);
  const auto all =
      bindings(observed.endpoint ? observed.endpoint->config.publish : std::vector<network::Publish>(), {});
  return std::any_of(all.begin(), all.end(), [&](const auto& binding) {
    return covers(wanted, binding.host_port, binding.host_port, binding.protocol);
  });
}

bool exposes(const std::string& value, const engine::Observed& observed) {
  const auto wanted = to_ports(value);
  for (const auto& text : observed.container.image_config.exposed_ports) {
    const auto port = to_ports(text);
    if (covers(wanted, port.first, port.last, port.protocol)) return true;
  }
  const auto& expose = observed.container.config.endpoint.expose;
  return std::any_of(expose.begin(), expose.end(),
                     [&](const auto& port) { return covers(wanted, port.first, port.last, port.protocol); });
}

bool mounts(const std::string& value, const engine::ContainerConfig& config) {
  return std::any_of(config.mounts.begin(), config.mounts.end(), [&](const auto& mount) {
    return mount.target == value || (!mount.source.empty() && mount.source == value);
  });
}

bool begins_with(const std::vector<std::string>& layers, const std::vector<std::string>& first) {
  return !first.empty() && first.size() <= layers.size() && std::equal(first.begin(), first.end(), layers.begin());
}

}  // namespace

std::vector<std::string> container_filters() {
  return {"ancestor", "before", "exited",  "expose",  "health", "id",     "is-task",
          "label",    "name",   "network", "publish", "since",  "status", "volume"};
}

ContainerFilter::ContainerFilter(engine::Engine& engine, const Filters& filters) : filters_(filters) {
  filters.each([&](const std::string& key, const std::string& value) {
    check_value(key, value);
    if (key == "before" || key == "since") created_[value] = engine.find(value).created;
    if (key != "ancestor") return;
    if (const auto image = engine.images().find(value))
      ancestors_.push_back({value, image->id, image->layers});
    else
      ancestors_.push_back({value, {}, {}});
  });
}

bool ContainerFilter::accepts(const engine::Observed& observed) const {
  return filters_.accept([&](const auto& key, const auto& value) { return holds(key, value, observed); });
}

// Also of an image that was made of the one that is named.
bool ContainerFilter::stems_from(const std::string& value, const engine::Container& container) const {
  return std::any_of(ancestors_.begin(), ancestors_.end(), [&](const Ancestor& ancestor) {
    if (ancestor.name != value) return false;
    return container.config.image == value || (!ancestor.id.empty() && container.image_id == ancestor.id) ||
           begins_with(container.layers, ancestor.layers);
  });
}

bool ContainerFilter::holds(const std::string& key, const std::string& value, const engine::Observed& observed) const {
  const auto& container = observed.container;
  const auto& status = observed.status;
  if (key == "name") return container.config.name.find(value) != std::string::npos;
  if (key == "id") return container.id.starts_with(value);
  if (key == "status") return state_word(status) == value;
  if (key == "ancestor") return stems_from(value, container);
  if (key == "health") return base::enum_name(status.health) == value;
  if (key == "network") return in_network(container.config, value);
  if (key == "volume") return mounts(value, container.config);
  if (key == "publish") return publishes(value, observed);
  if (key == "expose") return exposes(value, observed);
  if (key == "before") return container.created < created_.at(value);
  if (key == "since") return container.created > created_.at(value);
  if (key == "is-task") return value == "false";
  if (key == "exited") return status.phase == monitor::Phase::exited && std::to_string(status.exit_code) == value;
  return has_label(container.config.labels, value);
}

}  // namespace conductor::cli
