// The operations on endpoints, each as its steps. Locks: whoever adds an endpoint holds STATE/locks/network shared,
// whoever takes one out, changes one or makes the foundation holds it exclusively.
#include "network/network.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "network/addresses.hpp"
#include "network/attachment.hpp"
#include "network/connections.hpp"
#include "network/endpoint_config.hpp"
#include "network/firewall_elements.hpp"
#include "network/foundation.hpp"
#include "network/graph.hpp"
#include "network/hosts_file.hpp"
#include "network/names.hpp"
#include "network/networks.hpp"
#include "network/ports.hpp"
#include "network/records.hpp"
#include "network/settings.hpp"
#include "store/records.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>

namespace conductor::network {

namespace {

constexpr int attempts_to_enter = 5;  // others may remove the foundation that often between two steps of ours

std::vector<Endpoint> without(std::vector<Endpoint> endpoints, const std::string& id) {
  std::erase_if(endpoints, [&](const Endpoint& e) { return e.id == id; });
  return endpoints;
}

struct RouteChanges {
  std::vector<InnerRoute> remove, add;
};
std::map<std::string, RouteChanges> route_changes(const Settings& settings, const std::vector<Endpoint>& before,
                                                  const std::vector<Endpoint>& after) {
  const auto old_routes = inner_routes(settings, before), new_routes = inner_routes(settings, after);
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

std::string display_name(const Endpoint& endpoint) {
  return endpoint.config.names.empty() ? base::short_id(endpoint.id) : endpoint.config.names.front();
}

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
std::vector<std::string> Network::attached_ids() const { return records_->attached_ids(); }

store::Lock Network::lock(store::Lock::Mode mode) const {
  store::make_directory(locations_.locks());
  return store::Lock::acquire(locations_.locks() + "/network", mode);
}

// --- reserving
// ----------------------------------------------------------------------------------------------------------

void Network::validate(const EndpointConfig& config) const {
  validate_config(config);
  require_given_by_networks(*records_, config);
}

Endpoint Network::reserve(const std::string& id, const EndpointConfig& config) {
  validate(config);
  require_ipv6_possible(settings_);
  settings_ = record_range(locations_, settings_);
  const auto before = find_usable(*records_, id);
  Endpoint endpoint = before.value_or(Endpoint{});
  endpoint.id = id;
  endpoint.config = config;
  if (before) keep_chosen_ports(endpoint.config.publish, before->config.publish);
  if (!before) endpoint.address = take_address(settings_, *records_, id);
  const auto held = endpoint.addresses;
  try {
    endpoint.addresses = take_network_addresses(settings_, *records_, endpoint);
    // Ports belong to ids that have a record.
    if (!before || before->config != endpoint.config || held != endpoint.addresses) records_->write(endpoint, false);
    const auto asked = endpoint.config.publish;
    endpoint.config.publish = take_ports(settings_, *records_, id, asked);
    if (endpoint.config.publish != asked) records_->write(endpoint, false);
  } catch (...) {
    give_back_addresses(*records_, endpoint.addresses, held);
    if (before) records_->write(*before, false);
    if (!before) records_->erase(id), give_back_address(*records_, endpoint.address);
    throw;
  }
  give_back_addresses(*records_, held, endpoint.addresses);
  return endpoint;
}

void Network::require_free(const std::vector<Publish>& publish) {
  validate_ports(publish);
  require_free_ports(settings_, *records_, publish);
}

std::vector<PortListener> Network::listen(const Endpoint& endpoint) {
  take_ports(settings_, *records_, endpoint.id, endpoint.config.publish);
  return open_listeners(settings_, endpoint.config.publish);
}

void Network::forget(const std::string& id, bool shared) {
  detach(id, shared);
  const auto endpoint = find_usable(*records_, id);
  records_->erase(id);
  give_back_ports_of(*records_, id);
  if (!endpoint) return give_back_addresses_of(*records_, id);
  give_back_address(*records_, endpoint->address);
  give_back_addresses(*records_, endpoint->addresses);
  refresh_hosts_files(settings_, *records_, *endpoint);
}

// --- attaching
// ----------------------------------------------------------------------------------------------------------

// Shared, and the endpoint counts as attached: from here on nobody removes the foundation, which stands.
store::Lock Network::enter(const Endpoint& endpoint) {
  for (int attempt = 0; attempt < attempts_to_enter; ++attempt) {
    auto shared = lock(store::Lock::Mode::shared);
    settings_ = hold_ipv6(locations_, settings_);
    records_->set_attached(endpoint.id, endpoint.interface);
    const Foundation foundation(settings_, *records_);
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
    const auto before = records_->attached_around(endpoint);
    const auto after = with(before, endpoint);
    const auto opener = [&](const std::string& other) -> std::optional<linux::Fd> {
      return other == id ? network_namespace.duplicate() : opener_(other);
    };
    change_routes(before, after, opener);
    if (!change_firewall(before, after)) {
      held.release();
      const auto exclusive = lock(store::Lock::Mode::exclusive);
      rebuild_or_remove(records_->attached());
    }
    refresh_hosts_files(settings_, *records_, endpoint);
  } catch (...) {
    base::Collector undo;
    undo.attempt([&] { detach(id); });
    throw;
  }
}

// Leads the routes inside running endpoints from one set of attached endpoints to another.
void Network::change_routes(const std::vector<Endpoint>& before, const std::vector<Endpoint>& after,
                            const NamespaceOpener& opener) const {
  for (const auto& [id, changes] : route_changes(settings_, before, after))
    if (const auto network_namespace = opener(id)) change_inner_routes(*network_namespace, changes.remove, changes.add);
}

// The same for the table. False: it is not what it should be, and nothing in it has changed.
bool Network::change_firewall(const std::vector<Endpoint>& before, const std::vector<Endpoint>& after) const {
  return linux::change_elements(settings_.table,
                                difference(firewall_elements(settings_, before), firewall_elements(settings_, after)));
}

void Network::rebuild_or_remove(const std::vector<Endpoint>& attached) const {
  const Foundation foundation(settings_, *records_);
  if (!attached.empty()) return foundation.build(attached);
  foundation.remove();
  release_ipv6(locations_);
}

void Network::detach(const std::string& id, bool shared) {
  const auto exclusive = lock(store::Lock::Mode::exclusive);
  base::Collector collector;
  // The table is led from what the record says: one that is ahead of it would leave something behind.
  collector.attempt([&] { finish_changes(); });
  const auto endpoint = find_usable(*records_, id);
  if (!endpoint) {
    // What its record said is lost: the table is made anew without it.
    if (records_->is_attached(id)) collector.attempt([&] { rebuild_or_remove(without(records_->attached(), id)); });
    if (collector.clean()) records_->clear_attached(id);
    records_->clear_files_directory(id);
    return collector.finish();
  }
  const base::Context context("taking " + base::short_id(id) + " out of the network");
  const bool attached = !endpoint->interface.empty();
  if (attached) {
    const bool last = !records_->any_attached_but(id);
    const auto after = records_->attached_around(*endpoint);
    const auto opener = [&](const std::string& other) { return other == id ? std::nullopt : opener_(other); };
    const auto before = with(after, *endpoint);
    collector.attempt([&] {
      if (last || !change_firewall(before, after)) rebuild_or_remove(without(records_->attached(), id));
    });
    collector.attempt([&] { forget_all(settings_, *endpoint); });
    collector.attempt([&] { shared ? remove_veth(*endpoint) : remove_host_route(settings_, *endpoint); });
    collector.attempt([&] { change_routes(before, after, opener); });
    collector.attempt([&] { records_->clear_resolved(id); });
    // Last: a command killed before this does all of it again.
    if (collector.clean()) records_->clear_attached(id);
  }
  collector.attempt([&] { give_back_ports(*records_, id, endpoint->config.publish); });
  collector.attempt([&] { records_->clear_files_directory(id); });
  if (attached) collector.attempt([&] { refresh_hosts_files(settings_, *records_, *endpoint); });
  collector.finish();
}

void Network::write_files(const std::string& id, const std::string& directory) {
  const Endpoint endpoint = require(id);
  records_->set_files_directory(id, directory);
  write_hosts_file(settings_, *records_, id, directory);
  const linux::Fd file = linux::open_file(directory + "/resolv.conf", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644);
  linux::write_all(file.get(), resolver_text(settings_, endpoint, host_name_servers()));
  ::fchmod(file.get(), 0644);  // readable for every user inside, whatever our umask
}

bool Network::stands() const {
  return !records_->any_attached() || (!records_->any_unfinished_change() && Foundation(settings_, *records_).stands());
}

void Network::repair() {
  records_->sweep();
  const auto is_well = [&] {
    if (!records_->any_attached()) return Foundation(settings_, *records_).is_gone();
    return stands() && Foundation(settings_, *records_).ends_stand(records_->attached());
  };
  if (is_well()) return;
  const auto exclusive = lock(store::Lock::Mode::exclusive);
  finish_changes();
  if (!is_well()) rebuild_or_remove(records_->attached());
}

}  // namespace conductor::network
