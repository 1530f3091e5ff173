#include "network/firewall_elements.hpp"

#include "network/graph.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <optional>

namespace conductor::network {

namespace {

// A concatenation being built, field by field: each is in network byte order and padded to 4 bytes.
class Fields {
 public:
  Fields& address(linux::Ipv4 value) {
    return field(linux::to_text(value), {byte(value, 24), byte(value, 16), byte(value, 8), byte(value, 0)});
  }
  Fields& protocol(Protocol value) {
    const bool tcp = value == Protocol::tcp;
    return field(tcp ? "tcp" : "udp", {byte(tcp ? IPPROTO_TCP : IPPROTO_UDP, 0), 0, 0, 0});
  }
  Fields& port(int value) {
    const auto number = static_cast<std::uint32_t>(value);
    return field(std::to_string(value), {byte(number, 8), byte(number, 0), 0, 0});
  }
  const std::string& bytes() const { return bytes_; }
  const std::string& text() const { return text_; }

 private:
  static char byte(std::uint32_t value, unsigned shift) { return static_cast<char>((value >> shift) & 0xffU); }
  Fields& field(const std::string& text, std::initializer_list<char> bytes) {
    text_ += (text_.empty() ? "" : " . ") + text;
    bytes_.append(bytes);
    return *this;
  }
  std::string text_, bytes_;
};

Fields pair_of(const Edge& edge) { return Fields().address(edge.from).address(edge.to); }

Element single(const char* set, const Fields& key) { return {set, key.bytes(), {}, {}, key.text()}; }

Element entry(const char* map, const Fields& key, const Fields& data) {
  return {map, key.bytes(), {}, data.bytes(), key.text() + " : " + data.text()};
}

// Set `links_all`, `links` or `link_ranges`, by what the edge names.
Element link_element(const Edge& edge) {
  if (edge.protocol == Protocol::any) return single("links_all", pair_of(edge));
  Fields first = pair_of(edge).protocol(edge.protocol).port(edge.first_port);
  if (edge.first_port == edge.last_port) return single("links", first);
  const Fields last = pair_of(edge).protocol(edge.protocol).port(edge.last_port);
  return {"link_ranges", first.bytes(), last.bytes(), {}, first.text() + "-" + std::to_string(edge.last_port)};
}

void add_internet(const Endpoint& endpoint, std::set<Element>& elements) {
  if (!reaches_outside(endpoint)) return;
  if (endpoint.config.internet_to.empty()) {
    elements.insert(single("internet", Fields().address(endpoint.address)));
    return;
  }
  for (const AddressRange& range : address_ranges(networks_of(endpoint.config.internet_to))) {
    const Fields first = Fields().address(endpoint.address).address(range.first);
    const Fields last = Fields().address(endpoint.address).address(range.last);
    const std::string text = first.text() + (range.first == range.last ? "" : "-" + linux::to_text(range.last));
    elements.insert({"internet_to", first.bytes(), last.bytes(), {}, text});
  }
}

// Loopback and IPv6 addresses are served by the listeners alone.
void add_published(const Endpoint& endpoint, const Publish& publish, std::set<Element>& elements) {
  const bool everywhere = on_all_addresses(publish);
  const auto host = everywhere ? std::optional<linux::Ipv4>(0) : linux::parse_ipv4(publish.host_ip);
  if (!host || (*host >> 24U) == 127) return;
  for (int i = 0; i < publish.count; ++i) {
    const Fields target = Fields().address(endpoint.address).port(publish.container_port + i);
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
      if (publish.protocol != protocol && publish.protocol != Protocol::any) continue;
      if (everywhere)
        elements.insert(entry("published", Fields().protocol(protocol).port(publish.host_port + i), target));
      else
        elements.insert(
            entry("published_on", Fields().address(*host).protocol(protocol).port(publish.host_port + i), target));
    }
  }
}

}  // namespace

bool on_all_addresses(const Publish& publish) {
  return publish.host_ip.empty() || publish.host_ip == "0.0.0.0" || publish.host_ip == "::";
}

std::set<Element> firewall_elements(const std::vector<Endpoint>& attached) {
  std::set<Element> elements;
  for (const Edge& edge : edges(attached)) {
    elements.insert(link_element(edge));
    elements.insert(single("linked", pair_of(edge)));
  }
  for (const Endpoint& endpoint : attached) {
    add_internet(endpoint, elements);
    for (const Publish& publish : endpoint.config.publish) add_published(endpoint, publish, elements);
  }
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
