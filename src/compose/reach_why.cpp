#include "compose/reach_why.hpp"

#include "base/text.hpp"
#include "compose/reach_ends.hpp"
#include "network/graph.hpp"

#include <algorithm>

namespace conductor::compose {
namespace {

using Kind = Reach::Kind;
using network::PortRange;
using network::Protocol;

bool meet(const PortRange& open, const PortRange& asked) {
  const bool protocol =
      open.protocol == Protocol::any || asked.protocol == Protocol::any || open.protocol == asked.protocol;
  return protocol && (open.first == 0 || (asked.first >= open.first && asked.last <= open.last));
}

std::string port_list(const std::vector<PortRange>& ranges) {
  std::vector<std::string> texts;
  for (const auto& ports : ranges) texts.push_back(ports.first == 0 ? "all ports" : ports_text(ports));
  return base::join(texts, ", ");
}

std::string in_quotes(const std::string& word) { return "\"" + word + "\""; }

// "*.example.org" stands for every name below.
bool names_it(const std::string& destination, const std::string& name) {
  if (destination == name) return true;
  if (destination.starts_with("*.")) return name.size() >= destination.size() && name.ends_with(destination.substr(1));
  const auto network = linux::parse_prefix(destination), asked = linux::parse_prefix(name);
  return network && asked && asked->length >= network->length && network->contains(asked->address);
}

class Inquiry {
 public:
  Inquiry(const Project& project, const Question& question, const std::vector<network::Endpoint>& endpoints,
          network::PublishScope scope)
      : project_(project), asked_(question.ports), endpoints_(endpoints), reach_(declared_reach(project, scope)) {
    from_ = resolve_end(project, reach_, endpoints, question.from);
    to_ = resolve_end(project, reach_, endpoints, question.to);
    if (from_.is != End::Is::service && to_.is != End::Is::service)
      throw base::Error("one of '" + question.from + "' and '" + question.to + "' has to be a service of the file");
    if (from_.is == End::Is::outside) from_.is = End::Is::world;
    if (to_.is == End::Is::world) to_ = {End::Is::outside, internet_word, nullptr};
  }

  Answer answer() {
    decide();
    answer_.summary =
        from_.name + (answer_.allowed ? " may open connections to " : " may not open connections to ") + to_.name;
    if (asked_) answer_.summary += " on " + port_list({*asked_});
    return std::move(answer_);
  }

 private:
  const Project& project_;
  const std::optional<PortRange>& asked_;
  const std::vector<network::Endpoint>& endpoints_;
  std::vector<Reach> reach_;
  End from_, to_;
  Answer answer_;

  // --- the decision -----------------------------------------------------------------------------------------------

  void decide() {
    if (from_.is == End::Is::host) return from_host();
    if (from_.is == End::Is::world) return from_world();
    if (from_.is == End::Is::other) return from_other();
    if (has_no_network(from_) || (to_.is == End::Is::service && has_no_network(to_))) return;
    if (from_.service->pattern.network == engine::NetworkMode::host) return from_host_network();
    switch (to_.is) {
      case End::Is::service:
        return between_services();
      case End::Is::other:
        return to_other();
      case End::Is::host:
        return to_host();
      case End::Is::outside:
      case End::Is::world:
        return to_outside();
    }
  }

  bool has_no_network(const End& end) {
    if (end.service->pattern.network != engine::NetworkMode::none) return false;
    deny(end.name + " has no network", place(*end.service, "network_mode"));
    return true;
  }

  void from_host() {
    if (has_no_network(to_)) return;
    allow({"this host reaches every port of its containers, at their addresses", {}, {}});
    for (const auto* published : of(Kind::published, "", to_)) permit(*published, "");
  }

  void from_host_network() {
    for (const auto* mode : of(Kind::host_network, from_.service->name, {}))
      permit(*mode, from_.name + " has the network of this host: ");
  }

  void from_world() {
    if (has_no_network(to_)) return;
    if (to_.service->pattern.network == engine::NetworkMode::host)
      return allow({to_.name + " has the network of this host, whose firewall decides",
                    place(*to_.service, "network_mode"),
                    {}});
    const auto published = of(Kind::published, "", to_);
    for (const auto* reach : published)
      if (reach->from == world_word && (!asked_ || meet(outer_ports(*reach), *asked_))) permit(*reach, "");
    if (answer_.allowed) return;
    for (const auto* reach : published)
      deny(to_.name + " publishes " + published_text(*reach) +
               (reach->from == host_word ? " for this host alone" : " and not that port"),
           reach->place);
    if (published.empty())
      deny(to_.name + " publishes no port", place(*to_.service, "ports"),
           "add 'ports: [" + in_quotes("PORT:" + (asked_ ? ports_text(*asked_) : std::string("PORT"))) + "]' to it");
  }

  // The ports of this host that lead to it; those inside while they are not chosen yet.
  static PortRange outer_ports(const Reach& published) {
    if (published.host_port == 0) return published.ports;
    const int count = published.ports.last - published.ports.first;
    return {published.ports.protocol, published.host_port, published.host_port + count};
  }

  void to_host() {
    const auto declared = of(Kind::host, from_.service->name, {});
    permit_those_that_meet(declared);
    if (answer_.allowed) return;
    std::vector<PortRange> open;
    for (const auto* reach : declared) open.push_back(reach->ports);
    if (open.empty())
      deny(from_.name + " may reach no service of this host", place(*from_.service, "host"),
           "add '" + key("host") + ": [" + (asked_ ? ports_text(*asked_) : std::string("PORT")) + "]' to it");
    else
      deny(from_.name + " may reach " + port_list(open) + " of this host only", declared.front()->place);
  }

  void to_outside() {
    const auto declared = of(Kind::internet, from_.service->name, {});
    std::vector<const Reach*> matching;
    for (const auto* reach : declared)
      if (reach->to == internet_word || names_it(reach->to, to_.name)) matching.push_back(reach);
    permit_those_that_meet(matching);
    if (answer_.allowed) return;
    for (const auto* reach : declared) {
      const std::string ports = ports_text(reach->ports);
      deny(from_.name + " may reach " + reach->to + (ports.empty() ? "" : " on " + ports), reach->place);
    }
    if (declared.empty())
      deny(from_.name + " has no internet", place(*from_.service, "internet"),
           "add '" + key("internet") + ": " + (to_.name == internet_word ? "true" : "[" + in_quotes(to_.name) + "]") +
               "' to it");
  }

  void between_services() {
    if (from_.service == to_.service && from_.service->containers.size() < 2)
      return allow({"both are in the same network namespace, where nothing is in between", {}, {}});
    if (to_.service->pattern.network == engine::NetworkMode::host) {
      deny(to_.name + " has the network of this host", place(*to_.service, "network_mode"),
           "add '" + key("host") + ": [PORT]' to " + from_.name);
      return;
    }
    std::vector<const Reach*> declared = of(Kind::network, from_.service->name, to_);
    std::ranges::copy(of(Kind::link, from_.service->name, to_), std::back_inserter(declared));
    permit_those_that_meet(declared);
    if (answer_.allowed) return;
    if (declared.empty())
      no_link();
    else
      other_ports(declared);
    for (const auto* back : of(Kind::link, to_.service->name, from_))
      answer_.reasons.push_back({"that link leads the other way; only replies pass", back->place, {}});
  }

  void other_ports(const std::vector<const Reach*>& declared) {
    std::vector<PortRange> open;
    for (const auto* reach : declared) open.push_back(reach->ports);
    deny(from_.name + "'s " + declared.front()->via + " name " + to_.name + " on " + port_list(open) + " only",
         declared.front()->place, "add " + in_quotes(wanted_peer()) + " there");
  }

  std::string wanted_peer() const {
    return (to_.service != nullptr ? to_.service->name : to_.name) + (asked_ ? ":" + ports_text(*asked_) : "");
  }

  void no_link() {
    const bool strict = project_.strict;
    if (!strict && !from_.service->pattern.endpoint.networks.empty())
      deny(from_.name + " is in " + networks_of(*from_.service) + ", " + to_.name + " is in " +
               networks_of(*to_.service) + ": they share no network",
           place(*from_.service, "networks"));
    const auto written = links_place(*from_.service);
    if (written.line != 0)
      deny(from_.name + "'s peers do not name " + to_.name, written, "add " + in_quotes(wanted_peer()) + " to them");
    else
      deny(from_.name + " has no peers", from_.service->position,
           "add '" + key("peers") + ": [" + in_quotes(wanted_peer()) + "]' to it");
    if (strict && shares_a_name_space())
      answer_.reasons.push_back({"they share a network, which opens nothing where reach is explicit", {}, {}});
  }

  bool shares_a_name_space() const {
    const auto& one = from_.service->pattern.endpoint.networks;
    const auto& other = to_.service->pattern.endpoint.networks;
    return std::ranges::any_of(one, [&](const network::Membership& membership) {
      return from_.service->places.contains("networks") &&
             std::ranges::find(other, membership.network, &network::Membership::network) != other.end();
    });
  }

  std::string networks_of(const DesiredService& service) const {
    std::vector<std::string> names;
    for (const auto& membership : service.pattern.endpoint.networks) {
      const auto known = std::ranges::find_if(
          project_.networks, [&](const DesiredNetwork& one) { return one.config.name == membership.network; });
      names.push_back(known == project_.networks.end() ? membership.network : known->key);
    }
    return names.empty() ? "no network" : base::join(names, ", ");
  }

  // In the spelling that other tools take, where the file is not ours alone.
  std::string key(const std::string& name) const {
    return (project_.file.find("conductor.y") == std::string::npos ? "x-" : "") + name;
  }

  // --- ends in other projects ---------------------------------------------------------------------------------------

  // As one of its containers would be known to the network.
  network::Endpoint as_endpoint(const DesiredService& service) const {
    network::Endpoint endpoint;
    endpoint.id = "of the file";
    endpoint.config = service.pattern.endpoint;
    if (endpoint.config.scope.empty()) endpoint.config.scope = project_.name;
    for (const auto& container : service.containers) endpoint.config.names.push_back(container.name);
    return endpoint;
  }

  std::vector<const network::Endpoint*> others(const std::string& name) const {
    std::vector<const network::Endpoint*> found;
    for (const auto& endpoint : endpoints_)
      if (network::answers_to(endpoint, name)) found.push_back(&endpoint);
    return found;
  }

  bool open_between(const network::Endpoint& from, const network::Endpoint& to) const {
    return std::ranges::any_of(network::open_ports(from, to),
                               [&](const PortRange& open) { return !asked_ || meet(open, *asked_); });
  }

  void to_other() {
    const auto own = as_endpoint(*from_.service);
    const auto declared = of(Kind::link, from_.service->name, to_);
    const auto there = others(to_.name);
    for (const auto* other : there)
      if (open_between(own, *other)) {
        for (const auto* reach : declared) permit(*reach, "");
        return allow({to_.name + " lets it in", {}, {}});
      }
    if (declared.empty()) return deny_unlinked();
    const bool met = std::ranges::any_of(declared, [&](const Reach* r) { return !asked_ || meet(r->ports, *asked_); });
    if (!met) return other_ports(declared);
    if (there.empty())
      return deny("no container of this machine is " + to_.name, declared.front()->place,
                  "it has to list " + in_quotes(own.config.groups.front()) + " in its allow_peers, too");
    if (!network::admits(*there.front(), own))
      return deny("the other side must list it in allow_peers", declared.front()->place,
                  "add 'allow_peers: [" + in_quotes(own.config.groups.front()) + "]' to " + to_.name);
    deny(to_.name + " exposes other ports: " + port_list(network::open_ports(own, *there.front())),
         declared.front()->place);
  }

  void deny_unlinked() {
    const auto written = links_place(*from_.service);
    if (written.line != 0)
      deny(from_.name + "'s peers do not name " + to_.name, written, "add " + in_quotes(wanted_peer()) + " to them");
    else
      deny(from_.name + " has no peers", from_.service->position,
           "add '" + key("peers") + ": [" + in_quotes(wanted_peer()) + "]' to it");
  }

  void from_other() {
    if (has_no_network(to_)) return;
    const auto own = as_endpoint(*to_.service);
    const auto there = others(from_.name);
    const auto lets_in = allowed_by(there);
    for (const auto* other : there)
      if (open_between(*other, own)) {
        for (const auto* reach : lets_in) permit(*reach, "");
        return allow({from_.name + " links to it", {}, {}});
      }
    if (lets_in.empty())
      deny(to_.name + " does not let it in", to_.service->position,
           "add '" + key("allow_peers") + ": [" + in_quotes(from_.name) + "]' to it");
    if (there.empty())
      deny("no container of this machine is " + from_.name, {}, {});
    else if (!lets_in.empty())
      deny(from_.name + " has no link to " + own.config.groups.front() + (asked_ ? " on " + ports_text(*asked_) : ""),
           lets_in.front()->place);
  }

  std::vector<const Reach*> allowed_by(const std::vector<const network::Endpoint*>& there) const {
    std::vector<const Reach*> found;
    for (const auto& reach : reach_) {
      if (reach.kind != Kind::allowed || reach.to != to_.service->name) continue;
      const std::string& pattern = reach.from;
      const bool all_of_project =
          pattern.ends_with("/*") && from_.name.starts_with(pattern.substr(0, pattern.size() - 1));
      const bool named =
          std::ranges::any_of(there, [&](const auto* one) { return network::answers_to(*one, pattern); });
      if (pattern == "*" || pattern == from_.name || all_of_project || named) found.push_back(&reach);
    }
    return found;
  }

  // --- putting the answer together ----------------------------------------------------------------------------------

  // Of that kind, from that service ("": any), to the end where one is given.
  std::vector<const Reach*> of(Kind kind, const std::string& from, const std::optional<End>& to) const {
    std::vector<const Reach*> found;
    for (const auto& reach : reach_) {
      if (reach.kind != kind || (!from.empty() && reach.from != from)) continue;
      if (to && reach.to != (to->service != nullptr ? to->service->name : to->name)) continue;
      found.push_back(&reach);
    }
    return found;
  }

  void permit_those_that_meet(const std::vector<const Reach*>& declared) {
    for (const auto* reach : declared)
      if (!asked_ || meet(reach->ports, *asked_)) permit(*reach, "");
  }

  void permit(const Reach& reach, const std::string& lead) {
    std::string text = reach.via;
    if (!reach.network.empty()) text += " " + reach.network;
    if (reach.place.line == 0 && !reach.network.empty()) text += ", which every service is in that names no other";
    const std::string ports = reach.kind == Kind::published ? published_text(reach) : ports_text(reach.ports);
    if (!ports.empty()) text += ": " + ports;
    answer_.because.push_back(reach);
    allow({lead + text, reach.place, {}});
  }

  void allow(Reason reason) {
    answer_.allowed = true;
    answer_.reasons.push_back(std::move(reason));
  }

  void deny(std::string text, const base::Position& at, std::string hint = {}) {
    answer_.reasons.push_back({std::move(text), at, std::move(hint)});
  }

  // Of a key of the service in either spelling, else of the service.
  static base::Position place(const DesiredService& service, const std::string& key) {
    for (const auto& name : {key, "x-" + key})
      if (const auto found = service.places.find(name); found != service.places.end()) return found->second;
    return service.position;
  }

  static base::Position links_place(const DesiredService& service) {
    for (const auto* name : {"peers", "x-peers", "links"})
      if (const auto found = service.places.find(name); found != service.places.end()) return found->second;
    return {};
  }
};

}  // namespace

Answer why(const Project& project, const Question& question, const std::vector<network::Endpoint>& endpoints,
           network::PublishScope scope) {
  return Inquiry(project, question, endpoints, scope).answer();
}

}  // namespace conductor::compose
