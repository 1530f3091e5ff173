// Changing what a container may reach and what it publishes, while it runs or not.
#include "base/log.hpp"
#include "base/text.hpp"
#include "engine/directory.hpp"
#include "engine/engine.hpp"
#include "engine/state.hpp"
#include "linux/fd.hpp"

#include <algorithm>

namespace conductor::engine {

void Engine::set_endpoint(const std::string& id, const network::EndpointConfig& endpoint) {
  const auto lock = lock_directory(locations_, id);
  Container container = find(id);
  if (container.config.network != NetworkMode::links)
    throw base::Error("container '" + container.config.name + "' has no network of its own (--network " +
                      std::string(base::enum_name(container.config.network)) + ")");
  const network::EndpointConfig before = container.config.endpoint;
  network_.reconfigure(id, endpoint);
  try {
    serve_new_ports(id, before);
    container.config.endpoint = endpoint;
    write_container(locations_, container);
  } catch (...) {
    base::Collector ignored;  // the failure itself is what the user needs to know
    ignored.attempt([&] { network_.reconfigure(id, before); });
    throw;
  }
}

// Loopback ports of a running container are served by its monitor, which is given the new listening sockets.
void Engine::serve_new_ports(const std::string& id, const network::EndpointConfig& before) {
  auto endpoint = network_.find(id);
  if (!endpoint || !is_active(runtime_.status(id))) return;
  std::erase_if(endpoint->config.publish, [&](const network::Publish& port) {
    return std::find(before.publish.begin(), before.publish.end(), port) != before.publish.end();
  });
  serve_ports(*endpoint);
}

// Its monitor died, and the listening sockets with it. One that somebody has taken meanwhile is not worth the
// container.
void Engine::serve_ports_again(const std::string& id) {
  try {
    const auto endpoint = network_.find(id);
    if (endpoint && !endpoint->config.publish.empty()) serve_ports(*endpoint);
  } catch (const base::Error& e) {
    base::log(base::LogLevel::warning, "ports of container " + base::short_id(id) + ": " + e.message());
  }
}

void Engine::serve_ports(const network::Endpoint& endpoint) {
  const auto ports = network_.listen(endpoint);
  std::vector<runtime::Created::Listener> listeners;
  listeners.reserve(ports.size());
  for (const auto& port : ports)
    listeners.push_back(
        {port.socket.get(), port.protocol == network::Protocol::udp, endpoint.address, port.container_port});
  runtime_.forward(endpoint.id, listeners);
}

}  // namespace conductor::engine
