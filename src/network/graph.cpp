#include "network/graph.hpp"

#include "base/error.hpp"
#include "base/units.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace conductor::network {

namespace {

constexpr int last_of_all_ports = 65535;

bool contains(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// The edges of one link, of both protocols when it names ports of any.
std::vector<Edge> edges_of(const Endpoint& from, const Link& link, const Endpoint& to) {
  Edge edge{from.address, to.address, link.protocol, 0, last_of_all_ports};
  if (link.first_port != 0) {
    edge.first_port = link.first_port;
    edge.last_port = std::max(link.first_port, link.last_port);
  }
  if (link.protocol != Protocol::any || link.first_port == 0) return {edge};
  Edge tcp = edge, udp = edge;
  tcp.protocol = Protocol::tcp;
  udp.protocol = Protocol::udp;
  return {tcp, udp};
}

// `sorted` edges, with those of one pair and protocol that touch or overlap made one.
std::vector<Edge> merged(const std::set<Edge>& sorted) {
  std::vector<Edge> result;
  for (const Edge& edge : sorted) {
    const auto pair = [](const Edge& e) { return std::tie(e.from, e.to, e.protocol); };
    if (!result.empty() && pair(result.back()) == pair(edge) && edge.first_port <= result.back().last_port + 1)
      result.back().last_port = std::max(result.back().last_port, edge.last_port);
    else
      result.push_back(edge);
  }
  return result;
}

AddressRange address_range(const std::string& cidr) {
  const auto slash = cidr.find('/');
  const auto address = linux::parse_ipv4(cidr.substr(0, slash));
  const auto length = slash == std::string::npos ? 32 : base::parse_number(cidr.substr(slash + 1), 32);
  if (!address || !length) throw base::Error("'" + cidr + "' is no IPv4 address or network such as 192.0.2.0/24");
  const linux::Ipv4 host_bits = *length == 0 ? ~0U : (1U << static_cast<unsigned>(32 - *length)) - 1;
  return {*address & ~host_bits, *address | host_bits};
}

}  // namespace

bool answers_to(const Endpoint& endpoint, const std::string& name) {
  return contains(endpoint.config.names, name) || contains(endpoint.config.groups, name);
}

bool links_to(const Endpoint& from, const Endpoint& to) {
  return from.id != to.id && std::any_of(from.config.links.begin(), from.config.links.end(),
                                         [&](const Link& link) { return answers_to(to, link.peer); });
}

bool reaches_outside(const Endpoint& endpoint) {
  return endpoint.config.internet || !endpoint.config.internet_to.empty();
}

std::vector<Edge> edges(const std::vector<Endpoint>& endpoints) {
  std::multimap<std::string, const Endpoint*> by_name;
  for (const Endpoint& endpoint : endpoints) {
    for (const auto& name : endpoint.config.names) by_name.emplace(name, &endpoint);
    for (const auto& group : endpoint.config.groups) by_name.emplace(group, &endpoint);
  }
  std::set<Edge> all;
  for (const Endpoint& from : endpoints)
    for (const Link& link : from.config.links) {
      const auto [first, last] = by_name.equal_range(link.peer);
      for (auto to = first; to != last; ++to)
        if (to->second->id != from.id)
          for (const Edge& edge : edges_of(from, link, *to->second)) all.insert(edge);
    }
  return merged(all);
}

std::set<InnerRoute> inner_routes(const std::vector<Endpoint>& endpoints) {
  std::map<linux::Ipv4, std::string> ids;
  std::set<InnerRoute> routes;
  for (const Endpoint& endpoint : endpoints) {
    ids[endpoint.address] = endpoint.id;
    if (reaches_outside(endpoint) || !endpoint.config.publish.empty()) routes.insert({endpoint.id, 0, 0});
  }
  for (const Edge& edge : edges(endpoints)) {
    routes.insert({ids[edge.from], edge.to, 32});
    routes.insert({ids[edge.to], edge.from, 32});
  }
  return routes;
}

std::vector<std::string> networks_of(const std::vector<Destination>& destinations) {
  std::vector<std::string> networks;
  for (const Destination& destination : destinations) networks.push_back(destination.to);
  return networks;
}

std::vector<AddressRange> address_ranges(const std::vector<std::string>& cidrs) {
  std::set<AddressRange> sorted;
  for (const auto& cidr : cidrs) sorted.insert(address_range(cidr));
  std::vector<AddressRange> result;
  for (const AddressRange& range : sorted) {
    if (!result.empty() && range.first <= std::uint64_t{result.back().last} + 1)
      result.back().last = std::max(result.back().last, range.last);
    else
      result.push_back(range);
  }
  return result;
}

}  // namespace conductor::network
