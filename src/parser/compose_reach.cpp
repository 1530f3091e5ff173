// What a service may reach, and who may reach it: peers, links, the internet, the host.
#include "base/text.hpp"
#include "parser/compose_reader.hpp"
#include "parser/substitution.hpp"

#include <algorithm>
#include <array>

namespace conductor::parser {

using Kind = YamlNode::Kind;

namespace {

// --- peers ------------------------------------------------------------------------------------------------------

struct LongPeer {
  std::string service, protocol, alias;
  std::vector<PortRange> ports;
  base::Position service_place;
};

void read_service_name(ComposeReader& reader, const YamlNode& node, LongPeer& peer) {
  peer.service = text(reader, node);
  peer.service_place = node.position;
}

void read_peer_ports(ComposeReader& reader, const YamlNode& node, LongPeer& peer) {
  for_each_text(reader, node, "ports", [&](const YamlNode& item) {
    reader.at_text(item, [&](const std::string& form) { peer.ports.push_back(parse_port_range(form)); });
  });
}

std::string peer_protocol(ComposeReader& reader, const YamlNode& node) {
  const std::string written = base::lower(text(reader, node));
  if (written != "tcp" && written != "udp")
    reader.error(node.position, "unknown protocol " + show(written), "expected tcp or udp");
  return written;
}

std::string peer_alias(ComposeReader& reader, const YamlNode& node) {
  const std::string alias = text(reader, node);
  reader.at(node, [&] { check_host_name(alias); });
  return alias;
}

constexpr std::array peer_keys{
    Key<LongPeer>{"service", read_service_name},
    Key<LongPeer>{"ports", read_peer_ports},
    Key<LongPeer>{"protocol", into<&LongPeer::protocol, peer_protocol>},
    Key<LongPeer>{"alias", into<&LongPeer::alias, peer_alias>},
};
constexpr std::array<std::string_view, 0> none_later{};
constexpr Level<LongPeer> peer_level{"a peer", peer_keys, none_later};

// One for each range of ports; one alone without any. Throws base::Error.
std::vector<PeerEntry> entries_of(const LongPeer& written) {
  if (written.service.empty()) throw base::Error("a peer needs a 'service'");
  PeerReference reference = parse_peer(written.service);
  if (reference.first_port != 0)
    throw base::Error(show(written.service) + ": in this form the ports of a peer belong to 'ports'");
  if (written.ports.empty()) {
    if (!written.protocol.empty()) throw base::Error("'protocol' of a peer needs 'ports'");
    return {{reference, written.alias}};
  }
  std::vector<PeerEntry> entries;
  for (const PortRange& range : written.ports) {
    if (!written.protocol.empty() && range.protocol != "any" && range.protocol != written.protocol)
      throw base::Error("a port of this peer names another protocol than " + written.protocol);
    reference.first_port = range.first;
    reference.last_port = range.last;
    reference.protocol = range.protocol != "any" ? range.protocol : written.protocol.empty() ? "tcp" : written.protocol;
    entries.push_back({reference, written.alias});
  }
  return entries;
}

// --- names of others --------------------------------------------------------------------------------------------

struct NameAndAlias {
  std::string name, alias;
};

// "NAME" or "NAME:ALIAS".
NameAndAlias parse_link(const std::string& form) {
  const auto colon = form.find(':');
  NameAndAlias link{form.substr(0, colon), colon == std::string::npos ? "" : form.substr(colon + 1)};
  if (!is_key_name(link.name) || (link.alias.empty() && colon != std::string::npos))
    throw base::Error(show(form) + ": expected NAME[:ALIAS]");
  if (link.alias.empty()) return link;
  if (link.alias.find_first_not_of("0123456789") == std::string::npos)
    throw base::Error(show(form) + ": expected NAME[:ALIAS]; a port belongs to 'peers'");
  check_host_name(link.alias);
  return link;
}

// "*", "PROJECT/*", "PROJECT/SERVICE", or the name of a container.
void check_allowed(const std::string& form) {
  const auto slash = form.find('/');
  const std::string head = form.substr(0, slash);
  const std::string tail = slash == std::string::npos ? "" : form.substr(slash + 1);
  const bool whole = slash == std::string::npos ? head == "*" || is_key_name(head)
                                                : is_key_name(head) && (tail == "*" || is_key_name(tail));
  if (!whole)
    throw base::Error(show(form) + ": expected PROJECT/SERVICE, PROJECT/*, the name of a container, or \"*\"");
}

// A list of ports, each with its place.
std::vector<PortRange> port_ranges(ComposeReader& reader, const YamlNode& node) {
  std::vector<PortRange> ranges;
  for_each_text(reader, node, "ports", [&](const YamlNode& item) {
    reader.at_text(item, [&](const std::string& form) {
      if (form.find(':') != std::string::npos)
        throw base::Error(show(form) + ": expected PORT[-PORT][/tcp|udp]; 'ports' publishes");
      ranges.push_back(parse_port_range(form));
      reader.note_item(ranges.size() - 1, item.position);
    });
  });
  return ranges;
}

}  // namespace

void read_peers(ComposeReader& reader, const YamlNode& node, Service& service) {
  if (!reader.is_list(node, "peers")) return;
  for (const auto& item : node.items) {
    if (item.kind != Kind::map) {
      reader.at_text(
          item, [&](const std::string& form) { service.peers.push_back({{parse_peer(form), {}}, item.position}); });
      continue;
    }
    LongPeer written;
    reader.read(item, peer_level, written);
    reader.at(item, [&] {
      const auto& place = written.service.empty() ? item.position : written.service_place;
      for (auto& entry : entries_of(written)) service.peers.push_back({std::move(entry), place});
    });
  }
}

void read_links(ComposeReader& reader, const YamlNode& node, Service& service) {
  if (!reader.is_list(node, "links")) return;
  for (const auto& item : node.items)
    reader.at_text(item, [&](const std::string& form) {
      const auto [name, alias] = parse_link(form);
      PeerEntry entry;
      entry.reference.peer = name;
      entry.alias = alias;
      entry.key = "links";
      service.peers.push_back({std::move(entry), item.position});
    });
}

void read_external_links(ComposeReader& reader, const YamlNode& node, Service& service) {
  if (!reader.is_list(node, "containers")) return;
  for (const auto& item : node.items)
    reader.at_text(item, [&](const std::string& form) {
      const auto [name, alias] = parse_link(form);
      service.external_links.push_back({name + ":" + (alias.empty() ? name : alias), item.position});
    });
}

void read_allow_peers(ComposeReader& reader, const YamlNode& node, Service& service) {
  for_each_text(reader, node, "peers of other projects", [&](const YamlNode& item) {
    reader.at_text(item, [&](const std::string& form) {
      check_allowed(form);
      service.allow_peers.push_back({form, item.position});
    });
  });
}

void read_expose(ComposeReader& reader, const YamlNode& node, Service& service) {
  if (node.kind == Kind::scalar) return reader.error(node.position, "expected a list of ports");
  service.expose = port_ranges(reader, node);
}

void read_host(ComposeReader& reader, const YamlNode& node, Service& service) {
  service.host = port_ranges(reader, node);
}

void read_internet(ComposeReader& reader, const YamlNode& node, Service& service) {
  if (node.kind == Kind::scalar) {
    if (const std::string word = base::lower(node.text); word == "true" || word == "false")
      service.internet = boolean(reader, node);
    else
      reader.error(node.position, "expected true, false or a list, not " + show(node.text),
                   "a list names addresses, networks and hosts: [192.0.2.1, 203.0.113.0/24, 'api.example.org:443']");
    return;
  }
  if (!reader.is_list(node, "addresses, networks and host names")) return;
  for (const auto& item : node.items)
    reader.at_text(item, [&](const std::string& form) {
      service.internet_to.push_back({parse_destination(form), item.position});
    });
}

std::string publish_scope(ComposeReader& reader, const YamlNode& node) {
  const std::string written = text(reader, node);
  const std::vector<std::string> known{"loopback", "host", "all"};
  if (std::find(known.begin(), known.end(), written) == known.end()) {
    const std::string near = suggestion(written, known);
    reader.error(node.position, "unknown publish_scope " + show(written),
                 near.empty() ? "expected loopback, host or all" : near);
  }
  return written;
}

}  // namespace conductor::parser
