// Changing what a container may reach and what it publishes, while it runs or not.
#include "base/log.hpp"
#include "base/text.hpp"
#include "engine/directory.hpp"
#include "engine/engine.hpp"
#include "engine/events.hpp"
#include "engine/launch.hpp"
#include "engine/state.hpp"
#include "engine/update.hpp"
#include "linux/fd.hpp"
#include "network/ports.hpp"

#include <algorithm>

namespace conductor::engine {

namespace {

// Of `ports` those that are not among `others`.
std::vector<network::Publish> without(std::vector<network::Publish> ports,
                                      const std::vector<network::Publish>& others) {
  std::erase_if(ports, [&](const network::Publish& port) {
    return std::find(others.begin(), others.end(), port) != others.end();
  });
  return ports;
}

std::vector<monitor::WithdrawnPort> withdrawn(const network::Settings& settings,
                                              const std::vector<network::Publish>& ports) {
  std::vector<monitor::WithdrawnPort> list;
  for (const auto& place : network::listener_addresses(settings, ports))
    list.push_back({place.protocol == network::Protocol::udp, place.address, place.port});
  return list;
}

void tell_of_networks(const store::Locations& locations, const char* action, const std::string& container,
                      const std::vector<network::Membership>& networks,
                      const std::vector<network::Membership>& others) {
  for (const auto& network : networks) {
    const auto same = [&](const network::Membership& other) { return other.network == network.network; };
    if (std::any_of(others.begin(), others.end(), same)) continue;
    monitor::append_event(locations.events(), "network", action, network.network, {{"container", container}});
  }
}

}  // namespace

std::vector<runtime::Created::Listener> listeners_of(const network::Settings& settings,
                                                     const network::Endpoint& endpoint,
                                                     const std::vector<network::PortListener>& ports) {
  const std::string address = linux::to_text(endpoint.address);
  const std::string other = settings.ipv6() ? linux::to_text(settings.address6_of(endpoint.address)) : "";
  std::vector<runtime::Created::Listener> listeners;
  listeners.reserve(ports.size());
  for (const auto& port : ports)
    listeners.push_back(
        {port.socket.get(), port.protocol == network::Protocol::udp, address, other, port.container_port});
  return listeners;
}

void Engine::set_endpoint(const std::string& id, const network::EndpointConfig& endpoint) {
  const auto lock = lock_directory(locations_, id);
  Container container = find(id);
  if (container.config.network != NetworkMode::links)
    throw base::Error("container '" + container.config.name + "' has no network of its own (--network " +
                      std::string(base::enum_name(container.config.network)) + ")");
  const network::EndpointConfig before = container.config.endpoint;
  const auto known = network_.find(id);
  network_.reconfigure(id, endpoint);
  try {
    if (known && is_active(runtime_.status(id))) follow_endpoint(*known);
    container.config.endpoint = endpoint;
    write_container(locations_, container);
  } catch (...) {
    base::Collector ignored;  // the failure itself is what the user needs to know
    const auto failed = network_.find(id);
    ignored.attempt([&] { network_.reconfigure(id, before); });
    ignored.attempt([&] {
      if (failed && is_active(runtime_.status(id))) follow_endpoint(*failed);
    });
    throw;
  }
  tell_of_networks(locations_, "connect", id, endpoint.networks, before.networks);
  tell_of_networks(locations_, "disconnect", id, before.networks, endpoint.networks);
}

// What the monitor of a running container does follows the change: loopback ports, for which it is given or gives up
// listening sockets, and names outside. The files in the container come last: by then what they say is so.
void Engine::follow_endpoint(const network::Endpoint& before) {
  auto endpoint = network_.find(before.id);
  if (!endpoint) return;
  const auto config = endpoint->config;
  runtime_.withdraw(before.id, withdrawn(network_.settings(), without(before.config.publish, config.publish)));
  endpoint->config.publish = without(config.publish, before.config.publish);
  if (!endpoint->config.publish.empty()) serve_ports(*endpoint);
  const auto old_resolver = resolver_of(before.id, before.config, locations_);
  const auto resolver = resolver_of(before.id, config, locations_);
  if (old_resolver.names != resolver.names || old_resolver.servers != resolver.servers)
    runtime_.set_resolver(before.id, resolver);
  network_.write_files(before.id, locations_.container(before.id));
}

// Its monitor died, and with it the listening sockets and what it was told since the start. A port that somebody has
// taken meanwhile is not worth the container.
void Engine::serve_again(const std::string& id) {
  try {
    tell_restart(locations_, id);
    const auto endpoint = network_.find(id);
    if (!endpoint) return;
    if (!endpoint->config.publish.empty()) serve_ports(*endpoint);
    runtime_.set_resolver(id, resolver_of(id, endpoint->config, locations_));
  } catch (const base::Error& e) {
    base::log(base::LogLevel::warning,
              "telling the new monitor of container " + base::short_id(id) + ": " + e.message());
  }
}

void Engine::serve_ports(const network::Endpoint& endpoint) {
  const auto ports = network_.listen(endpoint);
  runtime_.forward(endpoint.id, listeners_of(network_.settings(), endpoint, ports));
}

}  // namespace conductor::engine
