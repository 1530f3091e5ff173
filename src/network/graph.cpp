#include "network/graph.hpp"

#include "network/egress.hpp"
#include "network/firewall_elements.hpp"

#include <algorithm>
#include <map>

namespace conductor::network {

namespace {

bool contains(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// A word of allow_peers: "*", "project/*", or a name or group of the other.
bool stands_for(const std::string& word, const Endpoint& endpoint) {
  if (word == "*" || answers_to(endpoint, word)) return true;
  const std::string& scope = endpoint.config.scope;
  return !scope.empty() && word == scope + "/*";
}

bool counts(const Link& link, const Endpoint& from, const Endpoint& to) {
  return answers_to(to, link.peer) && admits(to, from);
}

// What one link opens there.
std::vector<PortRange> ports_of(const Link& link, const Endpoint& to) {
  if (link.first_port != 0) return {{link.protocol, link.first_port, std::max(link.first_port, link.last_port)}};
  if (to.config.expose.empty()) return {{link.protocol, 0, 0}};
  std::vector<PortRange> ports;
  for (PortRange range : to.config.expose) {
    if (link.protocol != Protocol::any && range.protocol != Protocol::any && range.protocol != link.protocol) continue;
    if (range.protocol == Protocol::any) range.protocol = link.protocol;
    ports.push_back(range);
  }
  return ports;
}

// Who connects to a published port has an address of its own, unless it comes through the listeners on loopback.
bool needs_default_route(const Settings& settings, const Endpoint& endpoint) {
  const auto& publish = endpoint.config.publish;
  return reaches_outside(endpoint) || std::any_of(publish.begin(), publish.end(), [&](const Publish& p) {
           return !is_loopback(p) && p.scope.value_or(settings.publish_scope) != PublishScope::loopback;
         });
}

// Which of a list of endpoints a name, a group or a network leads to.
class Directory {
 public:
  explicit Directory(const std::vector<Endpoint>& endpoints) {
    for (std::size_t place = 0; place < endpoints.size(); ++place) {
      for (const auto& name : endpoints[place].config.names) by_name_.emplace(name, place);
      for (const auto& group : endpoints[place].config.groups) by_name_.emplace(group, place);
      for (const auto& membership : endpoints[place].config.networks)
        if (membership.reach) by_network_.emplace(membership.network, place);
    }
  }
  // Whom it might reach.
  std::set<std::size_t> candidates(const Endpoint& from) const {
    std::set<std::size_t> places;
    const auto note = [&](const auto& map, const std::string& word) {
      const auto [first, last] = map.equal_range(word);
      for (auto found = first; found != last; ++found) places.insert(found->second);
    };
    for (const Link& link : from.config.links) note(by_name_, link.peer);
    for (const auto& membership : from.config.networks)
      if (membership.reach) note(by_network_, membership.network);
    return places;
  }

 private:
  std::multimap<std::string, std::size_t> by_name_, by_network_;
};

}  // namespace

bool answers_to(const Endpoint& endpoint, const std::string& name) {
  return contains(endpoint.config.names, name) || contains(endpoint.config.groups, name);
}

bool admits(const Endpoint& to, const Endpoint& from) {
  const auto& allowed = to.config.allow_peers;
  return to.config.scope == from.config.scope ||
         std::any_of(allowed.begin(), allowed.end(), [&](const auto& word) { return stands_for(word, from); });
}

bool share_network(const Endpoint& one, const Endpoint& other) {
  const auto& theirs = other.config.networks;
  return std::any_of(one.config.networks.begin(), one.config.networks.end(), [&](const Membership& m) {
    return m.reach && std::any_of(theirs.begin(), theirs.end(),
                                  [&](const Membership& t) { return t.reach && t.network == m.network; });
  });
}

bool links_to(const Endpoint& from, const Endpoint& to) {
  if (from.id == to.id) return false;
  return share_network(from, to) || std::any_of(from.config.links.begin(), from.config.links.end(),
                                                [&](const Link& link) { return counts(link, from, to); });
}

bool reaches_outside(const Endpoint& endpoint) {
  return endpoint.config.internet || !endpoint.config.internet_to.empty();
}

std::vector<PortRange> open_ports(const Endpoint& from, const Endpoint& to) {
  if (from.id == to.id) return {};
  constexpr PortRange everything{};
  if (share_network(from, to)) return {everything};
  std::vector<PortRange> all;
  for (const Link& link : from.config.links)
    if (counts(link, from, to))
      for (const PortRange& range : ports_of(link, to)) all.push_back(range);
  if (std::find_if(all.begin(), all.end(), [](const PortRange& range) {
        return range.protocol == Protocol::any && range.first == 0;
      }) != all.end())
    return {everything};
  return merged_ports(all);
}

bool may_reach(const Endpoint& from, const Endpoint& to, Protocol protocol, int port) {
  const auto ports = open_ports(from, to);
  return std::any_of(ports.begin(), ports.end(), [&](const PortRange& range) {
    return range.protocol == Protocol::any || (range.protocol == protocol && port >= range.first && port <= range.last);
  });
}

std::vector<NamedEdge> edges(const std::vector<Endpoint>& endpoints) {
  const Directory directory(endpoints);
  std::vector<NamedEdge> result;
  for (const Endpoint& from : endpoints)
    for (const std::size_t place : directory.candidates(from))
      for (const PortRange& ports : open_ports(from, endpoints[place]))
        result.push_back({&from, &endpoints[place], ports});
  return result;
}

std::vector<linux::IpAddress> addresses_of(const Settings& settings, const Endpoint& endpoint) {
  std::vector<linux::IpAddress> addresses{endpoint.address};
  if (settings.ipv6()) addresses.push_back(settings.address6_of(endpoint.address));
  for (const auto& text : endpoint.addresses)
    if (const auto address = linux::parse_ip(text); address && (settings.ipv6() || !address->v6))
      addresses.push_back(*address);
  return addresses;
}

std::set<InnerRoute> inner_routes(const Settings& settings, const std::vector<Endpoint>& endpoints) {
  std::set<InnerRoute> routes;
  for (const Endpoint& endpoint : endpoints) {
    if (!needs_default_route(settings, endpoint)) continue;
    linux::IpAddress any6;
    any6.v6 = true;
    routes.insert({endpoint.id, linux::IpAddress(), 0});
    if (settings.ipv6()) routes.insert({endpoint.id, any6, 0});
  }
  const auto lead = [&](const Endpoint& inside, const Endpoint& peer) {
    for (const auto& address : addresses_of(settings, peer)) routes.insert({inside.id, address, address.bits()});
  };
  for (const NamedEdge& edge : edges(endpoints)) {
    lead(*edge.from, *edge.to);
    lead(*edge.to, *edge.from);
  }
  return routes;
}

std::vector<Endpoint> with(std::vector<Endpoint> endpoints, const Endpoint& endpoint) {
  endpoints.push_back(endpoint);
  return endpoints;
}

}  // namespace conductor::network
