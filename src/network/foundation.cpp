#include "network/foundation.hpp"

#include "base/error.hpp"
#include "linux/nftables.hpp"
#include "network/attachment.hpp"
#include "network/firewall_elements.hpp"
#include "network/firewall_text.hpp"
#include "network/foreign_chains.hpp"
#include "network/networks.hpp"
#include "network/uplinks.hpp"
#include "store/records.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>

namespace conductor::network {

namespace {

// What was put into the kernel for which the settings and records of today need not stand any more:
// STATE/network/foundation.json.
struct Built {
  std::vector<std::string> ranges;
  std::string host_address6;  // empty: none
  bool complete = false;      // false: a command was killed or failed while it made it

  bool operator==(const Built&) const = default;
};
template <base::Is<Built> S, class V>
void fields(S& s, V&& v) {
  v("ranges", s.ranges), v("host_address6", s.host_address6), v("complete", s.complete);
}

std::string built_path(const Records& records) { return records.state() + "/foundation.json"; }

Built built_before(const Records& records) { return store::read_record<Built>(built_path(records)).value_or(Built{}); }

Built built_from(const Settings& settings, const std::vector<linux::IpPrefix>& ranges) {
  Built built;
  for (const auto& range : ranges) built.ranges.push_back(linux::to_text(range));
  if (settings.ipv6()) built.host_address6 = linux::to_text(host_address6(settings));
  built.complete = true;
  return built;
}

std::vector<linux::IpPrefix> ranges_of(const Built& built) {
  std::vector<linux::IpPrefix> ranges;
  for (const auto& text : built.ranges)
    if (const auto range = linux::parse_prefix(text)) ranges.push_back(*range);
  return ranges;
}

int loopback_index() { return static_cast<int>(if_nametoindex("lo")); }

bool on_loopback(const linux::IpAddress& address) {
  const int loopback = loopback_index();
  const auto all = linux::Netlink().addresses(loopback);
  return std::any_of(all.begin(), all.end(), [&](const auto& has) { return has.address == address; });
}

void take_from_loopback(const std::string& text) {
  const auto address = linux::parse_ip(text);
  if (!address) return;
  linux::Netlink netlink;
  netlink.remove_address(loopback_index(), *address, address->bits());
  netlink.send();
}

void take_away_rules_and_guards(const Settings& settings, const std::vector<linux::IpPrefix>& ranges) {
  base::Collector collector;
  collector.attempt([&] {
    linux::Netlink netlink;
    for (const auto& rule : policy_rules(settings, ranges)) netlink.remove_rule(rule);
    netlink.send();
  });
  collector.attempt([&] { linux::remove_packet_guards(packet_guards(settings, ranges)); });
  collector.finish();
}

// Where packets with the mark may go: to an endpoint, else wherever the host's own routes lead.
std::vector<linux::PolicyRule> marked(const Settings& settings, bool v6) {
  linux::PolicyRule rule;
  rule.v6 = v6;
  rule.mark = rule.mark_mask = settings.mark;
  rule.priority = settings.rule_priority;
  rule.table = endpoint_table;
  linux::PolicyRule onwards = rule;
  onwards.priority = settings.rule_priority + 1;
  onwards.table = linux::main_table;
  return {rule, onwards};
}

}  // namespace

std::vector<linux::IpPrefix> guarded_ranges(const Settings& settings, const Records& records) {
  std::vector<linux::IpPrefix> ranges{settings.range()};
  if (settings.ipv6()) ranges.push_back(settings.range6());
  for (const auto& subnet : network_subnets(read_networks(records))) {
    const bool known =
        std::any_of(ranges.begin(), ranges.end(), [&](const auto& range) { return range.overlaps(subnet); });
    if (!known && (!subnet.address.v6 || settings.ipv6())) ranges.push_back(subnet);
  }
  return ranges;
}

std::vector<linux::PolicyRule> policy_rules(const Settings& settings, const std::vector<linux::IpPrefix>& ranges) {
  std::vector<linux::PolicyRule> rules;
  std::set<bool> families;
  for (const auto& range : ranges) {
    linux::PolicyRule from_host, from_endpoints, to_endpoints;
    from_host.input_interface =
        "lo";  // so the kernel spells "made on this host"; reverse path checks count as that, too
    from_host.table = endpoint_table;
    from_host.to = to_endpoints.to = from_endpoints.from = range;
    from_endpoints.prohibit = to_endpoints.prohibit = true;
    from_host.v6 = from_endpoints.v6 = to_endpoints.v6 = range.address.v6;
    from_host.priority = settings.rule_priority;
    from_endpoints.priority = settings.rule_priority + 2;
    to_endpoints.priority = settings.rule_priority + 3;
    rules.insert(rules.end(), {from_host, from_endpoints, to_endpoints});
    if (!families.insert(range.address.v6).second) continue;
    for (auto& rule : marked(settings, range.address.v6)) rules.push_back(std::move(rule));
  }
  const auto order = [](const auto& a, const auto& b) {
    return std::pair(a.v6, a.priority) < std::pair(b.v6, b.priority);
  };
  std::stable_sort(rules.begin(), rules.end(), order);
  return rules;
}

std::vector<linux::PacketGuard> packet_guards(const Settings& settings, const std::vector<linux::IpPrefix>& ranges) {
  std::vector<linux::PacketGuard> guards;
  if (!linux::packet_guards_possible()) return guards;
  for (const auto& range : ranges) guards.push_back({range, settings.mark});
  return guards;
}

std::vector<linux::PolicyRule> changed_rules(const Settings& settings, const std::vector<linux::IpPrefix>& ranges,
                                             const std::vector<linux::PolicyRule>& observed) {
  const auto ours = policy_rules(settings, ranges);
  const auto touches = [&](const std::optional<linux::IpPrefix>& selector) {
    return selector && std::any_of(ranges.begin(), ranges.end(), [&](const auto& r) { return r.overlaps(*selector); });
  };
  std::vector<linux::PolicyRule> changed;
  for (const auto& rule : observed) {
    const bool in_our_place = rule.priority >= settings.rule_priority && rule.priority < settings.rule_priority + 4;
    const bool for_all = !rule.from && !rule.to && rule.mark_mask == 0;
    const bool concerns = for_all || touches(rule.from) || touches(rule.to) || rule.mark == settings.mark;
    if (in_our_place && concerns && std::find(ours.begin(), ours.end(), rule) == ours.end()) changed.push_back(rule);
  }
  return changed;
}

bool Foundation::stands() const {
  if (!linux::nft_table_exists("inet", settings_.table)) return false;
  const auto ranges = guarded_ranges(settings_, records_);
  if (built_before(records_) != built_from(settings_, ranges)) return false;
  const auto present = linux::Netlink().rules();
  for (const auto& rule : policy_rules(settings_, ranges))
    if (std::find(present.begin(), present.end(), rule) == present.end()) return false;
  const auto guards = packet_guards(settings_, ranges);
  if (!std::all_of(guards.begin(), guards.end(), linux::packet_guard_stands)) return false;
  if (settings_.ipv6() && !on_loopback(host_address6(settings_))) return false;
  return Uplinks(settings_, records_.state()).ready(present) && ForeignChains(settings_).let_pass();
}

bool Foundation::ends_stand(const std::vector<Endpoint>& attached) const {
  linux::Netlink netlink;
  std::map<std::string, linux::LinkInfo> links;
  for (auto& link : netlink.links()) links.emplace(link.name, link);
  std::set<std::pair<int, linux::IpAddress>> routed;
  for (const auto& route : netlink.routes(endpoint_table)) routed.emplace(route.interface, route.destination);
  const auto filtering = netlink.filtering_interfaces();
  return std::all_of(attached.begin(), attached.end(), [&](const Endpoint& endpoint) {
    const auto link = links.find(endpoint.interface);
    if (link == links.end()) return true;  // not made yet, or dying with its namespace
    const auto addresses = addresses_of(settings_, endpoint);
    return link->second.up && filtering.contains(link->second.index) &&
           std::all_of(addresses.begin(), addresses.end(),
                       [&](const auto& address) { return routed.contains({link->second.index, address}); });
  });
}

// Ranges of networks that are gone, and a range of IPv6 that is off now.
void Foundation::forget_former(const std::vector<linux::IpPrefix>& ranges) const {
  const Built before = built_before(records_);
  Built now = built_from(settings_, ranges);
  now.complete = false;
  auto former = ranges_of(before);
  std::erase_if(former,
                [&](const auto& range) { return std::find(ranges.begin(), ranges.end(), range) != ranges.end(); });
  take_away_rules_and_guards(settings_, former);
  if (before.host_address6 != now.host_address6) take_from_loopback(before.host_address6);
  // Remembered first, made then: a command killed in between loses nothing.
  store::make_directory(records_.state());
  if (before != now) store::write_record(built_path(records_), now, false);
}

// Whoever switches forwarding off for the whole host switches it off for each interface; an interface that was down has
// lost its routes and neighbours.
void Foundation::put_up_ends(const std::vector<Endpoint>& attached) const {
  linux::Netlink netlink;
  std::map<std::string, int> indices;
  for (const auto& link : netlink.links()) indices.emplace(link.name, link.index);
  for (const auto& endpoint : attached) {
    const auto found = indices.find(endpoint.interface);
    if (found == indices.end()) continue;
    try {
      set_up_host_end(netlink, settings_, endpoint, found->second);
      netlink.send();
    } catch (const base::Error& e) {
      if (e.code() != ENODEV) throw;  // it has died with its namespace
    }
  }
}

void Foundation::build(const std::vector<Endpoint>& attached) const {
  const base::Context context("setting up the network");
  const auto ranges = guarded_ranges(settings_, records_);
  forget_former(ranges);
  // What prohibits comes first, the table that permits then.
  linux::Netlink netlink;
  for (const auto& rule : policy_rules(settings_, ranges)) netlink.add_rule(rule);
  for (const auto& rule : changed_rules(settings_, ranges, netlink.rules())) netlink.remove_rule(rule);
  if (settings_.ipv6()) netlink.add_address(loopback_index(), host_address6(settings_), 128);
  netlink.send();
  linux::add_packet_guards(packet_guards(settings_, ranges));
  // A deletion makes the kernel wait for a grace period: only where there is something to delete.
  const std::string replaced =
      linux::nft_table_exists("inet", settings_.table) ? "delete table inet " + settings_.table + "\n" : "";
  linux::run_nft(replaced + table_text(settings_, ranges, host_name_servers(), firewall_elements(settings_, attached)));
  Uplinks(settings_, records_.state()).prepare();
  put_up_ends(attached);
  ForeignChains(settings_).open();
  store::write_record(built_path(records_), built_from(settings_, ranges), false);
}

void Foundation::remove() const {
  base::Collector collector;
  const Built before = built_before(records_);
  auto ranges = ranges_of(before);
  for (const auto& range : guarded_ranges(settings_, records_))
    if (std::find(ranges.begin(), ranges.end(), range) == ranges.end()) ranges.push_back(range);
  collector.attempt([&] { ForeignChains(settings_).close(); });
  collector.attempt([&] { Uplinks(settings_, records_.state()).restore(); });
  collector.attempt([&] { linux::remove_nft_table("inet", settings_.table); });
  collector.attempt([&] { take_away_rules_and_guards(settings_, ranges); });
  collector.attempt([&] { take_from_loopback(before.host_address6); });
  if (collector.clean()) collector.attempt([&] { store::remove_file(built_path(records_)); });
  collector.finish();
}

// The record goes last: a command killed while it removed the rest has left it.
bool Foundation::is_gone() const {
  return ::access(built_path(records_).c_str(), F_OK) != 0 && !linux::nft_table_exists("inet", settings_.table);
}

}  // namespace conductor::network
