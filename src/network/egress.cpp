#include "network/egress.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace conductor::network {

namespace {

constexpr int last_port = 65535;
constexpr std::size_t longest_host_name = 253;  // RFC 1035
constexpr std::size_t longest_label = 63;

// A network and what is open there, before overlaps are taken apart.
struct Rectangle {
  linux::IpAddress first, last;
  PortRange ports;
};

std::optional<linux::IpAddress> following(linux::IpAddress address) {
  for (std::size_t i = address.size(); i-- > 0;)
    if (++address.bytes[i] != 0) return address;
  return std::nullopt;  // it was the last one
}

linux::IpAddress preceding(linux::IpAddress address) {
  for (std::size_t i = address.size(); i-- > 0;)
    if (address.bytes[i]-- != 0) break;
  return address;
}

[[noreturn]] void refuse(const std::string& destination) {
  throw base::Error("'" + destination + "' is no address, no network such as 192.0.2.0/24 and no host name");
}

std::vector<Rectangle> rectangles(const std::vector<Destination>& destinations,
                                  const std::vector<ResolvedName>& resolved) {
  std::vector<Rectangle> result;
  for (const Destination& destination : destinations) {
    if (const auto prefix = linux::parse_prefix(destination.to)) {
      result.push_back({prefix->first(), prefix->last(), destination.ports});
      continue;
    }
    if (!is_host_name(destination.to)) refuse(destination.to);
    for (const ResolvedName& name : resolved) {
      if (!matches_host_name(destination.to, name.name)) continue;
      for (const auto& text : name.addresses)
        if (const auto address = linux::parse_ip(text)) result.push_back({*address, *address, destination.ports});
    }
  }
  return result;
}

// The axis of addresses cut where a rectangle begins or ends; for each piece what is open there; equal neighbours one.
template <class Open>
void add_pieces(const std::vector<Rectangle>& rectangles, const Open& open, std::vector<EgressRange>& result) {
  std::set<linux::IpAddress> cuts;
  for (const Rectangle& r : rectangles) {
    cuts.insert(r.first);
    if (const auto next = following(r.last)) cuts.insert(*next);
  }
  struct Piece {
    linux::IpAddress first, last;
    std::vector<PortRange> ports;
  };
  std::vector<Piece> pieces;
  for (auto cut = cuts.begin(); cut != cuts.end(); ++cut) {
    std::vector<PortRange> ports;
    for (const Rectangle& r : rectangles)
      if (r.first.v6 == cut->v6 && r.first <= *cut && *cut <= r.last) ports.push_back(r.ports);
    ports = open(ports);
    if (ports.empty()) continue;
    const auto next = std::next(cut);
    const bool last_of_family = next == cuts.end() || next->v6 != cut->v6;
    linux::IpAddress end = *cut;
    if (last_of_family)
      std::fill_n(end.bytes.begin(), end.size(), std::uint8_t{0xff});
    else
      end = preceding(*next);
    if (!pieces.empty() && pieces.back().ports == ports && following(pieces.back().last) == *cut)
      pieces.back().last = end;
    else
      pieces.push_back({*cut, end, ports});
  }
  for (const Piece& piece : pieces)
    for (const PortRange& ports : piece.ports) result.push_back({piece.first, piece.last, ports});
}

bool is_everything(const PortRange& ports) { return ports.protocol == Protocol::any && ports.first == 0; }

bool valid_label(const std::string& label) {
  return !label.empty() && label.size() <= longest_label && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; });
}

// Lower case, without the dot of the root.
std::string normal_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return base::lower(name);
}

}  // namespace

std::vector<PortRange> merged_ports(const std::vector<PortRange>& ports) {
  std::set<PortRange> sorted;
  for (const PortRange& range : ports) {
    PortRange whole = range;
    if (whole.first == 0) whole.last = last_port;
    whole.last = std::max(whole.first, whole.last);
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp})
      if (range.protocol == protocol || range.protocol == Protocol::any)
        sorted.insert({protocol, whole.first, whole.last});
  }
  std::vector<PortRange> result;
  for (const PortRange& range : sorted) {
    if (!result.empty() && result.back().protocol == range.protocol && range.first <= result.back().last + 1)
      result.back().last = std::max(result.back().last, range.last);
    else
      result.push_back(range);
  }
  return result;
}

std::vector<EgressRange> egress_ranges(const std::vector<Destination>& destinations,
                                       const std::vector<ResolvedName>& resolved) {
  const auto all = rectangles(destinations, resolved);
  std::vector<Rectangle> whole, limited;
  for (const Rectangle& r : all) (is_everything(r.ports) ? whole : limited).push_back(r);
  std::vector<EgressRange> result;
  add_pieces(whole, [](const auto& open) { return open.empty() ? open : std::vector{PortRange{}}; }, result);
  add_pieces(limited, merged_ports, result);
  std::sort(result.begin(), result.end());
  return result;
}

void validate_destinations(const std::vector<Destination>& destinations) {
  for (const Destination& destination : destinations) {
    if (!linux::parse_prefix(destination.to) && !is_host_name(destination.to)) refuse(destination.to);
    const PortRange& ports = destination.ports;
    if (ports.first < 0 || ports.first > last_port || ports.last > last_port ||
        (ports.last != 0 && ports.last < ports.first))
      throw base::Error("ports of '" + destination.to + "' do not exist: ports are 1 to 65535");
  }
}

bool is_host_name(const std::string& destination) {
  std::string name = normal_name(destination);
  if (name.starts_with("*.")) name.erase(0, 2);
  if (name.empty() || name.size() > longest_host_name) return false;
  const auto labels = base::split(name, '.');
  // "10.0.0" and "192.0.2.256" are mistyped addresses.
  const bool digits = labels.back().find_first_not_of("0123456789") == std::string::npos;
  return !digits && std::all_of(labels.begin(), labels.end(), valid_label);
}

bool matches_host_name(std::string_view pattern, std::string_view name) {
  const std::string wanted = normal_name(pattern), asked = normal_name(name);
  if (!wanted.starts_with("*.")) return wanted == asked;
  return asked.size() > wanted.size() - 1 && asked.ends_with(wanted.substr(1));
}

}  // namespace conductor::network
