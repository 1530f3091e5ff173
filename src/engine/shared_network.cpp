// What a container's first process and its monitor are told about the network, and the network of another container.
#include "base/text.hpp"
#include "engine/confinement.hpp"
#include "engine/directory.hpp"
#include "engine/engine.hpp"
#include "engine/id_ranges.hpp"
#include "engine/launch.hpp"
#include "network/names.hpp"

#include <algorithm>

namespace conductor::engine {

namespace {

constexpr int longest_chain = 16;  // of containers that share a network with another

std::string quoted(const Container& container) { return "'" + container.config.name + "'"; }

// Its files of the network are the other's.
void bind_files_of(runtime::Setup& setup, const std::string& directory) {
  for (auto& mount : setup.launch.mounts)
    for (const char* name : {hosts_file, resolver_file})
      if (mount.target == std::string("/etc/") + name) mount.source = directory + "/" + name;
}

// The one whose network it was made to share.
Container next_in_chain(const Engine& engine, const Container& container) {
  const std::string& name = container.config.network_container;
  // The beginning of an id that is as short as a name may be another one's by now.
  const auto next = engine.try_find(name);
  if (next && (next->config.name == name || name.size() >= base::short_id(next->id).size())) return *next;
  throw base::Error("container " + quoted(container) + " shares the network of '" + base::escape_control(name) +
                    "', which has been removed")
      .with_hint("make that one again, or this one with another --network");
}

}  // namespace

// The one at the end of the chain, whose network it is.
Container Engine::network_owner(const Container& container) const {
  Container owner = container;
  for (int i = 0; owner.config.network == NetworkMode::container; ++i) {
    owner = next_in_chain(*this, owner);
    if (owner.id == container.id || i == longest_chain)
      throw base::Error("container " + quoted(container) + " would share its own network");
  }
  return owner;
}

// The next one has to run; the network may be that of one further on, which need not run any more.
void Engine::share_network(const Container& container, runtime::Setup& setup, linux::Fd& network_namespace) {
  const Container other = next_in_chain(*this, container);
  const Container owner = network_owner(container);
  if (container.config.user_namespace == UserNamespace::host && !owner.ids.users.empty())
    throw base::Error("container " + quoted(owner) + " has ids of its own, and whoever shares its network shares them")
        .with_hint("leave out --userns host");
  setup.launch.ids = owner.ids;
  bind_files_of(setup, locations_.container(owner.id));
  note_shared(locations_, owner.id);  // from here on it may outlive the owner
  auto found = runtime_.network_namespace(other.id);
  if (!found)
    throw base::Error("container " + quoted(other) + " does not run, and its network is to be shared")
        .with_hint("start it first: conductor start " + other.config.name);
  if (owner.config.network == NetworkMode::host) {
    setup.launch.network = monitor::NetworkNamespace::host;
    return;
  }
  network_namespace = std::move(*found);
  setup.launch.network = monitor::NetworkNamespace::joined;
  setup.launch.sent_network = static_cast<int>(setup.sent.size());
  setup.sent.push_back(network_namespace.get());
}

void Engine::set_network(const Container& container, runtime::Setup& setup, linux::Fd& network_namespace) {
  const NetworkMode mode = container.config.network;
  if (mode == NetworkMode::container) return share_network(container, setup, network_namespace);
  if (mode == NetworkMode::host) return;
  const bool ipv6 = mode == NetworkMode::links && network_.settings().ipv6();
  setup.launch.sysctls = sysctls_of(container.config, fitting(runtime::default_sysctls(true, ipv6), container.ids));
  if (mode == NetworkMode::links)
    setup.launch.resolver = resolver_of(container.id, container.config.endpoint, locations_);
}

monitor::Resolver resolver_of(const std::string& id, const network::EndpointConfig& endpoint,
                              const store::Locations& locations) {
  monitor::Resolver resolver;
  resolver.names = network::named_destinations(endpoint);
  if (resolver.names.empty()) return resolver;
  resolver.servers = endpoint.dns;
  const std::string program = own_program();
  if (!program.empty())
    resolver.update = {program, "--root", locations.root, "--state", locations.state, "resolved", id};
  return resolver;
}

}  // namespace conductor::engine
