#include "network/connections.hpp"

#include "network/egress.hpp"
#include "network/graph.hpp"

#include <netinet/in.h>

#include <algorithm>

namespace conductor::network {

namespace {

bool has(const Settings& settings, const Endpoint& endpoint, const linux::IpAddress& address) {
  const auto addresses = addresses_of(settings, endpoint);
  return std::find(addresses.begin(), addresses.end(), address) != addresses.end();
}

const Endpoint* holder(const Settings& settings, const std::vector<Endpoint>& endpoints,
                       const linux::IpAddress& address) {
  const auto found =
      std::find_if(endpoints.begin(), endpoints.end(), [&](const auto& e) { return has(settings, e, address); });
  return found == endpoints.end() ? nullptr : &*found;
}

Protocol protocol_of(const linux::Connection& connection) {
  if (connection.protocol == IPPROTO_TCP) return Protocol::tcp;
  return connection.protocol == IPPROTO_UDP ? Protocol::udp : Protocol::any;
}

bool is_echo(const linux::Connection& connection) {
  return connection.protocol == IPPROTO_ICMP || connection.protocol == IPPROTO_ICMPV6;
}

bool covers(const PortRange& range, const linux::Connection& c) {
  if (range.protocol == Protocol::any && range.first == 0) return true;
  return range.protocol == protocol_of(c) && c.translated_port >= range.first && c.translated_port <= range.last;
}

bool peer_may(const Endpoint& from, const Endpoint& to, const linux::Connection& c) {
  if (is_echo(c)) return links_to(from, to);
  return may_reach(from, to, protocol_of(c), c.translated_port);
}

// Whether the address is the host's is not asked: what may be reached there and what outside are one question here.
bool may_leave(const Settings& settings, const Endpoint& endpoint, const linux::Connection& c) {
  const EndpointConfig& config = endpoint.config;
  const auto& to = c.translated_destination;
  if (settings.range().contains(to) || (settings.ipv6() && settings.range6().contains(to))) {
    // The host's own address towards endpoints lies in the IPv6 range.
    if (!settings.ipv6() || to != settings.address6_of(1)) return false;
  } else {
    if (config.internet && config.internet_to.empty()) return true;
    const auto egress = egress_ranges(config.internet_to, endpoint.resolved);
    if (std::any_of(egress.begin(), egress.end(), [&](const EgressRange& range) {
          return range.first.v6 == to.v6 && range.first <= to && to <= range.last && covers(range.ports, c);
        }))
      return true;
  }
  const auto services = merged_ports(config.host_ports);
  return std::any_of(services.begin(), services.end(), [&](const PortRange& range) { return covers(range, c); });
}

bool is_published(const Settings& settings, const Endpoint& endpoint, const linux::Connection& c) {
  const auto& all = endpoint.config.publish;
  return std::any_of(all.begin(), all.end(), [&](const Publish& p) {
    const int offset = c.destination_port - p.host_port;
    return p.scope.value_or(settings.publish_scope) != PublishScope::loopback && offset >= 0 && offset < p.count &&
           c.translated_port == p.container_port + offset &&
           (p.protocol == Protocol::any || p.protocol == protocol_of(c));
  });
}

std::vector<linux::IpPrefix> prefixes_of(const Settings& settings, const Endpoint& endpoint) {
  std::vector<linux::IpPrefix> prefixes;
  for (const auto& address : addresses_of(settings, endpoint)) prefixes.push_back({address, address.bits()});
  return prefixes;
}

}  // namespace

bool is_declared(const Settings& settings, const Endpoint& endpoint, const std::vector<Endpoint>& peers,
                 const linux::Connection& connection) {
  if (has(settings, endpoint, connection.source)) {
    const Endpoint* peer = holder(settings, peers, connection.translated_destination);
    return peer != nullptr ? peer_may(endpoint, *peer, connection) : may_leave(settings, endpoint, connection);
  }
  if (!has(settings, endpoint, connection.translated_destination)) return true;  // none of its own
  if (const Endpoint* peer = holder(settings, peers, connection.source)) return peer_may(*peer, endpoint, connection);
  if (settings.range().contains(connection.source)) return false;
  return connection.destination == connection.translated_destination || is_published(settings, endpoint, connection);
}

void forget_undeclared(const Settings& settings, const Endpoint& endpoint, const std::vector<Endpoint>& peers) {
  for (const linux::Connection& c : linux::connections(prefixes_of(settings, endpoint)))
    if (!is_declared(settings, endpoint, peers, c)) linux::forget_connections(c.source, c.translated_destination);
}

void forget_all(const Settings& settings, const Endpoint& endpoint) {
  const auto addresses = addresses_of(settings, endpoint);
  if (addresses.size() == 1) return linux::forget_connections(addresses.front());  // the kernel can select these
  linux::forget_connections(prefixes_of(settings, endpoint), [](const linux::Connection&) { return true; });
}

}  // namespace conductor::network
