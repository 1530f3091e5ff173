#include "compose/reach_tighten.hpp"

#include "base/text.hpp"
#include "network/graph.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <map>
#include <set>

namespace conductor::compose {
namespace {

using Kind = Reach::Kind;
using network::PortRange;
using network::Protocol;

// More ports than these of one service are no list any more: the link is to all.
constexpr std::size_t most_ports = 8;
constexpr int name_service = 53;

// As a file says it; TCP is meant where no protocol is named.
std::string peer_text(const std::string& peer, const PortRange& ports) {
  if (ports.first == 0) return peer;
  const PortRange tcp{Protocol::any, ports.first, ports.last};
  return peer + ":" + ports_text(ports.protocol == Protocol::udp ? ports : tcp);
}

std::string outside_text(const Seen& seen) {
  const bool v6 = seen.to.find(':') != std::string::npos;
  const std::string ports = ports_text(
      {seen.ports.protocol == Protocol::udp ? Protocol::udp : Protocol::any, seen.ports.first, seen.ports.last});
  return (v6 ? "[" + seen.to + "]" : seen.to) + (ports.empty() ? "" : ":" + ports);
}

bool covers(const PortRange& open, const PortRange& wanted) {
  if (open.protocol != Protocol::any && open.protocol != wanted.protocol && wanted.protocol != Protocol::any)
    return false;
  return open.first == 0 || (wanted.first != 0 && wanted.first >= open.first && wanted.last <= open.last);
}

class Tightening {
 public:
  Tightening(const Project& project, const std::optional<std::vector<Seen>>& seen)
      : project_(project), seen_(seen), reach_(declared_reach(project)) {}

  Proposals proposals() {
    result_.isolate = !project_.strict;
    for (const auto& written : project_.source.services) {
      const DesiredService* service = project_.find(written.name);
      if (service == nullptr || service->pattern.network != engine::NetworkMode::links) continue;
      Proposal proposal{written.name, {}, {}, false, {}};
      for (const auto& [peer, ports] : wanted(*service)) add_peer(proposal, written, peer, ports);
      add_internet(proposal, *service);
      note_unused(*service);
      if (!proposal.peers.empty() || !proposal.narrowed.empty() || proposal.internet)
        result_.services.push_back(std::move(proposal));
    }
    note_lost_internet();
    return std::move(result_);
  }

 private:
  using Wanted = std::map<std::string, std::vector<PortRange>>;
  const Project& project_;
  const std::optional<std::vector<Seen>>& seen_;
  std::vector<Reach> reach_;
  Proposals result_;
  std::vector<std::string> without_internet_;

  Wanted wanted(const DesiredService& service) const {
    Wanted result;
    if (!seen_) {
      for (const auto& dependency : service.depends_on)
        if (const auto* target = needed(service, dependency)) result[target->name] = offered(*target);
      return result;
    }
    for (const auto& seen : *seen_)
      if (seen.from == service.name && !seen.outside) result[seen.to].push_back(seen.ports);
    for (auto& [peer, ports] : result) {
      std::ranges::sort(ports);
      ports.erase(std::unique(ports.begin(), ports.end()), ports.end());
      // Echo requests and the like follow any link: they ask for one without ports only where nothing else was seen.
      std::erase_if(ports, [](const PortRange& seen) { return seen.first == 0; });
      if (ports.size() > most_ports) ports.clear();
    }
    return result;
  }

  // What is waited for until it has completed is not there any more when the service starts; what cannot be reached now
  // needs no link.
  const DesiredService* needed(const DesiredService& service, const parser::Dependency& dependency) const {
    const DesiredService* target = project_.find(dependency.service);
    if (target == nullptr || dependency.condition == parser::Condition::completed) return nullptr;
    if (target->pattern.network != engine::NetworkMode::links) return nullptr;
    const bool reached = std::ranges::any_of(
        reach_, [&](const Reach& reach) { return reach.from == service.name && reach.to == target->name; });
    return project_.strict || reached ? target : nullptr;
  }

  // What it exposes, else what it publishes, else nothing: all.
  static std::vector<PortRange> offered(const DesiredService& target) {
    const auto& endpoint = target.pattern.endpoint;
    if (!endpoint.expose.empty()) return endpoint.expose;
    std::vector<PortRange> ports;
    for (const auto& publish : endpoint.publish) {
      const PortRange range{publish.protocol, publish.container_port, publish.container_port + publish.count - 1};
      if (std::ranges::find(ports, range) == ports.end()) ports.push_back(range);
    }
    return ports;
  }

  std::vector<const Reach*> links(const std::string& from, const std::string& to) const {
    std::vector<const Reach*> found;
    for (const auto& reach : reach_)
      if (reach.kind == Kind::link && reach.from == from && reach.to == to) found.push_back(&reach);
    return found;
  }

  // No ports: all of them.
  void add_peer(Proposal& proposal, const parser::Service& written, const std::string& peer,
                std::vector<PortRange> ports) {
    const auto declared = links(proposal.service, peer);
    if (!seen_ && !declared.empty()) return;
    if (seen_ && !ports.empty() && narrow(proposal, written, peer, ports)) return;
    if (ports.empty()) ports.push_back({});
    for (const auto& wanted : ports) {
      const bool open = std::ranges::any_of(declared, [&](const Reach* reach) { return covers(reach->ports, wanted); });
      if (!open) proposal.peers.push_back(peer_text(peer, wanted));
    }
  }

  // An entry without ports, of a service that exposes none, becomes one for each port that was used.
  bool narrow(Proposal& proposal, const parser::Service& written, const std::string& peer,
              const std::vector<PortRange>& ports) const {
    const DesiredService* target = project_.find(peer);
    if (target != nullptr && !target->pattern.endpoint.expose.empty()) return false;
    for (const auto& [entry, position] : written.peers) {
      const auto& reference = entry.reference;
      if (service_of_group(project_, reference.peer) != peer || reference.first_port != 0) continue;
      if (reference.protocol != base::enum_name(Protocol::any)) continue;
      proposal.narrowed.push_back({position, reference.peer, peer_text(reference.peer, ports.front())});
      for (std::size_t i = 1; i < ports.size(); ++i) proposal.peers.push_back(peer_text(reference.peer, ports[i]));
      return true;
    }
    return false;
  }

  // Where being in a network gave the internet, the strict file has to say it.
  void add_internet(Proposal& proposal, const DesiredService& service) {
    const auto from_network = std::ranges::any_of(reach_, [&](const Reach& reach) {
      return reach.kind == Kind::internet && reach.from == service.name && !reach.via.ends_with("internet");
    });
    if (project_.strict || !from_network) return;
    std::set<std::string> outside;
    if (seen_)
      for (const auto& seen : *seen_)
        if (seen.from == service.name && seen.outside && seen.ports.first != name_service)
          outside.insert(outside_text(seen));
    proposal.internet = !outside.empty();
    proposal.seen_outside = {outside.begin(), outside.end()};
    if (outside.empty()) without_internet_.push_back(service.name);
  }

  void note_unused(const DesiredService& service) {
    if (!seen_) return;
    std::vector<std::string> unused;
    for (const auto& reach : reach_) {
      if (reach.from != service.name || reach.kind != Kind::link) continue;
      const bool used = std::ranges::any_of(
          *seen_, [&](const Seen& seen) { return seen.from == service.name && seen.to == reach.to; });
      if (!used && std::ranges::find(unused, reach.to) == unused.end()) unused.push_back(reach.to);
    }
    if (!unused.empty())
      result_.notes.push_back(service.name + " did not connect to " + base::join(unused, ", ") + "; its links stay");
  }

  void note_lost_internet() {
    if (without_internet_.empty()) return;
    result_.notes.push_back("without internet from now on: " + base::join(without_internet_, ", ") +
                            (seen_ ? "" : "; give 'internet: true' to those that need it, or look with --observe"));
  }
};

}  // namespace

std::optional<Seen> seen_of(const Project& project, const network::Settings& settings,
                            const std::vector<network::Endpoint>& endpoints, const linux::Connection& connection) {
  const auto name_at = [&](const linux::IpAddress& address) -> std::optional<std::string> {
    for (const auto& endpoint : endpoints) {
      const auto addresses = network::addresses_of(settings, endpoint);
      if (std::ranges::find(addresses, address) == addresses.end()) continue;
      const auto& config = endpoint.config;
      if (!config.groups.empty()) return service_of_group(project, config.groups.front());
      return network::display_name(endpoint);
    }
    return std::nullopt;
  };
  Seen seen;
  const auto from = name_at(connection.source);
  if (!from || project.find(*from) == nullptr) return std::nullopt;
  seen.from = *from;
  if (connection.protocol == IPPROTO_TCP) seen.ports.protocol = Protocol::tcp;
  if (connection.protocol == IPPROTO_UDP) seen.ports.protocol = Protocol::udp;
  seen.ports.first = seen.ports.last = connection.translated_port;
  const auto& destination = connection.translated_destination;
  if (const auto to = name_at(destination)) {
    seen.to = *to;
    return seen;
  }
  // The host, the range's own addresses and what is gone meanwhile are nobody outside.
  const linux::IpPrefix link_local{linux::Ipv4{0xa9fe0000}, 16}, loopback{linux::Ipv4{0x7f000000}, 8};
  for (const auto& inside : {settings.range(), settings.range6(), link_local, loopback})
    if (inside.contains(destination)) return std::nullopt;
  seen.outside = true;
  seen.to = linux::to_text(destination);
  return seen;
}

Proposals tighten(const Project& project, const std::optional<std::vector<Seen>>& seen) {
  return Tightening(project, seen).proposals();
}

std::string to_text(const Proposals& proposals) {
  std::string text;
  if (proposals.isolate) text += "x-conductor: {isolation: strict}\n";
  for (const auto& proposal : proposals.services) {
    for (const auto& peer : proposal.peers) text += proposal.service + ": peers: \"" + peer + "\"\n";
    for (const auto& narrowed : proposal.narrowed)
      text += proposal.service + ": peers: \"" + narrowed.text + "\" instead of \"" + narrowed.peer + "\"\n";
    if (proposal.internet) text += proposal.service + ": internet: true\n";
  }
  return text;
}

}  // namespace conductor::compose
