#include "network/verify_host.hpp"

#include "network/attachment.hpp"
#include "network/declared_parts.hpp"
#include "network/graph.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace conductor::network {

namespace {

using Kind = Finding::Kind;

constexpr char hex_digits[] = "0123456789abcdef";

std::string mark_text(std::uint32_t value) {
  std::string digits;
  for (; value != 0 || digits.empty(); value >>= 4U) digits.insert(digits.begin(), hex_digits[value & 15U]);
  return "0x" + digits;
}

const char* family_name(bool v6) { return v6 ? "IPv6" : "IPv4"; }

// Whether packets with that mark match.
bool takes_mark(const linux::PolicyRule& rule, std::uint32_t mark) { return (mark & rule.mark_mask) == rule.mark; }

// "From all lookup local" is the kernel's own and in front of everything.
bool is_local_table(const linux::PolicyRule& rule) { return rule.priority == 0 && !rule.prohibit; }

bool concerns(const linux::PolicyRule& rule, const std::vector<linux::IpPrefix>& ranges) {
  const auto touches = [&](const std::optional<linux::IpPrefix>& selector) {
    return std::any_of(ranges.begin(), ranges.end(), [&](const auto& range) {
      return range.address.v6 == rule.v6 && (!selector || selector->overlaps(range));
    });
  };
  // One selector alone decides: from our range to anywhere, or from anywhere to it.
  return (rule.from && touches(rule.from)) || (rule.to && touches(rule.to)) ||
         (!rule.from && !rule.to && touches(std::nullopt));
}

// Another instance's, which sends such packets where ours would.
bool repeats(const linux::PolicyRule& rule, const std::vector<linux::PolicyRule>& ours) {
  return std::any_of(ours.begin(), ours.end(), [&](linux::PolicyRule other) {
    other.priority = rule.priority;
    return other == rule;
  });
}

bool contains(const std::vector<linux::PolicyRule>& rules, const linux::PolicyRule& rule) {
  return std::find(rules.begin(), rules.end(), rule) != rules.end();
}

// In the place of that rule, and none of ours: the rule as somebody has changed it.
const linux::PolicyRule* in_place_of(const linux::PolicyRule& rule, const std::vector<linux::PolicyRule>& ours,
                                     const std::vector<linux::PolicyRule>& observed) {
  const auto found = std::find_if(observed.begin(), observed.end(), [&](const linux::PolicyRule& other) {
    return other.v6 == rule.v6 && other.priority == rule.priority && !contains(ours, other);
  });
  return found == observed.end() ? nullptr : &*found;
}

void compare_host_route(const Settings& settings, const Endpoint& endpoint, const linux::IpAddress& address,
                        int interface, const HostIndex& host, std::vector<Finding>& findings) {
  const std::string who = display_name(endpoint) + " (" + linux::to_text(address) + ")";
  bool leads_there = false;
  for (const linux::Route& route : host.routes_to(address)) {
    if (is_host_route(settings, route, interface))
      leads_there = true;
    else if (route.interface == interface)
      findings.push_back({Kind::damaged, "route", "the host's route to " + who + " is not as it was made"});
    else
      findings.push_back(
          {Kind::damaged, "route", "the host's route to " + who + " leads to " + host.name_of(route.interface)});
  }
  if (!leads_there && findings.empty()) findings.push_back({Kind::missing, "route", "the host has no route to " + who});
}

void compare_host_addresses(const Settings& settings, const Endpoint& endpoint, int interface, const HostIndex& host,
                            std::vector<Finding>& findings) {
  const std::string where = display_name(endpoint) + "'s interface " + endpoint.interface;
  const auto present = host.addresses_on(interface);
  const linux::IpPrefix wanted{linux::IpAddress(host_address), 32};
  if (std::find(present.begin(), present.end(), wanted) == present.end())
    findings.push_back({Kind::missing, "address", where + " lacks the address " + linux::to_text(host_address)});
  const auto foreign = foreign_at_host_end(settings, endpoint, interface, host);
  for (const auto& found : foreign.addresses)
    findings.push_back(
        {Kind::extra, "address", where + " has the address " + linux::to_text(found.address) + ", not ours"});
  // Those to the endpoint's own addresses are compared one by one.
  const auto own = addresses_of(settings, endpoint);
  for (const auto& route : foreign.routes) {
    const bool compared = std::find(own.begin(), own.end(), route.destination) != own.end() &&
                          route.prefix_length == route.destination.bits() && route.table == endpoint_table;
    if (!compared)
      findings.push_back({Kind::extra, "route",
                          "the host has a route to " +
                              linux::to_text(linux::prefix_of(route.destination, route.prefix_length)) + " through " +
                              where + ", which nobody declared"});
  }
}

}  // namespace

std::string rule_words(const linux::PolicyRule& rule) {
  std::string words;
  if (rule.from) words += "from " + linux::to_text(*rule.from) + " ";
  if (rule.to) words += "to " + linux::to_text(*rule.to) + " ";
  if (rule.mark_mask != 0) words += "fwmark " + mark_text(rule.mark) + "/" + mark_text(rule.mark_mask) + " ";
  if (rule.input_interface) words += "iif " + *rule.input_interface + " ";
  if (words.empty()) words = "from all ";
  if (rule.prohibit) return words + "prohibit";
  if (rule.table == 0) return words + "do something else";
  return words + "lookup " + (rule.table == linux::main_table ? "main" : std::to_string(rule.table));
}

std::vector<Finding> compare_rules(const Settings& settings, const std::vector<linux::PolicyRule>& expected,
                                   const std::vector<linux::PolicyRule>& observed,
                                   const std::vector<linux::IpPrefix>& ranges,
                                   const std::vector<std::string>& interfaces) {
  std::vector<Finding> findings;
  std::uint32_t last = settings.rule_priority;
  for (const auto& rule : expected) {
    last = std::max(last, rule.priority);
    if (contains(observed, rule)) continue;
    const std::string words =
        std::string(family_name(rule.v6)) + " rule " + std::to_string(rule.priority) + " (" + rule_words(rule) + ")";
    if (const auto* changed = in_place_of(rule, expected, observed))
      findings.push_back({Kind::damaged, "policy rule", words + " says \"" + rule_words(*changed) + "\" instead"});
    else
      findings.push_back({Kind::missing, "policy rule", words + " is missing"});
  }
  for (const auto& rule : observed) {
    // In the place of one that is missing it has been told already.
    const bool told = std::any_of(expected.begin(), expected.end(), [&](const auto& ours) {
      return ours.v6 == rule.v6 && ours.priority == rule.priority && !contains(observed, ours);
    });
    const bool in_front = rule.priority <= last && !is_local_table(rule) && !repeats(rule, expected) && !told;
    const bool asked = !rule.input_interface || *rule.input_interface == "lo" ||
                       rule.input_interface->starts_with(settings.interface_prefix) ||
                       std::find(interfaces.begin(), interfaces.end(), *rule.input_interface) != interfaces.end();
    const bool marked = takes_mark(rule, 0) || takes_mark(rule, settings.mark);
    if (in_front && asked && marked && concerns(rule, ranges))
      findings.push_back({Kind::clash, "policy rule",
                          "the " + std::string(family_name(rule.v6)) + " rule " + std::to_string(rule.priority) + " (" +
                              rule_words(rule) +
                              ") of somebody else is asked before ours and leads packets of "
                              "containers elsewhere"});
  }
  return findings;
}

std::vector<Finding> compare_host_end(const Settings& settings, const Endpoint& endpoint, const HostIndex& host) {
  const std::string where = display_name(endpoint) + "'s interface " + endpoint.interface;
  const auto* link = host.link(endpoint.interface);
  if (link == nullptr) return {{Kind::missing, "interface", where + " is gone"}};
  std::vector<Finding> findings;
  if (!link->up) return {{Kind::damaged, "interface", where + " is down"}};
  if (link->group != settings.interface_group)
    findings.push_back({Kind::damaged, "interface", where + " has been put into another group"});
  const auto addresses = addresses_of(settings, endpoint);
  for (const auto& address : addresses) {
    std::vector<Finding> of_route;
    compare_host_route(settings, endpoint, address, link->index, host, of_route);
    findings.insert(findings.end(), of_route.begin(), of_route.end());
  }
  compare_host_addresses(settings, endpoint, link->index, host, findings);
  const auto entries =
      compare_neighbours("the host", addresses, inner_mac(endpoint), host.neighbours_of(link->index), &endpoint);
  findings.insert(findings.end(), entries.begin(), entries.end());
  return findings;
}

std::vector<Finding> compare_ranges(const std::vector<HostNetwork>& networks,
                                    const std::vector<linux::IpPrefix>& ranges) {
  std::set<std::string> told;
  std::vector<Finding> findings;
  for (const HostNetwork& network : clashes(networks, ranges)) {
    for (const auto& range : ranges)
      if (range.overlaps(network.prefix) &&
          told.insert(linux::to_text(network.prefix) + network.interface + linux::to_text(range)).second)
        findings.push_back({Kind::clash, "subnet",
                            "the host's network " + linux::to_text(network.prefix) + " on " + network.interface +
                                " overlaps " + linux::to_text(range) + ", which containers have"});
  }
  return findings;
}

std::vector<std::string> stray_interfaces(const Settings& settings, const AddressBook& book, const NetworkState& host) {
  std::vector<std::string> names;
  for (const auto& link : host.links) {
    const bool ours = link.name.starts_with(settings.interface_prefix) || link.group == settings.interface_group;
    if (ours && book.of_interface(link.name).empty()) names.push_back(link.name);
  }
  return names;
}

std::vector<linux::Route> stray_routes(const Settings& settings, const AddressBook& book, const NetworkState& host) {
  std::map<int, const linux::LinkInfo*> links;
  for (const auto& link : host.links) links[link.index] = &link;
  std::vector<linux::Route> routes;
  for (const auto& route : host.routes) {
    if (route.table != endpoint_table) continue;
    const auto link = links.find(route.interface);
    const bool told_elsewhere = route.prefix_length == route.destination.bits() && book.find(route.destination);
    const bool of_an_end = link != links.end() && (is_interface_group(link->second->group) ||
                                                   link->second->name.starts_with(settings.interface_prefix));
    if (!told_elsewhere && !of_an_end) routes.push_back(route);
  }
  return routes;
}

std::vector<Finding> check_host_settings(const Settings& settings, const Endpoint& endpoint) {
  std::vector<Finding> findings;
  for (const auto& [family, name, value] : host_end_settings(settings)) {
    const auto found = read_interface_setting(family, endpoint.interface, name);
    if (!found || *found == value) continue;
    findings.push_back({Kind::damaged, "sysctl",
                        std::string("net.") + (family == Family::ipv6 ? "ipv6" : "ipv4") + ".conf." +
                            endpoint.interface + "." + name + " (" + display_name(endpoint) + ") is " +
                            std::to_string(*found) + " instead of " + std::to_string(value)});
  }
  return findings;
}

std::vector<Finding> check_source_filter(linux::Netlink& netlink, const Settings& settings, const Endpoint& endpoint,
                                         int interface) {
  const auto filter = netlink.source_filter(interface);
  const std::string who = display_name(endpoint) + "'s interface " + endpoint.interface;
  if (!filter)
    return {{Kind::missing, "source filter", who + " does not drop packets with the addresses of others any more"}};
  const auto wanted = addresses_of(settings, endpoint);
  if (std::set(filter->begin(), filter->end()) == std::set(wanted.begin(), wanted.end())) return {};
  return {{Kind::damaged, "source filter", who + " lets packets pass from other addresses than its own"}};
}

std::vector<Finding> compare_neighbours(const std::string& where, const std::vector<linux::IpAddress>& addresses,
                                        const std::string& mac, const std::vector<linux::Neighbour>& observed,
                                        const Endpoint* of) {
  const auto words = [&](const linux::IpAddress& address) {
    return linux::to_text(address) + (of == nullptr ? "" : " of " + display_name(*of));
  };
  std::vector<Finding> findings;
  for (const auto& address : addresses) {
    const auto found =
        std::find_if(observed.begin(), observed.end(), [&](const auto& entry) { return entry.address == address; });
    if (found == observed.end())
      findings.push_back({Kind::missing, "neighbour", where + " has no neighbour entry for " + words(address)});
    else if (found->mac != mac || !found->permanent)
      findings.push_back({Kind::damaged, "neighbour", where + " has another neighbour entry for " + words(address)});
  }
  for (const auto& entry : foreign_neighbours(addresses, observed))
    findings.push_back({Kind::extra, "neighbour",
                        where + " has a neighbour entry for " + linux::to_text(entry.address) + ", not ours"});
  return findings;
}

}  // namespace conductor::network
