// What services say about each other: every name must be declared, a link must be possible, nobody may wait for itself.
#include "parser/compose_reader.hpp"

#include <algorithm>
#include <array>

namespace conductor::parser {
namespace {

template <class Items>
std::vector<std::string> names_of(const Items& items) {
  std::vector<std::string> names;
  names.reserve(items.size());
  for (const auto& item : items) names.push_back(item.name);
  return names;
}

template <class Items>
auto find_named(Items& items, const std::string& name) {
  const auto found = std::find_if(items.begin(), items.end(), [&](const auto& item) { return item.name == name; });
  return found == items.end() ? nullptr : &*found;
}

// The service whose network this one shares; empty when it shares none.
std::string shared_service(const Service& service) {
  constexpr std::string_view prefix = "service:";
  return service.network_mode.starts_with(prefix) ? service.network_mode.substr(prefix.size()) : "";
}

class ReferenceCheck {
 public:
  ReferenceCheck(ComposeReader& reader, const ComposeFile& file)
      : reader_(reader),
        file_(file),
        services_(names_of(file.services)),
        volumes_(names_of(file.volumes)),
        networks_(names_of(file.networks)) {
    networks_.emplace_back("default");
  }

  void run() {
    for (const auto& service : file_.services) {
      for (const auto& dependency : service.depends_on)
        if (dependency.required) require(services_, "service", dependency.service, dependency.position);
      for (const auto& peer : service.peers) check_peer(peer);
      for (const auto& mount : service.volumes)
        if (mount.value.kind == VolumeKind::named) require(volumes_, "volume", mount.value.source, mount.position);
      for (const auto& network : service.networks.value_or(std::vector<ServiceNetwork>{}))
        if (require(networks_, "network", network.network, network.position)) check_addresses(service, network);
      check_shared_network(service);
    }
  }

 private:
  ComposeReader& reader_;
  const ComposeFile& file_;
  std::vector<std::string> services_, volumes_, networks_;
  std::map<std::pair<std::string, std::string>, std::string> addresses_;  // network and address → service

  bool require(const std::vector<std::string>& known, const char* what, const std::string& name,
               const base::Position& position) {
    if (std::find(known.begin(), known.end(), name) != known.end()) return true;
    reader_.error(position, std::string("unknown ") + what + " " + show(name),
                  reader_.full() ? "" : suggestion(name, known));
    return false;
  }

  // A peer of another project ("project/service") is known later.
  void check_peer(const Placed<PeerEntry>& peer) {
    const std::string& name = peer.value.reference.peer;
    if (name.find('/') != std::string::npos || !require(services_, "service", name, peer.position)) return;
    const std::string& mode = find_named(file_.services, name)->network_mode;
    const std::string impossible = "no link can lead to service " + show(name) + ": ";
    if (mode == "none") reader_.error(peer.position, impossible + "it has no network (network_mode: none)");
    if (mode == "host")
      reader_.error(peer.position, impossible + "it uses the host's network (network_mode: host)",
                    "'host' opens ports of the host");
    if (const auto colon = mode.find(':'); colon != std::string::npos)
      reader_.error(
          peer.position,
          impossible + "it shares the network of " + mode.substr(0, colon) + " " + show(mode.substr(colon + 1)),
          mode.starts_with("service:") ? "link to " + show(mode.substr(colon + 1))
                                       : "'external_links' leads to that container");
  }

  void check_addresses(const Service& service, const ServiceNetwork& membership) {
    const NetworkSection* network = find_named(file_.networks, membership.network);
    for (const auto& [address, key] :
         {std::pair{membership.ipv4_address, "ipv4_address"}, std::pair{membership.ipv6_address, "ipv6_address"}}) {
      if (address.empty()) continue;
      if (service.replicas > 1)
        reader_.error(membership.position, "a service with several containers cannot ask for one address",
                      std::string("leave out ") + key);
      const bool v4 = address.find(':') == std::string::npos;
      const std::string subnet = network == nullptr ? "" : v4 ? network->subnet : network->subnet6;
      const bool external = network != nullptr && network->external;
      if (subnet.empty() && !external)
        reader_.error(membership.position,
                      show(key) + " needs a network with an IPv" + (v4 ? "4" : "6") + " subnet; network " +
                          show(membership.network) + " has none",
                      std::string("ipam: {config: [{subnet: ") + (v4 ? "172.28.0.0/16" : "fd00:1::/64") + "}]}");
      else if (!external && !subnet_contains(subnet, address))
        reader_.error(membership.position, "address " + address + " is not in the subnet " + subnet + " of network " +
                                               show(membership.network));
      const auto [holder, fresh] = addresses_.emplace(std::pair{membership.network, address}, service.name);
      if (!fresh)
        reader_.error(membership.position, "services " + show(holder->second) + " and " + show(service.name) +
                                               " ask for the same address " + address);
    }
  }

  void check_shared_network(const Service& service) {
    const std::string other = shared_service(service);
    if (other.empty()) return;
    const base::Position& place = service.places.at("network_mode");
    if (other == service.name) return reader_.error(place, "a service cannot share its own network");
    if (!require(services_, "service", other, place)) return;
    const Service& holder = *find_named(file_.services, other);
    if (holder.replicas > 1)
      reader_.error(place, "service " + show(other) + " has several containers, so its network is not one");
    if (holder.network_mode == "host")
      reader_.error(place, "service " + show(other) + " has no network of its own",
                    "write network_mode: host here, too");
    if (holder.network_mode.find(':') != std::string::npos)
      reader_.error(place, "service " + show(other) + " has no network of its own",
                    "share the one that it shares: network_mode: " + holder.network_mode);
  }
};

// Depth first through depends_on; what is met again on the way down closes a cycle.
class CycleFinder {
 public:
  CycleFinder(ComposeReader& reader, const ComposeFile& file) : reader_(reader) {
    for (const auto& service : file.services) services_.emplace(service.name, &service);
  }

  void run() {
    for (const auto& [name, service] : services_) visit(*service);
  }

 private:
  ComposeReader& reader_;
  std::map<std::string, const Service*> services_;
  std::map<std::string, bool> seen_;  // true while on the way down
  std::vector<std::string> way_;

  void visit(const Service& service) {
    if (!seen_.emplace(service.name, true).second) return;
    way_.push_back(service.name);
    for (const auto& dependency : service.depends_on) {
      const auto next = services_.find(dependency.service);
      if (next == services_.end()) continue;
      const auto met = seen_.find(dependency.service);
      if (met == seen_.end())
        visit(*next->second);
      else if (met->second)
        report(dependency);
    }
    way_.pop_back();
    seen_[service.name] = false;
  }

  void report(const Dependency& closing) {
    std::string cycle;
    for (auto at = std::find(way_.begin(), way_.end(), closing.service); at != way_.end(); ++at) cycle += *at + " → ";
    reader_.error(closing.position, "depends_on forms a cycle: " + cycle + closing.service);
  }
};

// Unless it is the service itself, or written already.
void add_dependency(Service& service, Dependency dependency) {
  const auto& known = service.depends_on;
  const bool written = std::any_of(known.begin(), known.end(),
                                   [&](const Dependency& other) { return other.service == dependency.service; });
  if (!written && dependency.service != service.name) service.depends_on.push_back(std::move(dependency));
}

// Who is linked by `links` is started before, and so is who lends its network.
void add_implied_dependencies(ComposeFile& file) {
  for (auto& service : file.services) {
    for (const auto& peer : service.peers)
      if (peer.value.key == "links" && find_named(file.services, peer.value.reference.peer) != nullptr)
        add_dependency(service, {peer.value.reference.peer, Condition::started, false, true, peer.position});
    if (const auto other = shared_service(service); !other.empty() && find_named(file.services, other) != nullptr)
      add_dependency(service, {other, Condition::started, true, true, service.places.at("network_mode")});
  }
}

}  // namespace

void check_references(ComposeReader& reader, ComposeFile& file) {
  ReferenceCheck(reader, file).run();
  add_implied_dependencies(file);
  CycleFinder(reader, file).run();
}

}  // namespace conductor::parser
