#include "network/names.hpp"

#include "base/text.hpp"
#include "network/attachment.hpp"
#include "network/egress.hpp"
#include "network/graph.hpp"

#include <algorithm>
#include <map>

namespace conductor::network {

namespace {

using Names = std::vector<std::string>;

bool contains(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Names in the order given, each once.
void add_name(Names& names, const std::string& name) {
  if (!name.empty() && !contains(names, name)) names.push_back(name);
}

std::string line(const std::string& address, const Names& names) {
  return names.empty() ? "" : address + "\t" + base::join(names, " ") + "\n";
}

std::string lines(const Settings& settings, const Endpoint& endpoint, const Names& names) {
  std::string text = line(linux::to_text(endpoint.address), names);
  if (settings.ipv6()) text += line(linux::to_text(settings.address6_of(endpoint.address)), names);
  return text;
}

// "project/service" → "service".
std::string short_name(const std::string& group) { return group.substr(group.rfind('/') + 1); }

// A name that leads to a peer, and whether others may share it.
struct Name {
  std::string text;
  bool shared = false;
};

// Aliases of links, own names, groups, aliases in networks of both: in this order.
std::vector<Name> names_of_peer(const Endpoint& endpoint, const Endpoint& peer) {
  std::vector<Name> names;
  for (const Link& link : endpoint.config.links)
    if (answers_to(peer, link.peer)) names.push_back({link.alias, !contains(peer.config.names, link.peer)});
  for (const auto& name : peer.config.names) names.push_back({name, false});
  for (const auto& group : peer.config.groups) names.push_back({short_name(group), true});
  for (const Membership& theirs : peer.config.networks)
    for (const Membership& ours : endpoint.config.networks)
      if (ours.network == theirs.network)
        for (const auto& alias : theirs.aliases) names.push_back({alias, true});
  return names;
}

// Whom a link names by a group alone is one of many: it is not known by its own name either while it cannot answer and
// another can.
bool is_one_of_many(const Endpoint& endpoint, const Endpoint& peer) {
  const auto names_it = [&](const Link& link) { return contains(peer.config.names, link.peer); };
  return !share_network(endpoint, peer) &&
         std::none_of(endpoint.config.links.begin(), endpoint.config.links.end(), names_it);
}

// What others may know it by, whichever network they are in.
Names own_names(const Endpoint& endpoint) {
  Names names;
  for (const auto& name : endpoint.config.names) add_name(names, name);
  for (const auto& group : endpoint.config.groups) add_name(names, short_name(group));
  for (const Membership& membership : endpoint.config.networks)
    for (const auto& alias : membership.aliases) add_name(names, alias);
  return names;
}

struct Peer {
  const Endpoint* endpoint = nullptr;
  std::vector<Name> names;
};

std::vector<Peer> peers_of(const Endpoint& endpoint, const std::vector<Endpoint>& others) {
  std::vector<Peer> peers;
  for (const Endpoint& other : others)
    if (other.id != endpoint.id && links_to(endpoint, other)) peers.push_back({&other, names_of_peer(endpoint, other)});
  std::sort(peers.begin(), peers.end(),
            [](const Peer& a, const Peer& b) { return a.endpoint->address < b.endpoint->address; });
  return peers;
}

// Those of its names that lead to it now. `answered` are the shared names that lead to an attached one.
Names listed(const Endpoint& endpoint, const Peer& peer, const std::map<std::string, bool>& answered) {
  const bool attached = !peer.endpoint->interface.empty();
  const auto is_answered = [&](const Name& name) { return name.shared && answered.contains(name.text); };
  const bool hidden = !attached && is_one_of_many(endpoint, *peer.endpoint) &&
                      std::any_of(peer.names.begin(), peer.names.end(), is_answered);
  Names names;
  for (const Name& name : peer.names)
    if (attached || (!hidden && !is_answered(name))) add_name(names, name.text);
  return names;
}

std::string peers_text(const Settings& settings, const Endpoint& endpoint, const std::vector<Endpoint>& others) {
  const auto peers = peers_of(endpoint, others);
  std::map<std::string, bool> answered;
  for (const Peer& peer : peers)
    for (const Name& name : peer.names)
      if (name.shared && !name.text.empty() && !peer.endpoint->interface.empty()) answered[name.text] = true;
  std::string text;
  for (const Peer& peer : peers) text += lines(settings, *peer.endpoint, listed(endpoint, peer, answered));
  return text;
}

bool is_reachable(const linux::IpAddress& address) {
  static const auto loopback = *linux::parse_prefix("127.0.0.0/8"), loopback6 = *linux::parse_prefix("::1"),
                    link_local6 = *linux::parse_prefix("fe80::/10");
  return !loopback.contains(address) && !loopback6.contains(address) && !link_local6.contains(address);
}

// A container without IPv6 would wait for an IPv6 server in vain.
Names usable_servers(const Settings& settings, const Endpoint& endpoint, const Names& host_servers) {
  if (!endpoint.config.dns.empty()) return endpoint.config.dns;
  Names servers;
  for (const auto& server : host_servers)
    if (const auto address = linux::parse_ip(server); address && (!address->v6 || settings.ipv6()))
      servers.push_back(server);
  return servers;
}

std::string name_servers_text(const Settings& settings, const Endpoint& endpoint, const Names& host_servers) {
  if (!named_destinations(endpoint.config).empty()) return std::string("nameserver ") + own_resolver + "\n";
  if (endpoint.config.dns.empty() && !reaches_outside(endpoint))
    return "# no name server: this container has no internet\n";
  const auto servers = usable_servers(settings, endpoint, host_servers);
  if (servers.empty()) return "# no name server: the host has none that a container can reach\n";
  std::string text;
  for (const auto& server : servers) text += "nameserver " + server + "\n";
  return text;
}

}  // namespace

std::string hosts_text(const Settings& settings, const Endpoint& endpoint, const std::vector<Endpoint>& others) {
  std::string text = "127.0.0.1\tlocalhost\n";
  if (settings.ipv6()) text += "::1\tlocalhost ip6-localhost ip6-loopback\n";
  text += lines(settings, endpoint, own_names(endpoint));
  text += peers_text(settings, endpoint, others);
  for (const HostEntry& entry : endpoint.config.extra_hosts)
    text += line(entry.address == host_gateway ? linux::to_text(host_address) : entry.address, {entry.name});
  return text;
}

std::vector<std::string> named_destinations(const EndpointConfig& config) {
  Names names;
  for (const Destination& destination : config.internet_to)
    if (is_host_name(destination.to)) add_name(names, destination.to);
  return names;
}

std::string resolver_text(const Settings& settings, const Endpoint& endpoint, const Names& host_servers) {
  std::string text = name_servers_text(settings, endpoint, host_servers);
  const auto& config = endpoint.config;
  if (!config.dns_search.empty()) text += "search " + base::join(config.dns_search, " ") + "\n";
  if (!config.dns_options.empty()) text += "options " + base::join(config.dns_options, " ") + "\n";
  return text;
}

std::vector<std::string> parse_name_servers(std::string_view resolver_file) {
  constexpr std::string_view keyword = "nameserver";
  Names servers;
  for (const std::string& raw : base::split(resolver_file, '\n')) {
    const std::string_view text = base::trim(raw);
    if (!text.starts_with(keyword) || text.size() == keyword.size()) continue;
    const std::string_view rest = text.substr(keyword.size());
    if (rest.front() != ' ' && rest.front() != '\t') continue;
    const std::string_view value = base::trim(rest);
    add_name(servers, std::string(value.substr(0, value.find_first_of(" \t#;"))));
  }
  return servers;
}

std::vector<std::string> reachable_servers(const std::vector<std::string>& servers) {
  Names reachable;
  for (const auto& server : servers)
    if (const auto address = linux::parse_ip(server); address && is_reachable(*address)) reachable.push_back(server);
  return reachable;
}

std::vector<std::string> host_name_servers() {
  for (const char* file : {"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"}) {
    const auto text = linux::try_read_file(file);
    if (!text) continue;
    auto servers = reachable_servers(parse_name_servers(*text));
    if (!servers.empty()) return servers;
  }
  return {};
}

}  // namespace conductor::network
