#include "network/firewall_elements.hpp"

#include "network/egress.hpp"
#include "network/graph.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <optional>

namespace conductor::network {

namespace {

// The lower and the upper end of a concatenation being built field by field: in network byte order, each field padded
// to 4 bytes.
class Fields {
 public:
  Fields& address(const linux::IpAddress& value) { return addresses(value, value); }
  Fields& addresses(const linux::IpAddress& first, const linux::IpAddress& last) {
    return field(linux::to_text(first), first.wire(), linux::to_text(last), last.wire());
  }
  Fields& protocol(Protocol value) {
    const bool tcp = value == Protocol::tcp;
    const std::string text = tcp ? "tcp" : "udp", bytes(1, static_cast<char>(tcp ? IPPROTO_TCP : IPPROTO_UDP));
    return field(text, bytes, text, bytes);
  }
  Fields& port(int value) { return ports(value, value); }
  Fields& ports(int first, int last) {
    return field(std::to_string(first), port_bytes(first), std::to_string(last), port_bytes(last));
  }
  const std::string& bytes() const { return first_; }
  const std::string& last_bytes() const { return last_; }
  const std::string& text() const { return text_; }

 private:
  static std::string port_bytes(int value) { return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)}; }
  static std::string padded(std::string bytes) {
    bytes.resize((bytes.size() + 3) / 4 * 4, '\0');
    return bytes;
  }
  Fields& field(const std::string& first_text, const std::string& first, const std::string& last_text,
                const std::string& last) {
    text_ += (text_.empty() ? "" : " . ") + first_text + (first == last ? "" : "-" + last_text);
    first_ += padded(first);
    last_ += padded(last);
    return *this;
  }
  std::string text_, first_, last_;
};

// Each set has a twin for IPv6.
std::string of_family(const char* set, bool v6) { return std::string(set) + (v6 ? "6" : ""); }

Element single(const std::string& set, const Fields& key) { return {set, key.bytes(), {}, {}, key.text()}; }

Element interval(const std::string& set, const Fields& key) {
  return {set, key.bytes(), key.last_bytes(), {}, key.text()};
}

Element entry(const std::string& map, const Fields& key, const Fields& data) {
  return {map, key.bytes(), {}, data.bytes(), key.text() + " : " + data.text()};
}

// Set `links_all`, `links` or `link_ranges`, by what the edge opens.
Element link_element(const linux::IpAddress& from, const linux::IpAddress& to, const PortRange& ports) {
  Fields key = Fields().address(from).address(to);
  if (ports.protocol == Protocol::any) return single(of_family("links_all", from.v6), key);
  key.protocol(ports.protocol).ports(ports.first, ports.last);
  return ports.first == ports.last ? single(of_family("links", from.v6), key)
                                   : interval(of_family("link_ranges", from.v6), key);
}

void add_edge(const Settings& settings, const NamedEdge& edge, std::set<Element>& elements) {
  for (const auto& from : addresses_of(settings, *edge.from))
    for (const auto& to : addresses_of(settings, *edge.to)) {
      if (from.v6 != to.v6) continue;
      elements.insert(link_element(from, to, edge.ports));
      elements.insert(single(of_family("linked", from.v6), Fields().address(from).address(to)));
    }
}

void add_internet(const linux::IpAddress& from, const Endpoint& endpoint, const std::vector<EgressRange>& egress,
                  std::set<Element>& elements) {
  if (endpoint.config.internet && endpoint.config.internet_to.empty())
    elements.insert(single(of_family("internet", from.v6), Fields().address(from)));
  for (const EgressRange& range : egress) {
    if (range.first.v6 != from.v6) continue;
    Fields key = Fields().address(from).addresses(range.first, range.last);
    if (range.ports.protocol == Protocol::any)
      elements.insert(interval(of_family("internet_to", from.v6), key));
    else
      elements.insert(interval(of_family("internet_to_ports", from.v6),
                               key.protocol(range.ports.protocol).ports(range.ports.first, range.ports.last)));
  }
}

void add_host_ports(const linux::IpAddress& from, const Endpoint& endpoint, std::set<Element>& elements) {
  for (const PortRange& range : merged_ports(endpoint.config.host_ports))
    elements.insert(interval(of_family("host_ports", from.v6),
                             Fields().address(from).protocol(range.protocol).ports(range.first, range.last)));
}

// Loopback addresses are served by the listeners alone; what is for the host has maps that only its own packets ask.
void add_published(const linux::IpAddress& to, const Publish& publish, PublishScope scope,
                   std::set<Element>& elements) {
  const bool everywhere = on_all_addresses(publish);
  const auto host = linux::parse_ip(publish.host_ip);
  if (scope == PublishScope::loopback || is_loopback(publish) || (!everywhere && (!host || host->v6 != to.v6))) return;
  const char* on_all = scope == PublishScope::all ? "published" : "published_here";
  const char* on_one = scope == PublishScope::all ? "published_on" : "published_here_on";
  for (int i = 0; i < publish.count; ++i) {
    const Fields target = Fields().address(to).port(publish.container_port + i);
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
      if (publish.protocol != protocol && publish.protocol != Protocol::any) continue;
      Fields key;
      if (!everywhere) key.address(*host);
      key.protocol(protocol).port(publish.host_port + i);
      elements.insert(entry(of_family(everywhere ? on_all : on_one, to.v6), key, target));
    }
  }
}

void add_endpoint(const Settings& settings, const Endpoint& endpoint, std::set<Element>& elements) {
  const auto egress = egress_ranges(endpoint.config.internet_to, endpoint.resolved);
  for (const auto& address : addresses_of(settings, endpoint)) {
    add_internet(address, endpoint, egress, elements);
    add_host_ports(address, endpoint, elements);
  }
  for (const Publish& publish : endpoint.config.publish) {
    const PublishScope scope = publish.scope.value_or(settings.publish_scope);
    add_published(endpoint.address, publish, scope, elements);
    if (settings.ipv6()) add_published(settings.address6_of(endpoint.address), publish, scope, elements);
  }
}

}  // namespace

bool on_all_addresses(const Publish& publish) {
  return publish.host_ip.empty() || publish.host_ip == "0.0.0.0" || publish.host_ip == "::";
}

bool is_loopback(const Publish& publish) {
  const auto address = linux::parse_ip(publish.host_ip);
  return address && (address->v6 ? *address == *linux::parse_ip("::1") : address->bytes.front() == 127);
}

std::set<Element> firewall_elements(const Settings& settings, const std::vector<Endpoint>& attached) {
  std::set<Element> elements;
  for (const NamedEdge& edge : edges(attached)) add_edge(settings, edge, elements);
  for (const Endpoint& endpoint : attached) add_endpoint(settings, endpoint, elements);
  return elements;
}

std::vector<linux::SetElement> difference(const std::set<Element>& before, const std::set<Element>& after) {
  std::vector<linux::SetElement> changes;
  const auto note = [&](const Element& e, bool remove) {
    changes.push_back({e.set, e.key, e.key_end, e.data, remove});
  };
  for (const Element& element : before)
    if (!after.contains(element)) note(element, true);
  for (const Element& element : after)
    if (!before.contains(element)) note(element, false);
  return changes;
}

}  // namespace conductor::network
