#include "network/uplinks.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "store/records.hpp"

#include <algorithm>

namespace conductor::network {

namespace {

constexpr std::uint32_t guards_from = 20000;  // priorities of the guards of all instances
constexpr std::uint32_t guards_to = 30000;
constexpr int default_mtu = 1500;

std::string setting_path(const std::string& interface, const char* setting) {
  return "/proc/sys/net/ipv4/conf/" + interface + "/" + setting;
}

// 0 when the interface is gone.
int read_setting(const std::string& interface, const char* setting) {
  const auto text = linux::try_read_file(setting_path(interface, setting));
  return text && base::trim(*text) == "1" ? 1 : 0;
}

void write_setting(const std::string& interface, const char* setting, int value) {
  if (linux::try_read_file(setting_path(interface, setting)))
    linux::write_kernel_file(setting_path(interface, setting), std::to_string(value));
}

bool host_forwards() {
  const auto text = linux::try_read_file("/proc/sys/net/ipv4/ip_forward");
  return text && base::trim(*text) == "1";
}

bool is_guard(const linux::PolicyRule& rule, const std::string& interface) {
  return rule.prohibit && !rule.from && !rule.to && rule.input_interface == interface && rule.priority >= guards_from &&
         rule.priority < guards_to;
}

const UplinkBefore* find(const std::vector<UplinkBefore>& uplinks, const std::string& interface) {
  const auto found =
      std::find_if(uplinks.begin(), uplinks.end(), [&](const UplinkBefore& u) { return u.interface == interface; });
  return found == uplinks.end() ? nullptr : &*found;
}

}  // namespace

Uplinks::Uplinks(const Settings& settings, std::string state) : settings_(settings), state_(std::move(state)) {}

std::vector<UplinkBefore> Uplinks::remembered() const {
  return store::read_record<std::vector<UplinkBefore>>(state_ + "/uplinks.json").value_or(std::vector<UplinkBefore>{});
}

// A host that forwards anyway has its own rules for what passes.
bool Uplinks::needs_guard(const UplinkBefore& uplink) const { return uplink.forwarding == 0 && !host_forwards(); }

linux::PolicyRule Uplinks::guard(const std::string& interface) const {
  linux::PolicyRule rule;
  rule.priority = settings_.guard_priority;
  rule.input_interface = interface;
  rule.prohibit = true;
  return rule;
}

bool Uplinks::ready(const std::vector<linux::PolicyRule>& rules) const {
  const auto before = remembered();
  for (const auto& interface : uplink_interfaces()) {
    const UplinkBefore* uplink = find(before, interface);
    if (uplink == nullptr || read_setting(interface, "forwarding") == 0 ||
        read_setting(interface, "src_valid_mark") == 0)
      return false;
  }
  return std::all_of(before.begin(), before.end(), [&](const UplinkBefore& uplink) {
    const bool guarded = std::find(rules.begin(), rules.end(), guard(uplink.interface)) != rules.end();
    return guarded == needs_guard(uplink);
  });
}

void Uplinks::prepare() {
  linux::Netlink netlink;
  const auto rules = netlink.rules();
  auto before = remembered();
  for (const auto& interface : uplink_interfaces()) {
    if (find(before, interface) != nullptr) continue;
    // Another instance's guard says that it was the one that switched forwarding on.
    const bool switched_on =
        std::any_of(rules.begin(), rules.end(), [&](const auto& rule) { return is_guard(rule, interface); });
    before.push_back({interface, switched_on ? 0 : read_setting(interface, "forwarding"),
                      switched_on ? 0 : read_setting(interface, "src_valid_mark")});
  }
  // Remembered first, changed then: a command killed in between loses nothing.
  store::make_directory(state_);
  store::write_record(state_ + "/uplinks.json", before, false);
  for (const UplinkBefore& uplink : before)
    needs_guard(uplink) ? netlink.add_rule(guard(uplink.interface)) : netlink.remove_rule(guard(uplink.interface));
  netlink.send();
  for (const UplinkBefore& uplink : before) {
    write_setting(uplink.interface, "forwarding", 1);
    write_setting(uplink.interface, "src_valid_mark", 1);
  }
}

void Uplinks::restore() {
  linux::Netlink netlink;
  const auto rules = netlink.rules();
  const auto before = remembered();
  for (const UplinkBefore& uplink : before) {
    const auto others = std::any_of(rules.begin(), rules.end(), [&](const auto& rule) {
      return is_guard(rule, uplink.interface) && rule.priority != settings_.guard_priority;
    });
    if (!others) {
      if (!host_forwards()) write_setting(uplink.interface, "forwarding", uplink.forwarding);
      write_setting(uplink.interface, "src_valid_mark", uplink.src_valid_mark);
    }
    netlink.remove_rule(guard(uplink.interface));
  }
  netlink.send();
  store::remove_file(state_ + "/uplinks.json");
}

std::vector<std::string> uplink_interfaces() {
  linux::Netlink netlink;
  std::vector<int> indices;
  for (const auto& route : netlink.routes())
    if (route.prefix_length == 0 && route.interface != 0) indices.push_back(route.interface);
  std::vector<std::string> names;
  for (const int index : indices) {
    std::array<char, IF_NAMESIZE> name{};
    if (if_indextoname(static_cast<unsigned>(index), name.data()) != nullptr &&
        std::find(names.begin(), names.end(), name.data()) == names.end())
      names.emplace_back(name.data());
  }
  return names;
}

int uplink_mtu() {
  linux::Netlink netlink;
  int mtu = 0;
  for (const auto& name : uplink_interfaces())
    if (const auto link = netlink.link(name); link && link->mtu > 0 && (mtu == 0 || link->mtu < mtu)) mtu = link->mtu;
  return mtu == 0 ? default_mtu : mtu;
}

}  // namespace conductor::network
