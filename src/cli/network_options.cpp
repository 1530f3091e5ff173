#include "cli/network_options.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/reach_words.hpp"
#include "parser/syntax.hpp"

#include <algorithm>

namespace conductor::cli {

namespace {

base::Error usage(const std::string& message) { return base::Error(message).with_exit_code(base::exit_usage); }

// Reads one value of an option: what is wrong with it is told with the option, and with what it expects.
template <class Read>
auto of_option(const std::string& option, const std::string& form, Read&& read) {
  try {
    return read();
  } catch (const base::Error& e) {
    const bool says = e.message().find("expected") != std::string::npos;
    throw usage("option " + option + ": " + e.message() + (says ? "" : "; expected " + form)).with_hint(e.hint());
  }
}

constexpr const char* ports_form = "PORTS[/tcp|udp], such as 5432 or 9000-9010/udp";
constexpr const char* peer_form = "NAME[:PORTS[/tcp|udp]], such as db:5432";

// Why a container of that mode has nothing of its own to be told about.
std::string reason_of(const engine::ContainerConfig& config) {
  switch (config.network) {
    case engine::NetworkMode::none:
      return "a container with --network none has no network";
    case engine::NetworkMode::host:
      return "a container with --network host has the network of the host: what it listens on is there";
    case engine::NetworkMode::container:
      return "a container with --network container:" + base::escape_control(config.network_container) +
             " has the network of that one, which is where it is said";
    case engine::NetworkMode::links:
      break;
  }
  return {};
}

// A domain to search, or a resolver's option (resolv.conf(5)): a word that cannot begin another line.
void check_resolver_word(const std::string& option, const std::string& word) {
  constexpr std::size_t longest = 253;
  const auto fits = [](char c) { return c > ' ' && c < '\x7f'; };
  if (word.empty() || word.size() > longest || !std::all_of(word.begin(), word.end(), fits))
    throw usage("option " + option + ": '" + base::escape_control(word) + "' is not one word");
}

}  // namespace

void NetworkOptions::declare(Options& options) {
  options.option("-h,--hostname", hostname_, "host name", "NAME");
  options.option("--domainname", domain_name_, "domain of the host name", "DOMAIN");
  options.option("--network,--net", networks_, "a network that was made, links (default), none, host or container:NAME",
                 "NETWORK");
  options.option("--network-alias", aliases_, "a further name in that network", "NAME");
  options.option("--ip", ipv4_, "address in that network", "ADDRESS");
  options.option("--ip6", ipv6_, "IPv6 address in that network", "ADDRESS");
  options.option("--peer", peers_, "may open connections to that container, on those ports", "NAME[:PORTS[/udp]]");
  options.option("--link", links_, "as --peer, under a further name", "NAME[:ALIAS]");
  options.option("--allow-peer", allow_peers_, "who of other projects may link to it", "PROJECT/SERVICE");
  options.flag_or_option("--internet", internet_, "may open connections to the world outside, or to that of it",
                         "LIST");
  options.option("--host-port", host_ports_, "may use that service of this host", "PORTS[/udp]");
  options.option("-p,--publish", publish_, "publish ports of the container", "[[ADDRESS:]HOST:]PORTS[/udp]");
  options.flag("-P,--publish-all", publish_all_, "publish all ports that the image or --expose names, at free ports");
  options.option("--publish-scope", publish_scope_, "who may use published ports: all, host or loopback", "SCOPE");
  options.option("--expose", expose_, "ports that links without ports open", "PORTS[/udp]");
  options.option("--add-host", hosts_, "a further line of /etc/hosts; the address may be host-gateway", "NAME:ADDRESS");
  options.option("--dns", dns_, "a name server", "ADDRESS");
  options.option("--dns-search", dns_search_, "a domain to search", "DOMAIN");
  options.option("--dns-option,--dns-opt", dns_options_, "an option of the resolver", "OPTION");
  options.refused("--mac-address",
                  "a container's interface is seen by this host alone: nothing tells it by its hardware address");
  options.refused("--link-local-ip", "containers have no link-local addresses");
}

void NetworkOptions::read(engine::ContainerConfig& config) const {
  read_networks(config);
  check_together(config);
  read_reach(config.endpoint);
  read_names(config);
}

// What needs a network of the container's own, by the name of its option.
std::vector<std::pair<std::string_view, bool>> NetworkOptions::said() const {
  return {{"--publish", !publish_.empty()},
          {"--publish-all", publish_all_},
          {"--publish-scope", !publish_scope_.empty()},
          {"--expose", !expose_.empty()},
          {"--peer", !peers_.empty()},
          {"--link", !links_.empty()},
          {"--allow-peer", !allow_peers_.empty()},
          {"--internet", std::any_of(internet_.begin(), internet_.end(), [](const auto& v) { return v != "false"; })},
          {"--host-port", !host_ports_.empty()},
          {"--network-alias", !aliases_.empty()},
          {"--ip", !ipv4_.empty()},
          {"--ip6", !ipv6_.empty()}};
}

void NetworkOptions::check_together(const engine::ContainerConfig& config) const {
  if (config.network == engine::NetworkMode::links) return;
  const std::string reason = reason_of(config);
  for (const auto& [option, given] : said())
    if (given) throw usage("option " + std::string(option) + " has no effect: " + reason);
  if (config.network != engine::NetworkMode::container) return;
  const std::vector<std::pair<std::string_view, bool>> names = {
      {"--hostname", !hostname_.empty()},     {"--domainname", !domain_name_.empty()},
      {"--add-host", !hosts_.empty()},        {"--dns", !dns_.empty()},
      {"--dns-search", !dns_search_.empty()}, {"--dns-option", !dns_options_.empty()}};
  for (const auto& [option, given] : names)
    if (given) throw usage("option " + std::string(option) + " has no effect: " + reason);
}

void NetworkOptions::read_networks(engine::ContainerConfig& config) const {
  auto& memberships = config.endpoint.networks;
  bool links = false;
  for (const auto& text : networks_) {
    NetworkWord word =
        of_option("--network", "NAME, or name=NAME,alias=A,ip=ADDRESS", [&] { return to_network(text); });
    const bool named = word.kind == NetworkWord::Kind::named;
    if (!named && word.kind != NetworkWord::Kind::links && networks_.size() > 1)
      throw usage("--network " + base::escape_control(text) + " is the whole network: there is no other beside it");
    links = links || word.kind == NetworkWord::Kind::links;
    if (named && std::any_of(memberships.begin(), memberships.end(),
                             [&](const auto& m) { return m.network == word.membership.network; }))
      throw usage("network '" + word.membership.network + "' is named twice");
    if (named) memberships.push_back(std::move(word.membership));
    if (word.kind == NetworkWord::Kind::none) config.network = engine::NetworkMode::none;
    if (word.kind == NetworkWord::Kind::host) config.network = engine::NetworkMode::host;
    if (word.kind == NetworkWord::Kind::container) {
      config.network = engine::NetworkMode::container;
      config.network_container = word.container;
    }
  }
  if (config.network != engine::NetworkMode::links || (aliases_.empty() && ipv4_.empty() && ipv6_.empty())) return;
  const std::string option = !aliases_.empty() ? "--network-alias" : !ipv4_.empty() ? "--ip" : "--ip6";
  if (memberships.empty())
    throw usage("option " + option + " belongs to a network: --network NAME says to which")
        .with_hint("conductor network create makes one");
  if (memberships.size() > 1)
    throw usage("option " + option +
                " belongs to one network of several: --network name=NAME,alias=…,ip=… says to which");
  const auto more = of_option(option, "a name, or an address of that network",
                              [&] { return to_membership(memberships.front().network, aliases_, ipv4_, ipv6_); });
  auto& membership = memberships.front();
  membership.aliases.insert(membership.aliases.end(), more.aliases.begin(), more.aliases.end());
  if (!more.ipv4.empty()) membership.ipv4 = more.ipv4;
  if (!more.ipv6.empty()) membership.ipv6 = more.ipv6;
}

void NetworkOptions::read_reach(network::EndpointConfig& endpoint) const {
  for (const auto& peer : peers_)
    endpoint.links.push_back(of_option("--peer", peer_form, [&] { return to_link(peer); }));
  for (const auto& link : links_)
    endpoint.links.push_back(of_option("--link", "NAME[:ALIAS], such as db:database", [&] { return to_alias(link); }));
  endpoint.allow_peers = allow_peers_;
  for (const auto& ports : expose_)
    endpoint.expose.push_back(of_option("--expose", ports_form, [&] { return to_ports(ports); }));
  for (const auto& ports : host_ports_)
    endpoint.host_ports.push_back(of_option("--host-port", ports_form, [&] { return to_ports(ports); }));
  for (const auto& mapping : publish_)
    endpoint.publish.push_back(of_option("--publish", "[[ADDRESS:]HOST:]PORTS[/tcp|udp], such as 8080:80",
                                         [&] { return to_publish(mapping); }));
  set_scope(endpoint);
  auto internet = of_option("--internet", "addresses, networks and host names, such as 192.0.2.0/24,example.org:443",
                            [&] { return to_internet(internet_); });
  endpoint.internet = internet.everywhere || !internet.destinations.empty();
  endpoint.internet_to = std::move(internet.destinations);
}

void NetworkOptions::set_scope(network::EndpointConfig& endpoint) const {
  if (publish_scope_.empty()) return;
  const auto scope = of_option("--publish-scope", "all, host or loopback", [&] { return to_scope(publish_scope_); });
  for (auto& publish : endpoint.publish)
    if (!publish.scope) publish.scope = scope;
}

void NetworkOptions::read_names(engine::ContainerConfig& config) const {
  auto& endpoint = config.endpoint;
  config.hostname = hostname_;
  if (!domain_name_.empty()) {
    if (hostname_.empty()) throw usage("option --domainname needs --hostname");
    config.hostname += "." + domain_name_;
  }
  for (const auto& host : hosts_)
    endpoint.extra_hosts.push_back(
        of_option("--add-host", "NAME:ADDRESS, such as db:192.0.2.7", [&] { return to_host_entry(host); }));
  for (const auto& server : dns_)
    of_option("--dns", "an IP address such as 192.0.2.53", [&] { parser::check_name_server(server); });
  for (const auto& domain : dns_search_) check_resolver_word("--dns-search", domain);
  for (const auto& option : dns_options_) check_resolver_word("--dns-option", option);
  endpoint.dns = dns_;
  endpoint.dns_search = dns_search_;
  endpoint.dns_options = dns_options_;
}

network::NetworkConfig require_network(engine::Engine& engine, const std::string& name) {
  if (auto found = engine.network().find_network(name)) return *found;
  std::vector<std::string> known = {"none", "host", "links"};
  for (const auto& network : engine.network().networks()) known.push_back(network.name);
  throw base::Error("no such network: " + base::escape_control(name) + base::did_you_mean(name, known))
      .with_hint("conductor network create makes one; conductor network ls lists them");
}

void NetworkOptions::complete(engine::Engine& engine, engine::ContainerConfig& config,
                              const image::Progress& progress) const {
  auto& endpoint = config.endpoint;
  for (const auto& membership : endpoint.networks) require_network(engine, membership.network);
  if (publish_all_) {
    auto exposed = endpoint.expose;
    for (const auto& ports : engine.images().resolve(config.image, progress).config.exposed_ports)
      exposed.push_back(to_ports(ports));
    for (auto& publish : unpublished(exposed, endpoint.publish)) endpoint.publish.push_back(std::move(publish));
    set_scope(endpoint);
  }
  engine.network().validate(endpoint);
}

}  // namespace conductor::cli
