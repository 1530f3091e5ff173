// Which networks an instance may take, and which are taken.
#include "base/error.hpp"
#include "base/sha256.hpp"
#include "network/attachment.hpp"
#include "network/settings.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace conductor::network {

namespace {

constexpr std::uint32_t first_slot_subnet = 0x0a800000;  // 10.128.0.0; a slot is a /20
constexpr std::uint32_t slots = 103 * 16;                // up to 10.230.240.0/20
constexpr int slot_length = 20;
constexpr std::uint32_t slot_step = 211;  // coprime to the number of slots: neighbours are often taken together
constexpr std::uint32_t slots_tried = 8;

linux::IpPrefix slot_range(std::uint32_t slot) {
  return {linux::IpAddress(first_slot_subnet + ((slot % slots) << 12U)), slot_length};
}

}  // namespace

std::uint32_t slot_of(const std::string& instance) {
  return static_cast<std::uint32_t>(std::stoul(base::sha256_hex(instance).substr(0, 8), nullptr, 16) % slots);
}

bool is_interface_group(std::uint32_t group) {
  const std::uint32_t first = Settings{}.interface_group;
  return group >= first && group <= first + slots;
}

std::vector<linux::IpPrefix> range_candidates(const std::string& instance) {
  std::vector<linux::IpPrefix> candidates;
  const std::uint32_t slot = slot_of(instance);
  if (instance == "conductor") {
    for (std::uint32_t second = 231; second <= 239; ++second)
      candidates.push_back({linux::IpAddress(0x0a000000U + (second << 16U)), 16});
    for (const char* other : {"172.30.0.0/16", "172.29.0.0/16", "192.168.240.0/20", "192.168.224.0/20"})
      candidates.push_back(*linux::parse_prefix(other));
    return candidates;
  }
  for (std::uint32_t i = 0; i < slots_tried; ++i) candidates.push_back(slot_range(slot + i * slot_step));
  // Where all of 10.0.0.0/8 is somebody's: a sixteenth each of two networks that hosts seldom have.
  for (const linux::Ipv4 network : {0xac1c0000U, 0xac1b0000U})  // 172.28.0.0, 172.27.0.0
    candidates.push_back({linux::IpAddress(network + ((slot % 16) << 12U)), slot_length});
  return candidates;
}

std::vector<HostNetwork> clashes(const std::vector<HostNetwork>& networks, const std::vector<linux::IpPrefix>& ours) {
  std::vector<HostNetwork> result;
  for (const HostNetwork& network : networks)
    if (std::any_of(ours.begin(), ours.end(), [&](const auto& range) { return range.overlaps(network.prefix); }))
      result.push_back(network);
  return result;
}

linux::IpPrefix choose_range(const std::vector<linux::IpPrefix>& candidates, const std::vector<HostNetwork>& taken) {
  for (const linux::IpPrefix& candidate : candidates)
    if (clashes(taken, {candidate}).empty()) return candidate;
  throw base::Error("this host has routes to every network that containers could have")
      .with_hint("name one that is free in /etc/conductor/config: subnet = 192.0.2.0/24");
}

linux::IpPrefix unique_local_range(const std::string& machine_id, const std::string& instance) {
  const std::string hash = base::sha256_hex(machine_id + "\n" + instance);
  linux::IpAddress address;
  address.v6 = true;
  address.bytes[0] = 0xfd;  // RFC 4193: locally assigned, then 40 bits of the site and 16 of the subnet
  for (std::size_t i = 1; i < 8; ++i)
    address.bytes[i] = static_cast<std::uint8_t>(std::stoul(hash.substr(2 * i, 2), nullptr, 16));
  return {address, 64};
}

std::vector<HostNetwork> host_networks(const Settings& settings) {
  linux::Netlink netlink;
  std::map<int, std::string> names;
  std::set<int> of_instances;
  for (const auto& link : netlink.links()) {
    names[link.index] = link.name;
    if (is_interface_group(link.group)) of_instances.insert(link.index);
  }
  std::vector<HostNetwork> networks;
  const auto note = [&](const linux::IpPrefix& prefix, int interface) {
    const std::string& name = names[interface];
    const bool ours = name.starts_with(settings.interface_prefix) ||
                      (name == "lo" && settings.ipv6() && settings.range6().contains(prefix.address));
    if (!ours) networks.push_back({prefix, name.empty() ? "a route" : name});
  };
  for (const auto& route : netlink.routes())
    if (route.prefix_length != 0) note(linux::prefix_of(route.destination, route.prefix_length), route.interface);
  for (const auto& route : netlink.routes(endpoint_table))
    if (of_instances.contains(route.interface))
      note(linux::prefix_of(route.destination, route.prefix_length), route.interface);
  for (const auto& address : netlink.addresses())
    note(linux::prefix_of(address.address, address.prefix_length), address.interface);
  return networks;
}

}  // namespace conductor::network
