#include "network_graph_oracle.hpp"

#include "linux/ip_address.hpp"

#include <algorithm>
#include <random>

namespace test {

namespace {

using net::EndpointConfig;
using net::Protocol;
using Kind = Probe::Kind;
using Graph = std::map<std::string, EndpointConfig>;

// --- the graph

// The same on every machine, which std::uniform_int_distribution is not.
class Dice {
 public:
  explicit Dice(std::uint32_t seed) : engine_(seed) {}
  std::size_t below(std::size_t n) { return engine_() % n; }
  bool chance(std::size_t percent) { return below(100) < percent; }
  template <class T>
  const T& one_of(const std::vector<T>& list) {
    return list[below(list.size())];
  }

 private:
  std::mt19937 engine_;
};

struct Place {
  const char* id;
  const char* scope;
  const char* group;  // service, with replicas
};
constexpr Place places[] = {
    {"e0", "shop", "shop/web"},
    {"e1", "shop", "shop/web"},
    {"e2", "shop", "shop/db"},
    {"e3", "shop", "shop/queue"},
    {"e4", "blog", "blog/web"},
    {"e5", "blog", "blog/work"},
    {"e6", "blog", "blog/work"},
    {"e7", "blog", "blog/db"},
    {"e8", "", ""},
    {"e9", "", ""},
};

std::vector<std::string> peer_names() {
  return {"shop/web", "shop/db", "shop/queue", "blog/web", "blog/work", "blog/db", "e0", "e5", "e8", "e9"};
}

net::Link random_link(Dice& dice) {
  net::Link link;
  link.peer = dice.one_of(peer_names());
  link.protocol = dice.one_of<Protocol>({Protocol::any, Protocol::tcp, Protocol::udp});
  switch (dice.below(4)) {
    case 0:
      break;  // all ports, or those exposed
    case 1:
      link.first_port = 9000;
      link.last_port = dice.chance(50) ? 9001 : 9100;
      break;
    default:
      link.first_port = dice.one_of(container_ports());
  }
  return link;
}

net::PortRange range(Protocol protocol, int first, int last) {
  net::PortRange result;
  result.protocol = protocol;
  result.first = first;
  result.last = last;
  return result;
}

net::Destination destination(const std::string& to, net::PortRange ports = {}) {
  net::Destination result;
  result.to = to;
  result.ports = ports;
  return result;
}

void choose_egress(Dice& dice, EndpointConfig& config) {
  switch (dice.below(6)) {
    case 0:
    case 1:
      config.internet = true;
      break;
    case 2:
      config.internet_to = {destination("198.51.100.0/28", range(Protocol::tcp, 80, 80))};
      break;
    case 3:
      config.internet_to = {destination("192.0.2.0/24"), destination(neighbour_address6)};
      break;
    case 4:
      config.internet_to = {destination(neighbour_address, range(Protocol::any, 400, 499)),
                            destination("2001:db8::/32", range(Protocol::udp, 80, 80))};
      break;
    default:
      break;
  }
}

void choose_ports(Dice& dice, EndpointConfig& config, int number) {
  if (dice.chance(30)) config.host_ports.push_back(range(Protocol::tcp, 5432, 5432));
  if (dice.chance(20)) config.host_ports.push_back(range(Protocol::any, 5353, 5354));
  if (!dice.chance(70)) return;
  net::Publish publish;
  publish.host_port = 3000 + number;
  publish.container_port = 8080;
  publish.protocol = dice.chance(30) ? Protocol::udp : Protocol::tcp;
  if (dice.chance(25))
    publish.host_ip = host_on_uplink;
  else if (dice.chance(60))
    publish.scope =
        dice.one_of<net::PublishScope>({net::PublishScope::all, net::PublishScope::host, net::PublishScope::loopback});
  config.publish.push_back(publish);
}

// --- the oracle: one function for a sentence

bool has(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool covers(Protocol asked, int first, int last, Kind kind, int port) {
  if (asked == Protocol::tcp && kind != Kind::tcp) return false;
  if (asked == Protocol::udp && kind != Kind::udp) return false;
  return first == 0 || (port >= first && port <= std::max(first, last));
}

// "Links between different scopes need the target's allow_peers to match; the same scope needs none."
bool permits(const EndpointConfig& target, const EndpointConfig& from) {
  if (target.scope == from.scope) return true;
  return std::any_of(target.allow_peers.begin(), target.allow_peers.end(), [&](const std::string& pattern) {
    return pattern == "*" || has(from.groups, pattern) || has(from.names, pattern) ||
           (!from.scope.empty() && pattern == from.scope + "/*");
  });
}

// "A link without ports opens the ports its target exposes, or all where it exposes none."
bool opens(const net::Link& link, const EndpointConfig& target, Kind kind, int port) {
  if (!covers(link.protocol, link.first_port, link.last_port, kind, port)) return false;
  if (link.first_port != 0 || target.expose.empty()) return true;
  return std::any_of(target.expose.begin(), target.expose.end(),
                     [&](const net::PortRange& e) { return covers(e.protocol, e.first, e.last, kind, port); });
}

// "Members of one network reach each other on all ports, where both have reach."
bool share_network(const EndpointConfig& a, const EndpointConfig& b) {
  for (const auto& one : a.networks)
    for (const auto& other : b.networks)
      if (one.network == other.network && one.reach && other.reach) return true;
  return false;
}

// Some port of some protocol is open: then an echo request passes, too.
bool linked(const net::Link& link, const EndpointConfig& target) {
  if (link.first_port != 0 || target.expose.empty() || link.protocol == Protocol::any) return true;
  return std::any_of(target.expose.begin(), target.expose.end(), [&](const net::PortRange& e) {
    return e.protocol == Protocol::any || e.protocol == link.protocol;
  });
}

bool may_reach(const EndpointConfig& from, const EndpointConfig& to, Kind kind, int port) {
  if (share_network(from, to)) return true;
  return std::any_of(from.links.begin(), from.links.end(), [&](const net::Link& link) {
    if (!has(to.names, link.peer) && !has(to.groups, link.peer)) return false;
    return permits(to, from) && (kind == Kind::icmp ? linked(link, to) : opens(link, to, kind, port));
  });
}

// "`internet` alone: everywhere; with a list: only what the list names, on its ports."
Verdict outside(const EndpointConfig& from, const std::string& address, Kind kind, int port) {
  if (from.internet_to.empty()) return from.internet ? Verdict::open : Verdict::closed;
  const auto target = *conductor::linux::parse_ip(address);
  Verdict verdict = Verdict::closed;
  for (const auto& d : from.internet_to) {
    if (!conductor::linux::parse_prefix(d.to)->contains(target)) continue;
    if (kind == Kind::icmp && d.ports != net::PortRange{})
      verdict =
          verdict == Verdict::open ? verdict : Verdict::either;  // a list with ports says nothing of echo requests
    else if (kind == Kind::icmp || covers(d.ports.protocol, d.ports.first, d.ports.last, kind, port))
      return Verdict::open;
  }
  return verdict;
}

// "A default route only with `internet` or a port that is published beyond loopback."
bool has_default_route(const EndpointConfig& config) {
  return config.internet || !config.internet_to.empty() ||
         std::any_of(config.publish.begin(), config.publish.end(), [](const net::Publish& publish) {
           return publish.scope.value_or(net::PublishScope::all) != net::PublishScope::loopback;
         });
}

bool host_service(const EndpointConfig& from, Kind kind, int port) {
  return kind != Kind::icmp &&
         std::any_of(from.host_ports.begin(), from.host_ports.end(),
                     [&](const net::PortRange& r) { return covers(r.protocol, r.first, r.last, kind, port); });
}

std::string to_text(Kind kind) { return kind == Kind::tcp ? "tcp" : kind == Kind::udp ? "udp" : "icmp"; }

class Collection {
 public:
  explicit Collection(std::vector<Expectation>& all) : all_(all) {}
  void add(const std::string& from, const Fd& space, const std::string& to, const std::string& address, Kind kind,
           int port, Verdict verdict, bool at_once) {
    Expectation e;
    e.probe.from = &space;
    e.probe.to = address;
    e.probe.port = port;
    e.probe.kind = kind;
    e.probe.wanted = verdict == Verdict::open;
    e.verdict = verdict;
    e.at_once = at_once && kind == Kind::tcp;
    e.text = from + " -> " + to + " (" + address + ") " + to_text(kind) + " " + std::to_string(port);
    all_.push_back(e);
  }
  // TCP and UDP to each port, and an echo request; `judge` says what comes of one.
  template <class Judge>
  void add_all(const std::string& from, const Fd& space, const std::string& to, const std::string& address,
               const std::vector<int>& ports, bool at_once, const Judge& judge) {
    for (const int port : ports)
      for (const Kind kind : {Kind::tcp, Kind::udp})
        add(from, space, to, address, kind, port, judge(kind, port), at_once);
    add(from, space, to, address, Kind::icmp, 0, judge(Kind::icmp, 0), false);
  }

 private:
  std::vector<Expectation>& all_;
};

Verdict verdict(bool open) { return open ? Verdict::open : Verdict::closed; }

std::vector<std::string> addresses_of(const Rig& rig, const std::string& id) {
  std::vector<std::string> list{rig.address(id)};
  if (rig.ipv6()) list.push_back(rig.address6(id));
  return list;
}

void add_between_containers(const Rig& rig, const Graph& graph, Collection& all) {
  for (const auto& [from, config] : graph)
    for (const auto& [to, target] : graph)
      if (from != to)
        for (const auto& address : addresses_of(rig, to))
          all.add_all(
              from, rig.space(from), to, address, container_ports(), true,
              [&, f = &config, t = &target](Kind kind, int port) { return verdict(may_reach(*f, *t, kind, port)); });
}

void add_from_container_outwards(const Rig& rig, const Graph& graph, Collection& all) {
  std::vector<std::string> own{host_to_endpoints}, uplink{host_on_uplink}, neighbour{neighbour_address};
  if (rig.ipv6())
    own.push_back(rig.host6()), uplink.emplace_back(host_on_uplink6), neighbour.emplace_back(neighbour_address6);
  for (const auto& [from, config] : graph) {
    const auto& space = rig.space(from);
    for (const auto& address : own)
      all.add_all(from, space, "host", address, host_ports(), true,
                  [&, c = &config](Kind kind, int port) { return verdict(host_service(*c, kind, port)); });
    // The host's other addresses are seen only along a default route.
    for (const auto& address : uplink)
      all.add_all(from, space, "host's uplink", address, host_ports(), true, [&, c = &config](Kind kind, int port) {
        if (!host_service(*c, kind, port)) return Verdict::closed;
        return has_default_route(*c) ? Verdict::open : Verdict::either;
      });
    for (const auto& address : neighbour)
      all.add_all(from, space, "neighbour", address, neighbour_ports(), true,
                  [&, c = &config](Kind kind, int port) { return outside(*c, address, kind, port); });
  }
}

void add_to_containers(const Rig& rig, const Graph& graph, Collection& all) {
  for (const auto& [to, config] : graph)
    for (const auto& address : addresses_of(rig, to)) {
      all.add_all("host", rig.host(), to, address, {80, 9000}, false, [](Kind, int) { return Verdict::open; });
      all.add_all("neighbour", rig.neighbour(), to, address, {80, 8080}, false,
                  [](Kind, int) { return Verdict::closed; });
    }
}

// Published ports of the host's own addresses. Those on loopback are sockets of the monitor, not of this table.
void add_published(const Rig& rig, const Graph& graph, Collection& all) {
  for (const auto& [id, config] : graph)
    for (const auto& p : config.publish) {
      const Kind kind = p.protocol == Protocol::udp ? Kind::udp : Kind::tcp;
      const auto scope = p.scope.value_or(net::PublishScope::all);
      std::vector<std::string> addresses{host_on_uplink};
      if (rig.ipv6()) addresses.emplace_back(host_on_uplink6);
      for (const auto& address : addresses) {
        const bool here = p.host_ip.empty() || p.host_ip == address;
        const auto to = "published by " + id;
        all.add("neighbour", rig.neighbour(), to, address, kind, p.host_port,
                verdict(here && scope == net::PublishScope::all), false);
        all.add("host", rig.host(), to, address, kind, p.host_port,
                verdict(here && scope != net::PublishScope::loopback), false);
        for (const auto& [from, other] : graph)
          all.add(from, rig.space(from), to, address, kind, p.host_port, Verdict::closed, true);
      }
    }
}

}  // namespace

std::vector<int> container_ports() { return {80, 8080, 9000, 9001}; }
std::vector<int> host_ports() { return {22, 5353, 5432}; }
std::vector<int> neighbour_ports() { return {80, 443}; }
std::vector<std::string> networks_of_graph() { return {"front", "back"}; }

Graph random_graph(std::uint32_t seed) {
  Dice dice(seed);
  Graph graph;
  int number = 0;
  for (const Place& place : places) {
    EndpointConfig config;
    config.names = {place.id};
    config.scope = place.scope;
    if (*place.group != 0) config.groups = {place.group};
    for (std::size_t i = dice.below(4); i > 0; --i) config.links.push_back(random_link(dice));
    if (dice.chance(50))
      config.allow_peers.push_back(dice.one_of<std::string>({"*", "shop/*", "blog/*", "shop/web", "blog/work", "e8"}));
    if (dice.chance(40))
      config.expose.push_back(dice.chance(50) ? range(Protocol::tcp, 80, 80) : range(Protocol::any, 9000, 9001));
    for (const auto& network : networks_of_graph())
      if (dice.chance(20)) {
        net::Membership membership;
        membership.network = network;
        membership.aliases = {"alias-" + network};
        membership.reach = dice.chance(80);
        config.networks.push_back(membership);
      }
    choose_egress(dice, config);
    choose_ports(dice, config, number++);
    graph.emplace(place.id, std::move(config));
  }
  return graph;
}

std::vector<Expectation> expectations(const Rig& rig, const Graph& graph) {
  std::vector<Expectation> all;
  Collection collection(all);
  add_between_containers(rig, graph, collection);
  add_from_container_outwards(rig, graph, collection);
  add_to_containers(rig, graph, collection);
  add_published(rig, graph, collection);
  return all;
}

}  // namespace test
