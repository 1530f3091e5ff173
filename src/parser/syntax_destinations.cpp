// Destinations outside: addresses, networks and host names, with ports.
#include "base/text.hpp"
#include "base/units.hpp"
#include "parser/diagnostics.hpp"
#include "parser/substitution.hpp"
#include "parser/syntax.hpp"

#include <algorithm>

namespace conductor::parser {
namespace {

constexpr const char* forms = "expected an address, a network or a host name, and [:PORT[-PORT][/tcp|udp]]";

// The text up to the ports, and the ports.
struct Halves {
  std::string_view to;
  std::optional<std::string_view> ports;
};

// Colons of an IPv6 address that stands without brackets belong to it.
Halves split(std::string_view text) {
  const auto close = text.rfind(']');
  if (close == std::string_view::npos && std::count(text.begin(), text.end(), ':') > 1) return {text, std::nullopt};
  const auto colon = text.find(':', close == std::string_view::npos ? 0 : close);
  if (colon == std::string_view::npos) return {text, std::nullopt};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

// "[2001:db8::]/32" and "[2001:db8::/32]" are "2001:db8::/32".
std::string without_brackets(std::string_view text) {
  if (!text.starts_with('[')) return std::string(text);
  const auto close = text.find(']');
  if (close == std::string_view::npos) throw base::Error(show(text) + ": expected ']' after the address");
  return std::string(text.substr(1, close - 1)).append(text.substr(close + 1));
}

void check_network(const std::string& to, std::string_view written) {
  const auto slash = to.find('/');
  const std::string address = to.substr(0, slash);
  if (!is_address(address))
    throw base::Error((address == written ? "" : show(written) + ": ") + show(address) + " is no IP address");
  if (slash == std::string::npos) return;
  const int bits = address.find(':') == std::string::npos ? 32 : 128;
  if (!base::parse_number(to.substr(slash + 1), bits))
    throw base::Error(show(written) + ": expected a prefix length of 0-" + std::to_string(bits) + ", not " +
                      show(to.substr(slash + 1)));
}

bool is_label(std::string_view label) {
  constexpr std::size_t longest = 63;  // RFC 1035
  return !label.empty() && label.size() <= longest && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), [](char c) { return is_name_char(c) || c == '-'; });
}

void check_outside_name(const std::string& name, std::string_view written) {
  constexpr std::size_t longest = 253;
  if (name == "*") throw base::Error(show(written) + " is everything; write internet: true");
  if (name == "localhost")
    throw base::Error(show(written) + " is the container itself; 'host' opens services of this host");
  const bool wild = name.starts_with("*.");
  const auto labels = base::split(wild ? name.substr(2) : name, '.');
  if (name.size() > longest || !std::all_of(labels.begin(), labels.end(), is_label))
    throw base::Error(show(written) + (name.find('*') == std::string::npos
                                           ? std::string(": ") + forms
                                           : ": '*' may only be the first part of a name, as in "
                                             "*.example.org"));
  const auto& last = labels.back();
  if (last.find_first_not_of("0123456789") == std::string::npos)
    throw base::Error((name == written ? "" : show(written) + ": ") + show(name) + " is no IP address");
}

}  // namespace

Destination parse_destination(std::string_view text) {
  if (text.find("://") != std::string_view::npos)
    throw base::Error(show(text) + " is a URL; write its host name, and its port behind a colon");
  const Halves halves = split(text);
  Destination destination;
  destination.to = base::lower(without_brackets(halves.to));
  if (destination.to.ends_with('.')) destination.to.pop_back();
  if (destination.to.empty()) throw base::Error(show(text) + ": " + forms);
  if (destination.to.find_first_of(":/") != std::string::npos || is_address(destination.to))
    check_network(destination.to, text);
  else
    check_outside_name(destination.to, text);
  if (halves.ports) destination.ports = parse_port_range(*halves.ports);
  return destination;
}

}  // namespace conductor::parser
