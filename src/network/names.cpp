#include "network/names.hpp"

#include "base/text.hpp"
#include "network/graph.hpp"

#include <algorithm>

namespace conductor::network {

namespace {

// Names in the order given, each once.
void add_name(std::vector<std::string>& names, const std::string& name) {
  if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

std::string line(const std::string& address, const std::vector<std::string>& names) {
  return names.empty() ? "" : address + "\t" + base::join(names, " ") + "\n";
}

// "project/service" → "service".
std::string short_name(const std::string& group) { return group.substr(group.rfind('/') + 1); }

// By its own name a peer is listed as soon as it exists; as one of a group only when it can answer.
bool is_listed(const Link& link, const Endpoint& peer, const std::vector<Endpoint>& all) {
  if (!peer.interface.empty()) return true;
  const auto& names = peer.config.names;
  if (std::find(names.begin(), names.end(), link.peer) != names.end()) return true;
  return std::none_of(all.begin(), all.end(),
                      [&](const Endpoint& e) { return !e.interface.empty() && answers_to(e, link.peer); });
}

std::vector<std::string> names_of_peer(const Endpoint& endpoint, const Endpoint& peer,
                                       const std::vector<Endpoint>& all) {
  std::vector<std::string> names;
  for (const Link& link : endpoint.config.links) {
    if (!answers_to(peer, link.peer) || !is_listed(link, peer, all)) continue;
    add_name(names, link.alias);
    for (const auto& name : peer.config.names) add_name(names, name);
    for (const auto& group : peer.config.groups) add_name(names, short_name(group));
  }
  return names;
}

}  // namespace

std::string hosts_text(const Endpoint& endpoint, const std::vector<Endpoint>& all) {
  std::string text =
      "127.0.0.1\tlocalhost\n"
      "::1\tlocalhost ip6-localhost ip6-loopback\n";
  text += line(linux::to_text(endpoint.address), endpoint.config.names);
  for (const Endpoint& peer : all)
    if (peer.id != endpoint.id) text += line(linux::to_text(peer.address), names_of_peer(endpoint, peer, all));
  for (const HostEntry& entry : endpoint.config.extra_hosts) text += line(entry.address, {entry.name});
  return text;
}

std::string resolver_text(const Endpoint& endpoint, const std::vector<std::string>& host_servers) {
  if (endpoint.config.dns.empty() && !reaches_outside(endpoint))
    return "# no name server: this container has no internet\n";
  const auto& servers = endpoint.config.dns.empty() ? host_servers : endpoint.config.dns;
  if (servers.empty()) return "# no name server: the host has none that a container can reach\n";
  std::string text;
  for (const auto& server : servers) text += "nameserver " + server + "\n";
  return text;
}

std::vector<std::string> parse_name_servers(std::string_view resolver_file) {
  constexpr std::string_view keyword = "nameserver";
  std::vector<std::string> servers;
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
  std::vector<std::string> reachable;
  for (const auto& server : servers)
    if (const auto address = linux::parse_ipv4(server); address && (*address >> 24U) != 127)
      reachable.push_back(server);
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
