// The operations on endpoints, each as its steps. Locks: whoever adds an endpoint holds STATE/locks/network shared,
// whoever takes one out, changes one or makes the foundation holds it exclusively.
#include "network/network.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "network/addresses.hpp"
#include "network/attachment.hpp"
#include "network/firewall_elements.hpp"
#include "network/foundation.hpp"
#include "network/graph.hpp"
#include "network/hosts_file.hpp"
#include "network/names.hpp"
#include "network/ports.hpp"
#include "network/records.hpp"
#include "store/records.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>

namespace conductor::network {

namespace {

constexpr int last_port = 65535;
constexpr int attempts_to_enter = 5;  // others may remove the foundation that often between two steps of ours

void validate(const EndpointConfig& config) {
  for (const Link& link : config.links)
    if (link.first_port < 0 || link.first_port > last_port || link.last_port > last_port ||
        (link.last_port != 0 && link.last_port < link.first_port))
      throw base::Error("a link to " + link.peer + " names ports that do not exist: ports are 1 to 65535");
  address_ranges(networks_of(config.internet_to));
  validate_ports(config.publish);
}

// Host ports that were chosen before stay.
void keep_chosen_ports(std::vector<Publish>& publish, const std::vector<Publish>& before) {
  for (std::size_t i = 0; i < std::min(publish.size(), before.size()); ++i) {
    Publish asked = before[i];
    asked.host_port = 0;
    if (publish[i] == asked) publish[i].host_port = before[i].host_port;
  }
}

std::vector<Endpoint> without(std::vector<Endpoint> endpoints, const std::string& id) {
  std::erase_if(endpoints, [&](const Endpoint& e) { return e.id == id; });
  return endpoints;
}

std::vector<Endpoint> with(std::vector<Endpoint> endpoints, const Endpoint& endpoint) {
  endpoints.push_back(endpoint);
  return endpoints;
}

// Those of `all` that `endpoint` has to do with: itself and what is at the other end of a link. Whatever changes with
// it changes among them, so that one start costs little however many others run.
std::vector<Endpoint> around(const Endpoint& endpoint, std::vector<Endpoint> all) {
  std::erase_if(all, [&](const Endpoint& other) {
    return other.id != endpoint.id && !links_to(endpoint, other) && !links_to(other, endpoint);
  });
  return all;
}

struct RouteChanges {
  std::vector<InnerRoute> remove, add;
};
std::map<std::string, RouteChanges> route_changes(const std::vector<Endpoint>& before,
                                                  const std::vector<Endpoint>& after) {
  const auto old_routes = inner_routes(before), new_routes = inner_routes(after);
  std::map<std::string, RouteChanges> changes;
  for (const InnerRoute& route : old_routes)
    if (!new_routes.contains(route)) changes[route.endpoint].remove.push_back(route);
  for (const InnerRoute& route : new_routes)
    if (!old_routes.contains(route)) changes[route.endpoint].add.push_back(route);
  return changes;
}

// The record of that id; a damaged one counts as none, for it is about to be written anew.
std::optional<Endpoint> find_usable(const Records& records, const std::string& id) {
  try {
    return records.find(id);
  } catch (const store::DamagedRecord& e) {
    base::log(base::LogLevel::warning, e.message());
    return std::nullopt;
  }
}

}  // namespace

Network::Network(store::Locations locations, NamespaceOpener opener)
    : locations_(std::move(locations)),
      opener_(std::move(opener)),
      settings_(Settings::of(locations_)),
      records_(std::make_shared<Records>(locations_)) {}

Endpoint Network::require(const std::string& id) const {
  auto endpoint = records_->find(id);
  if (!endpoint) throw base::Error("container " + base::short_id(id) + " has no network endpoint");
  return *endpoint;
}

std::optional<Endpoint> Network::find(const std::string& id) const { return records_->find(id); }
std::vector<Endpoint> Network::list() const { return records_->list(); }

store::Lock Network::lock(store::Lock::Mode mode) const {
  store::make_directory(locations_.locks());
  return store::Lock::acquire(locations_.locks() + "/network", mode);
}

// --- reserving
// ----------------------------------------------------------------------------------------------------------

Endpoint Network::reserve(const std::string& id, const EndpointConfig& config) {
  validate(config);
  const auto before = find_usable(*records_, id);
  Endpoint endpoint{id, before ? before->address : take_address(settings_, *records_, id),
                    {}, before ? before->interface : "", config, {}};
  if (before) keep_chosen_ports(endpoint.config.publish, before->config.publish);
  try {
    // Ports belong to ids that have a record.
    if (!before || before->config != endpoint.config) records_->write(endpoint, false);
    const auto asked = endpoint.config.publish;
    endpoint.config.publish = take_ports(*records_, id, asked);
    if (endpoint.config.publish != asked) records_->write(endpoint, false);
  } catch (...) {
    if (before) records_->write(*before, false);
    if (!before) records_->erase(id), give_back_address(*records_, endpoint.address);
    throw;
  }
  return endpoint;
}

void Network::require_free(const std::vector<Publish>& publish) {
  validate_ports(publish);
  require_free_ports(*records_, publish);
}

std::vector<PortListener> Network::listen(const Endpoint& endpoint) {
  take_ports(*records_, endpoint.id, endpoint.config.publish);
  return open_listeners(endpoint.config.publish);
}

void Network::forget(const std::string& id) {
  detach(id);
  const auto endpoint = find_usable(*records_, id);
  records_->erase(id);
  give_back_ports_of(*records_, id);
  if (!endpoint) return give_back_addresses_of(*records_, id);
  give_back_address(*records_, endpoint->address);
  refresh_hosts_files(*records_, *endpoint);
}

// --- attaching
// ----------------------------------------------------------------------------------------------------------

// Shared, and the endpoint counts as attached: from here on nobody removes the foundation, which stands.
store::Lock Network::enter(const Endpoint& endpoint) const {
  const Foundation foundation(settings_, *records_);
  for (int attempt = 0; attempt < attempts_to_enter; ++attempt) {
    auto shared = lock(store::Lock::Mode::shared);
    records_->set_attached(endpoint.id, endpoint.interface);
    if (foundation.stands()) return shared;
    shared.release();
    const auto exclusive = lock(store::Lock::Mode::exclusive);
    if (!foundation.stands()) foundation.build(records_->attached());
  }
  throw base::Error("the firewall table or the policy rules are removed again and again");
}

void Network::attach(const std::string& id, const linux::Fd& network_namespace) {
  Endpoint endpoint = require(id);
  const base::Context context("connecting " + base::short_id(id) + " to the network");
  endpoint.interface = new_interface_name(settings_);
  try {
    auto held = enter(endpoint);
    make_veth(settings_, endpoint, network_namespace);
    // Two that attach at the same time: each has said so before it looks here, so at least one of them sees the other.
    const auto after = around(endpoint, records_->attached());
    const auto opener = [&](const std::string& other) -> std::optional<linux::Fd> {
      return other == id ? network_namespace.duplicate() : opener_(other);
    };
    change_routes(without(after, id), after, opener);
    if (!change_firewall(without(after, id), after)) {
      held.release();
      const auto exclusive = lock(store::Lock::Mode::exclusive);
      rebuild_or_remove(records_->attached());
    }
    refresh_hosts_files(*records_, endpoint);
  } catch (...) {
    base::Collector undo;
    undo.attempt([&] { detach(id); });
    throw;
  }
}

// Leads the routes inside running endpoints from one set of attached endpoints to another.
void Network::change_routes(const std::vector<Endpoint>& before, const std::vector<Endpoint>& after,
                            const NamespaceOpener& opener) const {
  for (const auto& [id, changes] : route_changes(before, after))
    if (const auto network_namespace = opener(id)) change_inner_routes(*network_namespace, changes.remove, changes.add);
}

// The same for the table. False: it is not what it should be, and nothing in it has changed.
bool Network::change_firewall(const std::vector<Endpoint>& before, const std::vector<Endpoint>& after) const {
  return linux::change_elements(settings_.table, difference(firewall_elements(before), firewall_elements(after)));
}

void Network::rebuild_or_remove(const std::vector<Endpoint>& attached) const {
  const Foundation foundation(settings_, *records_);
  attached.empty() ? foundation.remove() : foundation.build(attached);
}

void Network::detach(const std::string& id) {
  const auto exclusive = lock(store::Lock::Mode::exclusive);
  const auto endpoint = find_usable(*records_, id);
  if (!endpoint) {
    records_->clear_attached(id);
    records_->clear_files_directory(id);
    return;
  }
  const base::Context context("taking " + base::short_id(id) + " out of the network");
  base::Collector collector;
  const bool attached = !endpoint->interface.empty();
  if (attached) {
    const auto others = without(records_->attached(), id);
    const auto after = around(*endpoint, others);
    const auto opener = [&](const std::string& other) { return other == id ? std::nullopt : opener_(other); };
    const auto before = with(after, *endpoint);
    collector.attempt([&] {
      if (others.empty() || !change_firewall(before, after)) rebuild_or_remove(others);
    });
    collector.attempt([&] { remove_host_route(*endpoint); });
    collector.attempt([&] { change_routes(before, after, opener); });
    // Last: a command killed before this does all of it again.
    if (collector.clean()) records_->clear_attached(id);
  }
  collector.attempt([&] { give_back_ports(*records_, id, endpoint->config.publish); });
  collector.attempt([&] { records_->clear_files_directory(id); });
  if (attached) collector.attempt([&] { refresh_hosts_files(*records_, *endpoint); });
  collector.finish();
}

// --- changing
// -----------------------------------------------------------------------------------------------------------

void Network::reconfigure(const std::string& id, const EndpointConfig& config) {
  validate(config);
  const auto exclusive = lock(store::Lock::Mode::exclusive);
  const Endpoint before = require(id);
  const base::Context context("changing the network of " + base::short_id(id));
  Endpoint endpoint = before;
  endpoint.config = config;
  keep_chosen_ports(endpoint.config.publish, before.config.publish);
  const bool attached = !before.interface.empty();
  if (attached) endpoint.config.publish = take_ports(*records_, id, endpoint.config.publish);
  records_->write(endpoint, true);
  if (attached) {
    const auto others = without(records_->attached(), id);
    const auto old_state = with(others, before), new_state = with(others, endpoint);
    change_routes(old_state, new_state, opener_);
    if (!change_firewall(old_state, new_state)) rebuild_or_remove(new_state);
  }
  std::vector<Publish> dropped = before.config.publish;
  std::erase_if(dropped, [&](const Publish& p) {
    return std::find(endpoint.config.publish.begin(), endpoint.config.publish.end(), p) !=
           endpoint.config.publish.end();
  });
  give_back_ports(*records_, id, dropped);
  refresh_hosts_files(*records_, before);
  refresh_hosts_files(*records_, endpoint);
}

void Network::write_files(const std::string& id, const std::string& directory) {
  const Endpoint endpoint = require(id);
  records_->set_files_directory(id, directory);
  write_hosts_file(*records_, id, directory);
  const linux::Fd file = linux::open_file(directory + "/resolv.conf", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644);
  linux::write_all(file.get(), resolver_text(endpoint, host_name_servers()));
  ::fchmod(file.get(), 0644);  // readable for every user inside, whatever our umask
}

void Network::repair() {
  records_->sweep();
  const Foundation foundation(settings_, *records_);
  const bool needed = records_->any_attached();
  if (needed ? foundation.stands() : !linux::nft_table_exists("inet", settings_.table)) return;
  const auto exclusive = lock(store::Lock::Mode::exclusive);
  if (!records_->any_attached() || !foundation.stands()) rebuild_or_remove(records_->attached());
}

}  // namespace conductor::network
