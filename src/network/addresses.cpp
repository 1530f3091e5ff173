#include "network/addresses.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "network/networks.hpp"
#include "store/records.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <ctime>

namespace conductor::network {

namespace {

constexpr time_t reserving_s = 60;  // so long may pass between taking an address and writing the record
constexpr std::uint32_t first_host = 2;
constexpr std::uint32_t most_hosts = 1U << 20U;  // that many are tried in a subnet

std::string path_of(const Records& records, const linux::IpAddress& address) {
  return records.addresses() + "/" + linux::to_text(address);
}

// Where the last search ended. It is a hint: two that read the same value meet at the exclusive creation.
std::string hint_path(const Records& records) { return records.state() + "/next-address"; }

std::uint32_t read_hint(const Records& records) {
  const auto text = linux::try_read_file(hint_path(records));
  return static_cast<std::uint32_t>(text ? base::parse_number(*text, UINT32_MAX).value_or(0) : 0);
}

bool contains(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool has(const Endpoint& endpoint, const linux::IpAddress& address) {
  return linux::IpAddress(endpoint.address) == address || contains(endpoint.addresses, linux::to_text(address));
}

// An address whose holder was killed before it had a record, or has another one.
bool is_abandoned(const Records& records, const linux::IpAddress& address) {
  const std::string path = path_of(records, address);
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0 || std::time(nullptr) - status.st_mtime < reserving_s) return false;
  const auto id = linux::try_read_file(path);
  if (!id) return false;
  try {
    const auto holder = records.find(*id);
    return !holder || !has(*holder, address);
  } catch (const base::Error&) {
    return false;  // a damaged record may be this address's
  }
}

bool claim(const Records& records, const linux::IpAddress& address, const std::string& id) {
  const std::string path = path_of(records, address);
  if (claim_file(path, id)) return true;
  if (!is_abandoned(records, address)) return false;
  store::remove_file(path);
  return claim_file(path, id);
}

std::string holder_of(const Records& records, const linux::IpAddress& address) {
  const auto id = linux::try_read_file(path_of(records, address));
  if (!id) return "another container";
  const auto endpoint = records.find(*id);
  return "container " +
         (endpoint && !endpoint->config.names.empty() ? endpoint->config.names.front() : base::short_id(*id));
}

linux::IpAddress nth_address(const linux::IpPrefix& subnet, std::uint32_t number) {
  linux::IpAddress address = subnet.address;
  for (std::size_t i = address.size(); number != 0 && i-- > 0; number >>= 8U)
    address.bytes[i] = static_cast<std::uint8_t>(address.bytes[i] | (number & 0xffU));
  return address;
}

// How many addresses follow first_host; the last one of an IPv4 network is its broadcast address.
std::uint32_t hosts_of(const linux::IpPrefix& subnet) {
  const auto bits = static_cast<unsigned>(subnet.address.bits() - subnet.length);
  if (bits >= 20) return most_hosts;
  const std::uint32_t all = 1U << bits, reserved = first_host + (subnet.address.v6 ? 0U : 1U);
  return all > reserved ? all - reserved : 0;
}

// One network's subnet of one family, and what is wanted of it.
struct Wanted {
  std::string network, subnet, address;
};

linux::IpAddress take_static(const Records& records, const Endpoint& endpoint, const Wanted& wanted) {
  const auto address = linux::parse_ip(wanted.address);
  const auto subnet = linux::parse_prefix(wanted.subnet);
  if (!address) throw base::Error("'" + wanted.address + "' is no IP address");
  if (!subnet)
    throw base::Error("network " + wanted.network + " has no subnet that " + wanted.address + " could be of");
  const bool v4_end = !address->v6 && (*address == subnet->first() || *address == subnet->last());
  if (!subnet->contains(*address) || v4_end)
    throw base::Error(wanted.address + " is no address for a container in network " + wanted.network +
                      ": its subnet is " + wanted.subnet);
  if (!contains(endpoint.addresses, linux::to_text(*address)) && !claim(records, *address, endpoint.id))
    throw base::Error("address " + wanted.address + " is taken by " + holder_of(records, *address));
  return *address;
}

linux::IpAddress take_any(const Records& records, const Endpoint& endpoint, const Wanted& wanted) {
  const auto subnet = linux::parse_prefix(wanted.subnet);
  if (!subnet) throw base::Error("network " + wanted.network + ": '" + wanted.subnet + "' is no subnet");
  for (const auto& text : endpoint.addresses)
    if (const auto address = linux::parse_ip(text); address && subnet->contains(*address)) return *address;
  for (std::uint32_t i = 0; i < hosts_of(*subnet); ++i)
    if (const auto address = nth_address(*subnet, first_host + i); claim(records, address, endpoint.id)) return address;
  throw base::Error("all addresses of network " + wanted.network + " (" + wanted.subnet + ") are taken");
}

// In the order of the memberships, IPv4 first.
std::vector<Wanted> wanted_of(const Settings& settings, const Records& records, const Endpoint& endpoint) {
  std::vector<Wanted> all;
  for (const Membership& membership : endpoint.config.networks) {
    const NetworkConfig network = read_network(records, membership.network).value_or(NetworkConfig{});
    const auto want = [&](const std::string& subnet, const std::string& address) {
      if (!subnet.empty() || !address.empty()) all.push_back({membership.network, subnet, address});
    };
    want(network.subnet, membership.ipv4);
    if (settings.ipv6()) want(network.subnet6, membership.ipv6);
  }
  return all;
}

}  // namespace

linux::Ipv4 take_address(const Settings& settings, const Records& records, const std::string& id) {
  store::make_directory(records.addresses());
  store::make_directory(records.state());
  const std::uint32_t count = (1U << static_cast<unsigned>(32 - settings.prefix_length)) - 1 - first_host;
  const std::uint32_t start = read_hint(records);
  for (std::uint32_t tried = 0; tried < count; ++tried) {
    const std::uint32_t offset = (start + tried) % count;
    const linux::Ipv4 address = settings.subnet + first_host + offset;
    if (!claim(records, address, id)) continue;
    store::write_file_atomically(hint_path(records), std::to_string((offset + 1) % count), false);
    return address;
  }
  throw base::Error("all addresses of " + settings.subnet_text() + " are taken");
}

std::vector<std::string> take_network_addresses(const Settings& settings, const Records& records,
                                                const Endpoint& endpoint) {
  store::make_directory(records.addresses());
  std::vector<std::string> taken;
  try {
    for (const Wanted& wanted : wanted_of(settings, records, endpoint))
      taken.push_back(linux::to_text(wanted.address.empty() ? take_any(records, endpoint, wanted)
                                                            : take_static(records, endpoint, wanted)));
  } catch (...) {
    give_back_addresses(records, taken, endpoint.addresses);
    throw;
  }
  return taken;
}

void give_back_address(const Records& records, const linux::IpAddress& address) {
  store::remove_file(path_of(records, address));
}

void give_back_addresses(const Records& records, const std::vector<std::string>& addresses,
                         const std::vector<std::string>& kept) {
  for (const auto& text : addresses)
    if (const auto address = linux::parse_ip(text); address && !contains(kept, text))
      give_back_address(records, *address);
}

void give_back_addresses_of(const Records& records, const std::string& id, const std::vector<std::string>& kept) {
  for (const auto& name : store::list_directory(records.addresses())) {
    if (contains(kept, name)) continue;
    const std::string path = records.addresses() + "/" + name;
    if (linux::try_read_file(path) == id) store::remove_file(path);
  }
}

}  // namespace conductor::network
