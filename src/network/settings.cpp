// The default instance has plain names; any other derives its own from a hash, so that two never meet in the kernel.
#include "network/settings.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/sha256.hpp"
#include "base/text.hpp"
#include "network/ipv6_support.hpp"
#include "store/lock.hpp"
#include "store/records.hpp"
#include "store/settings.hpp"

#include <algorithm>
#include <array>

namespace conductor::network {

namespace {

constexpr std::uint32_t first_priority = 88;   // of the default instance; slots follow
constexpr std::uint32_t guard_offset = 20000;  // behind the rules of every instance
constexpr std::uint32_t default_group = 0xcd00;
constexpr std::uint32_t other_mark = 0x20000;
constexpr int shortest_range = 8, longest_range = 24;

enum class Ipv6Mode { automatic, off, on };

std::string range_path(const store::Locations& locations) { return locations.network() + "/range.json"; }
std::string held_path(const store::Locations& locations) { return locations.state + "/network/ipv6"; }

[[noreturn]] void refuse_setting(const char* name, const std::string& value, const std::string& expected) {
  throw base::Error(store::settings_file() + ": " + name + " = " + value + ": expected " + expected);
}

Ipv6Mode ipv6_mode() {
  const std::string value = store::setting("ipv6").value_or("auto");
  if (value == "auto") return Ipv6Mode::automatic;
  if (value == "off") return Ipv6Mode::off;
  if (value == "on") return Ipv6Mode::on;
  refuse_setting("ipv6", value, "auto, off or on");
}

PublishScope configured_scope() {
  const auto value = store::setting("publish_scope");
  if (!value) return PublishScope::all;
  for (const auto& [scope, name] : enum_names(PublishScope{}))
    if (*value == name) return scope;
  refuse_setting("publish_scope", *value, "all, host or loopback");
}

std::optional<linux::IpPrefix> configured_range() {
  const auto value = store::setting("subnet");
  if (!value) return std::nullopt;
  const auto prefix = linux::parse_prefix(*value);
  if (!prefix || prefix->address.v6 || prefix->length < shortest_range || prefix->length > longest_range)
    refuse_setting("subnet", *value, "an IPv4 network of /8 to /24, such as 10.231.0.0/16");
  return prefix;
}

std::optional<RangeRecord> recorded(const store::Locations& locations) {
  return store::read_record<RangeRecord>(range_path(locations));
}

// Endpoints have addresses of the recorded range, or are about to.
bool is_in_use(const store::Locations& locations) {
  // The first is there while one is attached, and quickly looked at.
  return linux::try_read_file(held_path(locations)) ||
         !store::list_directory(locations.network() + "/addresses").empty() ||
         !store::list_directory(locations.network() + "/endpoints").empty();
}

// nft(8) names know no '-'.
std::string table_name(const std::string& instance) {
  std::string name;
  for (const char c : instance) name += c == '-' ? '_' : c;
  return name;
}

Settings names_of(const std::string& instance) {
  Settings settings;
  settings.table = table_name(instance);
  settings.interface_prefix = "cdr";
  if (instance == "conductor") return settings;

  const std::string hash = base::sha256_hex(instance);
  const std::uint32_t slot = slot_of(instance);
  settings.interface_prefix = "cd" + hash.substr(8, 4);  // hex digits: never "cdr"
  settings.rule_priority = first_priority + 4 * (slot + 1);
  settings.guard_priority = guard_offset + settings.rule_priority;
  settings.mark = other_mark;
  settings.interface_group = default_group + 1 + slot;
  return settings;
}

void set_range(Settings& settings, const linux::IpPrefix& range) {
  settings.subnet = range.address.ipv4();
  settings.prefix_length = range.length;
}

// The range that holds: the recorded one while addresses of it are given out; else the configured one, or the first
// candidate beside the host's networks, and the recorded one is the first of them.
linux::IpPrefix range_that_holds(const store::Locations& locations, const Settings& names,
                                 const std::optional<RangeRecord>& record) {
  const auto chosen = record ? linux::parse_prefix(record->subnet) : std::nullopt;
  if (chosen && is_in_use(locations)) return *chosen;
  if (const auto configured = configured_range()) return *configured;
  auto candidates = range_candidates(locations.instance);
  if (chosen) candidates.insert(candidates.begin(), *chosen);
  return choose_range(candidates, host_networks(names));
}

linux::IpPrefix own_range6(const store::Locations& locations) {
  return unique_local_range(linux::try_read_file("/etc/machine-id").value_or(""), locations.instance);
}

bool ipv6_is_on(const store::Locations& locations) {
  const Ipv6Mode mode = ipv6_mode();
  if (const auto held = linux::try_read_file(held_path(locations))) return *held == "on";
  return mode != Ipv6Mode::off && can_forward_ipv6();
}

// The one note when containers get other addresses than is usual.
void tell(const store::Locations& locations, const Settings& settings) {
  const auto chosen = settings.range();
  const auto usual = range_candidates(locations.instance).front();
  const auto in_the_way = clashes(host_networks(settings), {usual});
  if (chosen == usual || configured_range() || in_the_way.empty()) return;
  base::log(base::LogLevel::warning, "containers get addresses of " + linux::to_text(chosen) + ", because " +
                                         linux::to_text(in_the_way.front().prefix) + " on " +
                                         in_the_way.front().interface + " overlaps the usual " + linux::to_text(usual));
}

void require_no_clash(const Settings& settings) {
  if (!configured_range()) return;
  for (const HostNetwork& network : clashes(host_networks(settings), {settings.range()}))
    throw base::Error(store::settings_file() + ": subnet = " + settings.subnet_text() + " overlaps " +
                      linux::to_text(network.prefix) + " on " + network.interface)
        .with_hint("set a network that this host does not have");
}

}  // namespace

Settings Settings::of(const store::Locations& locations) {
  Settings settings = names_of(locations.instance);
  const auto record = recorded(locations);
  set_range(settings, range_that_holds(locations, settings, record));
  settings.publish_scope = configured_scope();
  if (!ipv6_is_on(locations)) return settings;
  const auto range6 = record ? linux::parse_prefix(record->subnet6) : std::nullopt;
  settings.subnet6 = range6.value_or(own_range6(locations)).address;
  return settings;
}

std::string Settings::subnet_text() const { return linux::to_text(subnet) + "/" + std::to_string(prefix_length); }

linux::IpAddress Settings::address6_of(linux::Ipv4 address) const {
  linux::IpAddress result = subnet6;
  const linux::IpAddress low = address;
  std::copy_n(low.bytes.begin(), 4, result.bytes.begin() + 12);
  return result;
}

Settings record_range(const store::Locations& locations, const Settings& settings) {
  const auto before = recorded(locations);
  if (before && before->subnet == settings.subnet_text()) return settings;
  store::make_directory(locations.network());
  store::make_directory(locations.locks());
  const auto lock = store::Lock::acquire(locations.locks() + "/network-range");
  const Settings now = Settings::of(locations);
  if (const auto record = recorded(locations); record && record->subnet == now.subnet_text()) return now;
  require_no_clash(now);
  const auto range6 = before ? linux::parse_prefix(before->subnet6) : std::nullopt;
  store::write_record(range_path(locations),
                      RangeRecord{now.subnet_text(), linux::to_text(range6.value_or(own_range6(locations)))});
  tell(locations, now);
  return now;
}

Settings hold_ipv6(const store::Locations& locations, const Settings& settings) {
  store::make_directory(locations.state + "/network");
  const std::string state = settings.ipv6() ? "on" : "off";
  if (store::create_exclusively(held_path(locations), state, false)) return settings;
  return linux::try_read_file(held_path(locations)) == state ? settings : Settings::of(locations);
}

void release_ipv6(const store::Locations& locations) { store::remove_file(held_path(locations)); }

void require_ipv6_possible(const Settings& settings) {
  if (settings.ipv6() || ipv6_mode() != Ipv6Mode::on || can_forward_ipv6()) return;
  throw base::Error(store::settings_file() + ": ipv6 = on: this host forwards no IPv6")
      .with_hint("set the sysctl net.ipv6.conf.all.forwarding to 1, run Linux 6.17 or later, or set ipv6 = auto");
}

}  // namespace conductor::network
