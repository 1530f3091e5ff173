// What changes while endpoints run: their reach, what host names stand for, the networks they are in.
#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "linux/nftables.hpp"
#include "monitor/event_journal.hpp"
#include "network/addresses.hpp"
#include "network/attachment.hpp"
#include "network/connections.hpp"
#include "network/egress.hpp"
#include "network/endpoint_config.hpp"
#include "network/firewall_elements.hpp"
#include "network/foundation.hpp"
#include "network/graph.hpp"
#include "network/hosts_file.hpp"
#include "network/network.hpp"
#include "network/networks.hpp"
#include "network/ports.hpp"
#include "network/records.hpp"
#include "network/settings.hpp"

#include <algorithm>

namespace conductor::network {

namespace {

constexpr std::size_t most_addresses = 64;  // of one host name; more are left out

// The attached ones that the endpoint has to do with before or after its change, itself left out.
std::vector<Endpoint> attached_around(const Records& records, const Endpoint& before, const Endpoint& after) {
  auto all = records.attached_around(before);
  for (auto& endpoint : records.attached_around(after))
    if (std::none_of(all.begin(), all.end(), [&](const Endpoint& e) { return e.id == endpoint.id; }))
      all.push_back(std::move(endpoint));
  return all;
}

// Neither this host nor a container, and no address that means something else on every host.
bool is_outside(const Settings& settings, const std::vector<HostNetwork>& own, const linux::IpAddress& address) {
  static const auto special = [] {
    std::vector<linux::IpPrefix> prefixes;
    for (const char* text : {"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/127", "::ffff:0:0/96",
                             "fe80::/10", "ff00::/8"})
      prefixes.push_back(*linux::parse_prefix(text));
    return prefixes;
  }();
  const auto covers = [&](const linux::IpPrefix& prefix) { return prefix.contains(address); };
  return !std::any_of(special.begin(), special.end(), covers) && !covers(settings.range()) &&
         !(settings.ipv6() && covers(settings.range6())) &&
         std::none_of(own.begin(), own.end(), [&](const HostNetwork& network) { return covers(network.prefix); });
}

// The addresses of a name that its endpoint may be let to, sorted.
std::vector<std::string> outside_addresses(const Settings& settings, const std::vector<std::string>& addresses) {
  std::vector<HostNetwork> own;
  for (const auto& address : linux::Netlink().addresses())
    own.push_back({{address.address, address.address.bits()}, {}});
  std::vector<std::string> result;
  for (const auto& text : addresses) {
    const auto address = linux::parse_ip(text);
    if (!address) throw base::Error("'" + text + "' is no IP address");
    if (is_outside(settings, own, *address) && result.size() < most_addresses)
      result.push_back(linux::to_text(*address));
  }
  std::sort(result.begin(), result.end());
  result.erase(std::unique(result.begin(), result.end()), result.end());
  return result;
}

bool is_allowed_name(const Endpoint& endpoint, const std::string& name) {
  const auto& all = endpoint.config.internet_to;
  return std::any_of(all.begin(), all.end(), [&](const Destination& destination) {
    return is_host_name(destination.to) && matches_host_name(destination.to, name);
  });
}

bool same_settings(NetworkConfig a, const NetworkConfig& b) {
  a.created = b.created;
  return a == b;
}

std::vector<std::string> held_addresses(const Endpoint& endpoint) {
  auto addresses = endpoint.addresses;
  addresses.push_back(linux::to_text(endpoint.address));
  return addresses;
}

// What it has stays its own until it starts again: something inside may listen there.
void add_network_addresses(const Settings& settings, const Records& records, Endpoint& endpoint) {
  for (auto& address : take_network_addresses(settings, records, endpoint))
    if (std::find(endpoint.addresses.begin(), endpoint.addresses.end(), address) == endpoint.addresses.end())
      endpoint.addresses.push_back(std::move(address));
}

std::string names_of(const std::vector<Endpoint>& endpoints) {
  std::vector<std::string> names;
  for (const Endpoint& endpoint : endpoints) names.push_back(display_name(endpoint));
  return base::join(names, ", ");
}

}  // namespace

// --- reach
// --------------------------------------------------------------------------------------------------------------

void Network::reconfigure(const std::string& id, const EndpointConfig& config) {
  validate(config);
  const auto exclusive = lock(store::Lock::Mode::exclusive);
  const Endpoint before = require(id);
  const base::Context context("changing the network of " + base::short_id(id));
  Endpoint endpoint = before;
  endpoint.config = config;
  keep_chosen_ports(endpoint.config.publish, before.config.publish);
  const bool attached = !before.interface.empty();
  if (attached) endpoint.config.publish = take_ports(settings_, *records_, id, endpoint.config.publish);
  records_->begin_change(before);
  try {
    if (attached) add_network_addresses(settings_, *records_, endpoint);
  } catch (...) {
    records_->end_change(id);
    throw;
  }
  records_->write(endpoint, true);
  follow_change(before, endpoint);
}

// Everything that follows from a record, from another state of it; doing it again does no harm.
void Network::follow_change(const Endpoint& before, const Endpoint& after) const {
  if (!after.interface.empty()) apply(before, after);
  const auto& kept = after.config.publish;
  std::vector<Publish> dropped = before.config.publish;
  std::erase_if(dropped, [&](const Publish& p) { return std::find(kept.begin(), kept.end(), p) != kept.end(); });
  give_back_ports(*records_, after.id, dropped);
  refresh_hosts_files(settings_, *records_, before);
  refresh_hosts_files(settings_, *records_, after);
  records_->end_change(after.id);
}

// Those of commands that were killed or have failed. The caller holds the network exclusively.
void Network::finish_changes() const {
  for (const Endpoint& before : records_->unfinished_changes()) {
    const auto now = records_->find(before.id);
    if (now) give_back_addresses_of(*records_, now->id, held_addresses(*now));
    now ? follow_change(before, *now) : records_->end_change(before.id);
  }
}

// Leads table, routes and tracked connections from one state of an attached endpoint to another.
void Network::apply(const Endpoint& before, const Endpoint& after) const {
  const auto others = attached_around(*records_, before, after);
  const auto old_state = with(others, before), new_state = with(others, after);
  if (before.addresses != after.addresses)
    if (const auto network_namespace = opener_(after.id)) add_addresses(settings_, after, *network_namespace);
  change_routes(old_state, new_state, opener_);
  const auto changes = difference(firewall_elements(settings_, old_state), firewall_elements(settings_, new_state));
  if (!linux::change_elements(settings_.table, changes)) rebuild_or_remove(records_->attached());
  if (std::any_of(changes.begin(), changes.end(), [](const auto& change) { return change.remove; }))
    forget_undeclared(settings_, after, others);
}

void Network::set_resolved(const std::string& id, const ResolvedName& name) {
  const base::Context context("noting what " + name.name + " stands for");
  const Endpoint known = require(id);
  if (!is_allowed_name(known, name.name))
    throw base::Error("container " + base::short_id(id) + " may not reach that name");
  if (known.interface.empty()) return;  // it has stopped meanwhile
  const ResolvedName usable{name.name, outside_addresses(settings_, name.addresses)};
  auto shared = lock(store::Lock::Mode::shared);
  {
    // One at a time: what changes in the table is told from what was said before.
    const auto alone = store::Lock::acquire(locations_.locks() + "/network-resolved");
    const Endpoint before = require(id);
    if (before.interface.empty()) return;
    records_->begin_change(before);
    const bool followed = !records_->set_resolved(id, usable) || change_firewall({before}, {require(id)});
    if (followed) return records_->end_change(id);
  }
  shared.release();
  const auto exclusive = lock(store::Lock::Mode::exclusive);
  rebuild_or_remove(records_->attached());
  records_->end_change(id);
}

// --- networks
// -----------------------------------------------------------------------------------------------------------

void Network::create_network(const NetworkConfig& wanted) {
  const auto exclusive = lock(store::Lock::Mode::exclusive);
  if (const auto present = read_network(*records_, wanted.name)) {
    if (same_settings(*present, wanted)) return;
    throw base::Error("network " + wanted.name + " exists with other settings")
        .with_hint("remove it first: conductor network rm " + wanted.name);
  }
  validate_network(wanted, read_networks(*records_), settings_, host_networks(settings_));
  NetworkConfig network = wanted;
  if (network.created == 0) network.created = base::now_unix_ns();
  write_network(*records_, network);
  monitor::append_event(locations_.events(), "network", "create", network.name);
  if (!network_subnets({network}).empty()) rebuild_if_needed();
}

void Network::remove_network(const std::string& name) {
  const auto exclusive = lock(store::Lock::Mode::exclusive);
  const auto network = read_network(*records_, name);
  if (!network) {
    std::vector<std::string> names;
    for (const auto& other : networks()) names.push_back(other.name);
    throw base::Error("there is no network " + name + base::did_you_mean(name, names));
  }
  if (const auto members = records_->members(name); !members.empty())
    throw base::Error("network " + name + " is in use by " + names_of(members));
  erase_network(*records_, name);
  monitor::append_event(locations_.events(), "network", "destroy", name);
  if (!network_subnets({*network}).empty()) rebuild_if_needed();
}

std::optional<NetworkConfig> Network::find_network(const std::string& name) const {
  return read_network(*records_, name);
}

std::vector<NetworkConfig> Network::networks() const { return read_networks(*records_); }

// Which addresses are endpoints' has changed.
void Network::rebuild_if_needed() const {
  if (records_->any_attached()) rebuild_or_remove(records_->attached());
}

}  // namespace conductor::network
