#include "network/uplinks.hpp"

#include "base/error.hpp"
#include "network/interface_settings.hpp"
#include "store/records.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace conductor::network {

namespace {

constexpr std::uint32_t guards_from = 20000;  // priorities of the guards of all instances
constexpr std::uint32_t guards_to = 30000;
constexpr int default_mtu = 1500;

// What forwards on one interface alone.
const char* switch_of(bool v6) { return v6 ? "force_forwarding" : "forwarding"; }
Family family_of(bool v6) { return v6 ? Family::ipv6 : Family::ipv4; }

// Where the kernel has no such switch, forwarding is on for all interfaces, or IPv6 is off. 0 when the interface is
// gone.
int read_switch(const Uplink& uplink) {
  if (const auto value = read_interface_setting(family_of(uplink.v6), uplink.interface, switch_of(uplink.v6)))
    return *value;
  return uplink.v6 ? 1 : 0;
}
int read_mark_setting(const Uplink& uplink) {
  return uplink.v6 ? 1 : read_interface_setting(Family::ipv4, uplink.interface, "src_valid_mark").value_or(0);
}

void write_settings(const UplinkBefore& uplink, int forwarding, int src_valid_mark) {
  write_interface_setting(family_of(uplink.v6), uplink.interface, switch_of(uplink.v6), forwarding);
  if (!uplink.v6) write_interface_setting(Family::ipv4, uplink.interface, "src_valid_mark", src_valid_mark);
}

// `forwarding` of all interfaces of IPv4 is ip_forward.
bool host_forwards(bool v6) { return read_interface_setting(family_of(v6), "all", "forwarding").value_or(0) != 0; }

// A guard of this or another instance.
bool is_guard(const linux::PolicyRule& rule, const Uplink& uplink) {
  return rule.prohibit && rule.v6 == uplink.v6 && !rule.from && !rule.to && rule.input_interface == uplink.interface &&
         rule.priority >= guards_from && rule.priority < guards_to;
}

Uplink uplink_of(const UplinkBefore& before) { return {before.interface, before.v6}; }

const UplinkBefore* find(const std::vector<UplinkBefore>& before, const Uplink& uplink) {
  const auto found =
      std::find_if(before.begin(), before.end(), [&](const UplinkBefore& b) { return uplink_of(b) == uplink; });
  return found == before.end() ? nullptr : &*found;
}

}  // namespace

Uplinks::Uplinks(const Settings& settings, std::string state) : settings_(settings), state_(std::move(state)) {}

std::vector<UplinkBefore> Uplinks::remembered() const {
  return store::read_record<std::vector<UplinkBefore>>(state_ + "/uplinks.json").value_or(std::vector<UplinkBefore>{});
}

// Those whose family endpoints have.
std::vector<Uplink> Uplinks::present() const {
  auto all = uplinks();
  std::erase_if(all, [&](const Uplink& uplink) { return uplink.v6 && !settings_.ipv6(); });
  return all;
}

// A host that forwards anyway has its own rules for what passes.
bool Uplinks::needs_guard(const UplinkBefore& uplink) const {
  return uplink.forwarding == 0 && !host_forwards(uplink.v6);
}

linux::PolicyRule Uplinks::guard(const UplinkBefore& uplink) const {
  linux::PolicyRule rule;
  rule.v6 = uplink.v6;
  rule.priority = settings_.guard_priority;
  rule.input_interface = uplink.interface;
  rule.prohibit = true;
  return rule;
}

bool Uplinks::ready(const std::vector<linux::PolicyRule>& rules) const {
  const auto before = remembered();
  for (const Uplink& uplink : present())
    if (find(before, uplink) == nullptr || read_switch(uplink) == 0 || read_mark_setting(uplink) == 0) return false;
  return std::all_of(before.begin(), before.end(), [&](const UplinkBefore& uplink) {
    const bool guarded = std::find(rules.begin(), rules.end(), guard(uplink)) != rules.end();
    return guarded == needs_guard(uplink);
  });
}

void Uplinks::prepare() {
  linux::Netlink netlink;
  const auto rules = netlink.rules();
  auto before = remembered();
  for (const Uplink& uplink : present()) {
    if (find(before, uplink) != nullptr) continue;
    // Another instance's guard says that it was the one that switched forwarding on.
    const bool switched_on =
        std::any_of(rules.begin(), rules.end(), [&](const auto& rule) { return is_guard(rule, uplink); });
    before.push_back({uplink.interface, uplink.v6, switched_on ? 0 : read_switch(uplink),
                      switched_on ? 0 : read_mark_setting(uplink)});
  }
  // Remembered first, changed then: a command killed in between loses nothing.
  store::make_directory(state_);
  store::write_record(state_ + "/uplinks.json", before, false);
  for (const UplinkBefore& uplink : before)
    needs_guard(uplink) ? netlink.add_rule(guard(uplink)) : netlink.remove_rule(guard(uplink));
  netlink.send();
  for (const UplinkBefore& uplink : before) write_settings(uplink, 1, 1);
}

void Uplinks::restore() {
  linux::Netlink netlink;
  const auto rules = netlink.rules();
  for (const UplinkBefore& uplink : remembered()) {
    const bool others = std::any_of(rules.begin(), rules.end(), [&](const auto& rule) {
      return is_guard(rule, uplink_of(uplink)) && rule.priority != settings_.guard_priority;
    });
    // Somebody who has switched IPv4 on for the whole host has done so for each interface.
    const bool stays_on = !uplink.v6 && host_forwards(false);
    if (!others) write_settings(uplink, stays_on ? 1 : uplink.forwarding, uplink.src_valid_mark);
    netlink.remove_rule(guard(uplink));
  }
  netlink.send();
  store::remove_file(state_ + "/uplinks.json");
}

std::vector<Uplink> uplinks() {
  std::set<Uplink> result;
  for (const auto& route : linux::Netlink().routes()) {
    if (route.prefix_length != 0) continue;
    auto indices = route.further_interfaces;
    indices.push_back(route.interface);
    for (const int index : indices) {
      std::array<char, IF_NAMESIZE> name{};
      if (index != 0 && if_indextoname(static_cast<unsigned>(index), name.data()) != nullptr &&
          std::string(name.data()) != "lo")
        result.insert({name.data(), route.destination.v6});
    }
  }
  return {result.begin(), result.end()};
}

std::vector<std::string> uplink_interfaces() {
  std::set<std::string> names;
  for (const Uplink& uplink : uplinks()) names.insert(uplink.interface);
  return {names.begin(), names.end()};
}

int uplink_mtu() {
  linux::Netlink netlink;
  int mtu = 0;
  for (const auto& name : uplink_interfaces())
    if (const auto link = netlink.link(name); link && link->mtu > 0 && (mtu == 0 || link->mtu < mtu)) mtu = link->mtu;
  return mtu == 0 ? default_mtu : mtu;
}

}  // namespace conductor::network
