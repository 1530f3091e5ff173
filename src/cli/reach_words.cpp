#include "cli/reach_words.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "network/names.hpp"
#include "parser/syntax.hpp"
#include "store/records.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

namespace conductor::cli {

namespace {

[[noreturn]] void refuse(const std::string& value, const std::string& expected) {
  throw base::Error("'" + base::escape_control(value) + "': expected " + expected).with_exit_code(base::exit_usage);
}

network::Protocol to_protocol(const std::string& name) {
  network::Protocol protocol = network::Protocol::any;
  if (!base::enum_parse(name, protocol)) refuse(name, "tcp or udp");
  return protocol;
}

network::PortRange to_range(const parser::PortRange& range) {
  return {to_protocol(range.protocol), range.first, range.last};
}

// "key=value,key=value"; a key may come again.
using Pairs = std::vector<std::pair<std::string, std::string>>;
Pairs to_pairs(const std::string& text, const std::vector<std::string>& known) {
  Pairs pairs;
  for (const auto& piece : base::split(text, ',')) {
    const auto equals = piece.find('=');
    const std::string key = base::lower(piece.substr(0, equals));
    if (equals == std::string::npos || std::find(known.begin(), known.end(), key) == known.end())
      refuse(text, "KEY=VALUE,… with the keys " + base::join(known, ", ") + ", not '" + base::escape_control(piece) +
                       "'" + base::did_you_mean(key, known));
    pairs.emplace_back(key, piece.substr(equals + 1));
  }
  return pairs;
}

network::Publish to_publish_of_pairs(const std::string& text) {
  std::map<std::string, std::string> said = {{"protocol", "tcp"}};
  for (auto& [key, value] : to_pairs(text, {"published", "target", "protocol", "host_ip", "mode", "scope"}))
    said[key] = std::move(value);
  if (!said.contains("target")) refuse(text, "target=PORT");
  if (said.contains("mode") && said["mode"] != "host" && said["mode"] != "ingress") refuse(text, "mode=host");
  std::string mapping = said["target"] + "/" + said["protocol"];
  if (!said["published"].empty() || !said["host_ip"].empty())
    mapping.insert(0, (said["published"].empty() ? "0" : said["published"]) + ":");
  if (!said["host_ip"].empty())
    mapping.insert(
        0, said["host_ip"].find(':') == std::string::npos ? said["host_ip"] + ":" : "[" + said["host_ip"] + "]:");
  network::Publish publish = to_publish(mapping);
  if (said.contains("scope")) publish.scope = to_scope(said["scope"]);
  return publish;
}

constexpr std::array<std::pair<std::string_view, NetworkWord::Kind>, 5> network_words = {{
    {"links", NetworkWord::Kind::links},
    {"bridge", NetworkWord::Kind::links},
    {"default", NetworkWord::Kind::links},
    {"none", NetworkWord::Kind::none},
    {"host", NetworkWord::Kind::host},
}};

}  // namespace

network::Link to_link(const std::string& peer) {
  const auto reference = parser::parse_peer(peer);
  return {reference.peer, to_protocol(reference.protocol), reference.first_port, reference.last_port, {}};
}

network::Link to_alias(const std::string& link) {
  const auto colon = link.find(':');
  network::Link read = to_link(link.substr(0, colon));
  if (colon == std::string::npos) return read;
  read.alias = link.substr(colon + 1);
  store::require_valid_name("alias", read.alias);
  return read;
}

network::PortRange to_ports(const std::string& text) { return to_range(parser::parse_port_range(text)); }

network::Publish to_publish(const std::string& mapping) {
  if (mapping.find('=') != std::string::npos) return to_publish_of_pairs(mapping);
  const auto read = parser::parse_port_mapping(mapping);
  return {read.host_ip, read.host_port,     read.container_port, read.count, to_protocol(read.protocol),
          {},           read.last_host_port};
}

network::PublishScope to_scope(const std::string& text) {
  network::PublishScope scope = network::PublishScope::all;
  if (!base::enum_parse(text, scope)) refuse(text, "all, host or loopback");
  return scope;
}

network::Destination to_destination(const std::string& text) {
  const auto read = parser::parse_destination(text);
  return {read.to, to_range(read.ports)};
}

network::HostEntry to_host_entry(const std::string& text) {
  const auto separator = text.find_first_of(":=");
  const bool gateway = separator != std::string::npos && text.substr(separator + 1) == network::host_gateway;
  // Any address serves to check the name; where the host is found is known when the file is written.
  const auto entry = parser::parse_extra_host(gateway ? text.substr(0, separator + 1) + "127.0.0.1" : text);
  return {entry.name, gateway ? network::host_gateway : entry.address};
}

std::vector<network::Publish> unpublished(const std::vector<network::PortRange>& exposed,
                                          const std::vector<network::Publish>& publish) {
  std::vector<network::Publish> ports;
  const auto named = [&](network::Protocol protocol, int port) {
    const auto names = [&](const network::Publish& p) {
      return p.protocol == protocol && port >= p.container_port && port < p.container_port + p.count;
    };
    return std::any_of(publish.begin(), publish.end(), names) || std::any_of(ports.begin(), ports.end(), names);
  };
  for (const auto& range : exposed) {
    // As docker has it, a port without a protocol is TCP.
    const auto protocol = range.protocol == network::Protocol::any ? network::Protocol::tcp : range.protocol;
    for (int port = range.first; port <= range.last; ++port)
      if (!named(protocol, port)) ports.push_back({{}, 0, port, 1, protocol, {}});
  }
  return ports;
}

Internet to_internet(const std::vector<std::string>& texts) {
  Internet internet;
  bool refused = false;
  for (const auto& text : texts)
    for (const auto& word : base::split(text, ',')) {
      if (word == "true")
        internet.everywhere = true;
      else if (word == "false")
        refused = true;
      else
        internet.destinations.push_back(to_destination(word));
    }
  if (static_cast<int>(refused) + static_cast<int>(internet.everywhere) +
          static_cast<int>(!internet.destinations.empty()) >
      1)
    throw base::Error("everywhere, nowhere (false) and a list of destinations exclude each other")
        .with_exit_code(base::exit_usage);
  return internet;
}

bool is_network_word(const std::string& name) {
  return std::any_of(network_words.begin(), network_words.end(), [&](const auto& word) { return word.first == name; });
}

NetworkWord to_network(const std::string& text) {
  constexpr std::string_view container = "container:";
  NetworkWord word;
  for (const auto& [name, kind] : network_words)
    if (name == text) return word.kind = kind, word;
  if (text.starts_with(container)) {
    word.kind = NetworkWord::Kind::container;
    word.container = text.substr(container.size());
    if (word.container.empty()) refuse(text, "container:NAME");
    return word;
  }
  word.kind = NetworkWord::Kind::named;
  std::string network = text, ipv4, ipv6;
  std::vector<std::string> aliases;
  if (text.find('=') != std::string::npos) {
    network.clear();
    for (const auto& [key, value] : to_pairs(text, {"name", "alias", "ip", "ip6"})) {
      if (key == "name") network = value;
      if (key == "alias") aliases.push_back(value);
      if (key == "ip") ipv4 = value;
      if (key == "ip6") ipv6 = value;
    }
    if (is_network_word(network)) refuse(text, "the name of a network that was made");
  }
  word.membership = to_membership(network, aliases, ipv4, ipv6);
  return word;
}

network::Membership to_membership(const std::string& network, const std::vector<std::string>& aliases,
                                  const std::string& ipv4, const std::string& ipv6) {
  store::require_valid_name("network", network);
  for (const auto& alias : aliases) store::require_valid_name("alias", alias);
  const auto check = [](const std::string& text, bool v6) {
    const auto parsed = linux::parse_ip(text);
    if (!text.empty() && (!parsed || parsed->v6 != v6)) refuse(text, v6 ? "an IPv6 address" : "an IPv4 address");
  };
  check(ipv4, false);
  check(ipv6, true);
  return {network, aliases, true, ipv4, ipv6};
}

}  // namespace conductor::cli
