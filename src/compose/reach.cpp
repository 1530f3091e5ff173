#include "compose/reach.hpp"

#include "compose/service_config.hpp"

#include <algorithm>

namespace conductor::compose {
namespace {

using Kind = Reach::Kind;

std::string protocol_suffix(network::Protocol protocol) {
  return protocol == network::Protocol::any ? "" : "/" + std::string(base::enum_name(protocol));
}

std::string range_text(int first, int last) {
  return last <= first ? std::to_string(first) : std::to_string(first) + "-" + std::to_string(last);
}

// What one service declares.
class Declared {
 public:
  Declared(const Project& project, const parser::Service& written, const DesiredService& service,
           network::PublishScope scope)
      : project_(project), written_(written), service_(service), scope_(scope) {}

  std::vector<Reach> all() {
    switch (service_.pattern.network) {
      case engine::NetworkMode::none:
        return {};
      case engine::NetworkMode::host:
        add(Kind::host_network, host_word, "network_mode");
        break;
      case engine::NetworkMode::container:
        add(Kind::joined, joined(), "network_mode");
        break;
      case engine::NetworkMode::links:
        add_endpoint();
        break;
    }
    return std::move(result_);
  }

 private:
  const Project& project_;
  const parser::Service& written_;
  const DesiredService& service_;
  network::PublishScope scope_;
  std::vector<Reach> result_;

  const network::EndpointConfig& endpoint() const { return service_.pattern.endpoint; }

  void add_endpoint() {
    for (const auto& link : endpoint().links) add_link(link);
    for (const auto& membership : endpoint().networks)
      if (membership.reach) add_network(membership);
    add_internet();
    for (const auto& ports : endpoint().host_ports) add(Kind::host, host_word, "host").ports = ports;
    for (std::size_t i = 0; i < endpoint().publish.size(); ++i) add_published(i);
    for (const auto& pattern : endpoint().allow_peers) add_allowed(pattern);
  }

  // From this service; with the place of the key, in either of its spellings.
  Reach& add(Kind kind, std::string to, const std::string& key) {
    Reach reach;
    reach.kind = kind;
    reach.from = service_.name;
    reach.to = std::move(to);
    reach.via = written_.places.contains("x-" + key) ? "x-" + key : key;
    if (const auto place = written_.places.find(reach.via); place != written_.places.end()) reach.place = place->second;
    return result_.emplace_back(std::move(reach));
  }

  std::string joined() const {
    const std::string& mode = written_.network_mode;
    const auto colon = mode.find(':');
    return colon == std::string::npos ? service_.pattern.network_container : mode.substr(colon + 1);
  }

  // A link without ports opens what its target exposes; of a service of another project only that one knows.
  void add_link(const network::Link& link) {
    const std::string to = service_of_group(project_, link.peer);
    const DesiredService* target = project_.find(to);
    std::vector<network::PortRange> ranges{{link.protocol, link.first_port, std::max(link.first_port, link.last_port)}};
    if (link.first_port == 0 && link.protocol == network::Protocol::any && target != nullptr &&
        !target->pattern.endpoint.expose.empty())
      ranges = target->pattern.endpoint.expose;
    for (const auto& ports : ranges) {
      Reach& reach = add(Kind::link, to, "peers");
      reach.ports = ports;
      find_entry(link, to, reach);
    }
  }

  void find_entry(const network::Link& link, const std::string& to, Reach& reach) const {
    for (const auto& [entry, position] : written_.peers) {
      const auto& reference = entry.reference;
      if (service_of_group(project_, reference.peer) != to || reference.first_port != link.first_port) continue;
      if (reference.protocol != base::enum_name(link.protocol)) continue;
      reach.place = position;
      reach.via = key_above(position, {"peers", "x-peers", "links"}, "peers");
      return;
    }
    for (const auto& [text, position] : written_.external_links)
      if (text.substr(0, text.find(':')) == link.peer) {
        reach.place = position;
        reach.via = "external_links";
      }
  }

  // The last of the keys that stands before the position.
  std::string key_above(const base::Position& position, const std::vector<std::string>& keys,
                        const std::string& otherwise) const {
    std::string best = otherwise;
    auto before = std::pair(0, 0);
    for (const auto& key : keys) {
      const auto place = written_.places.find(key);
      if (place == written_.places.end()) continue;
      const auto here = std::pair(place->second.line, place->second.column);
      if (here > before && here <= std::pair(position.line, position.column)) {
        before = here;
        best = key;
      }
    }
    return best;
  }

  // By its name on this machine.
  const DesiredNetwork* find_network(const std::string& name) const {
    const auto found =
        std::ranges::find_if(project_.networks, [&](const DesiredNetwork& one) { return one.config.name == name; });
    return found == project_.networks.end() ? nullptr : &*found;
  }

  base::Position network_place(const std::string& key) const {
    if (!written_.networks) return {};
    const auto found = std::ranges::find(*written_.networks, key, &parser::ServiceNetwork::network);
    return found == written_.networks->end() ? base::Position{} : found->position;
  }

  bool is_member(const DesiredService& other, const std::string& network) const {
    return other.pattern.network == engine::NetworkMode::links &&
           std::ranges::any_of(other.pattern.endpoint.networks, [&](const network::Membership& membership) {
             return membership.network == network && membership.reach;
           });
  }

  void add_network(const network::Membership& membership) {
    const auto* network = find_network(membership.network);
    const std::string key = network == nullptr ? membership.network : network->key;
    for (const auto& written : project_.source.services) {
      const DesiredService* other = project_.find(written.name);
      if (other == nullptr || !is_member(*other, membership.network)) continue;
      if (other == &service_ && service_.containers.size() < 2) continue;
      Reach& reach = add(Kind::network, other->name, "networks");
      reach.network = key;
      reach.place = network_place(key);
    }
  }

  // Places of destinations are those of the file's list where it has as many.
  void add_internet() {
    const auto& destinations = endpoint().internet_to;
    for (std::size_t i = 0; i < destinations.size(); ++i) {
      Reach& reach = add(Kind::internet, destinations[i].to, "internet");
      reach.ports = destinations[i].ports;
      if (written_.internet_to.size() == destinations.size()) reach.place = written_.internet_to[i].position;
    }
    if (!destinations.empty() || !endpoint().internet) return;
    Reach& reach = add(Kind::internet, internet_word, "internet");
    if (written_.internet || project_.strict) return;
    reach.via = written_.network_mode.empty() ? "networks" : "network_mode";
    reach.place = {};
    for (const auto& membership : endpoint().networks)
      if (const auto* network = find_network(membership.network); network != nullptr && !network->config.internal) {
        reach.network = network->key;
        reach.place = network_place(network->key);
        return;
      }
  }

  static bool is_loopback(const std::string& address) { return address.starts_with("127.") || address == "::1"; }

  void add_published(std::size_t index) {
    const network::Publish& publish = endpoint().publish[index];
    Reach& reach = add(Kind::published, service_.name, "ports");
    reach.scope = is_loopback(publish.host_ip) ? network::PublishScope::loopback : publish.scope.value_or(scope_);
    reach.from = reach.scope == network::PublishScope::all ? world_word : host_word;
    reach.ports = {publish.protocol, publish.container_port, publish.container_port + publish.count - 1};
    reach.host_port = publish.host_port;
    reach.host_ip = publish.host_ip;
    if (written_.ports.size() == endpoint().publish.size()) reach.place = written_.ports[index].position;
  }

  void add_allowed(const std::string& pattern) {
    Reach& reach = add(Kind::allowed, service_.name, "allow_peers");
    reach.from = pattern;
    const auto found = std::ranges::find(written_.allow_peers, pattern, &parser::Placed<std::string>::value);
    if (found != written_.allow_peers.end()) reach.place = found->position;
  }
};

}  // namespace

std::vector<Reach> declared_reach(const Project& project, network::PublishScope scope) {
  std::vector<Reach> result;
  for (const auto& written : project.source.services) {
    const DesiredService* service = project.find(written.name);
    if (service == nullptr) continue;
    auto own = Declared(project, written, *service, scope).all();
    std::ranges::stable_sort(own, {}, &Reach::kind);
    std::ranges::move(own, std::back_inserter(result));
  }
  return result;
}

std::string ports_text(const network::PortRange& ports) {
  if (ports.first == 0)
    return ports.protocol == network::Protocol::any ? "" : std::string(base::enum_name(ports.protocol));
  return range_text(ports.first, ports.last) + protocol_suffix(ports.protocol);
}

std::string published_text(const Reach& published) {
  std::string text;
  if (!published.host_ip.empty())
    text = published.host_ip.find(':') == std::string::npos ? published.host_ip : "[" + published.host_ip + "]";
  if (!text.empty()) text += ':';
  if (published.host_port != 0)
    text += range_text(published.host_port, published.host_port + published.ports.last - published.ports.first);
  const bool udp = published.ports.protocol == network::Protocol::udp;
  return text + "→" + range_text(published.ports.first, published.ports.last) + (udp ? "/udp" : "");
}

std::string service_of_group(const Project& project, const std::string& group) {
  const std::string own = project.name + "/";
  if (group.starts_with(own) && project.find(group.substr(own.size())) != nullptr) return group.substr(own.size());
  return group;
}

}  // namespace conductor::compose
