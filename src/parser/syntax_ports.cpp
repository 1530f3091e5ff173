// Ports and peers.
#include "base/text.hpp"
#include "base/units.hpp"
#include "parser/diagnostics.hpp"
#include "parser/substitution.hpp"
#include "parser/syntax.hpp"

#include <algorithm>

namespace conductor::parser {
namespace {

constexpr const char* port_forms = "[ADDRESS:][HOST_PORT:]PORT[/tcp|udp]";

struct Ports {
  int first = 0;
  int last = 0;
};

// "8080" or "8000-8010"; `what` names the text in the message.
Ports parse_ports(std::string_view text, std::string_view what, int lowest = 1) {
  const auto dash = text.find('-');
  const auto first = base::parse_number(text.substr(0, dash), 65535);
  const auto last = dash == std::string_view::npos ? first : base::parse_number(text.substr(dash + 1), 65535);
  if (!first || !last || *first < lowest || *last < *first)
    throw base::Error((what == text ? "" : show(what) + ": ") +
                      "expected a port of 1-65535 or a range such as 8000-8010, not " + show(text));
  return {static_cast<int>(*first), static_cast<int>(*last)};
}

// The part after the last '/', in lower case, taken off `text`; `usual` when there is none.
std::string take_protocol(std::string_view& text, std::string_view what, const char* usual) {
  const auto slash = text.rfind('/');
  if (slash == std::string_view::npos) return usual;
  std::string protocol = base::lower(text.substr(slash + 1));
  if (protocol != "tcp" && protocol != "udp")
    throw base::Error(show(what) + ": expected tcp or udp after '/', not " + show(text.substr(slash + 1)));
  text = text.substr(0, slash);
  return protocol;
}

// The address in front of the ports, without brackets, taken off `text` with its colon; empty when there is none.
std::string take_address(std::string_view& text, std::string_view what) {
  std::string address;
  if (text.starts_with('[')) {
    const auto close = text.find("]:");
    if (close == std::string_view::npos) throw base::Error(show(what) + ": expected ']:' after the address");
    address = text.substr(1, close - 1);
    text.remove_prefix(close + 2);
  } else if (std::count(text.begin(), text.end(), ':') >= 2) {
    const auto colon = text.rfind(':', text.rfind(':') - 1);
    address = text.substr(0, colon);
    text.remove_prefix(colon + 1);
  } else {
    return {};
  }
  if (!is_address(address))
    throw base::Error(show(what) + ": " + show(address) + " is no IP address; expected " + port_forms);
  return address;
}

}  // namespace

PortMapping parse_port_mapping(std::string_view text) {
  PortMapping mapping;
  std::string_view rest = text;
  mapping.protocol = take_protocol(rest, text, "tcp");
  mapping.host_ip = take_address(rest, text);
  const auto colon = rest.find(':');
  const auto inner_text = colon == std::string_view::npos ? rest : rest.substr(colon + 1);
  const auto inner = parse_ports(inner_text, text);
  mapping.container_port = inner.first;
  mapping.count = inner.last - inner.first + 1;
  const auto outer_text = colon == std::string_view::npos ? std::string_view{} : rest.substr(0, colon);
  if (outer_text.empty() || outer_text == "0") {
    if (colon != std::string_view::npos && outer_text.empty() && mapping.host_ip.empty())
      throw base::Error(show(text) + ": a port is missing before ':'; expected " + port_forms);
    return mapping;
  }
  const auto outer = parse_ports(outer_text, text);
  mapping.host_port = outer.first;
  if (mapping.count == 1 && outer.last > outer.first) {
    mapping.last_host_port = outer.last;
    return mapping;
  }
  if (outer.last - outer.first != inner.last - inner.first)
    throw base::Error(show(text) + ": both ranges must have the same number of ports");
  return mapping;
}

PortRange parse_port_range(std::string_view text) {
  PortRange range;
  std::string_view rest = text;
  range.protocol = take_protocol(rest, text, "any");
  const auto ports = parse_ports(rest, text);
  range.first = ports.first;
  range.last = ports.last;
  return range;
}

PeerReference parse_peer(std::string_view text) {
  PeerReference reference;
  const auto colon = text.find(':');
  reference.peer = text.substr(0, colon);
  const bool named = !reference.peer.empty() && reference.peer.front() != '/' && reference.peer.back() != '/' &&
                     std::count(reference.peer.begin(), reference.peer.end(), '/') <= 1;
  const auto is_name = [](char c) { return is_name_char(c) || c == '-' || c == '.' || c == '/'; };
  if (!named || !std::all_of(reference.peer.begin(), reference.peer.end(), is_name))
    throw base::Error(show(text) + ": expected NAME[:PORT[-PORT][/tcp|udp]]");
  if (colon == std::string_view::npos) return reference;
  std::string_view ports = text.substr(colon + 1);
  reference.protocol = take_protocol(ports, text, "tcp");
  const auto range = parse_ports(ports, text);
  reference.first_port = range.first;
  reference.last_port = range.last;
  return reference;
}

}  // namespace conductor::parser
