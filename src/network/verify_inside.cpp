#include "network/verify_inside.hpp"

#include "network/attachment.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace conductor::network {

namespace {

using Kind = Finding::Kind;

// Devices that the kernel puts into every new namespace once their module is loaded; down, they do nothing.
constexpr std::array<std::string_view, 9> fallback_devices = {"tunl0",    "gre0", "gretap0", "erspan0", "ip_vti0",
                                                              "ip6_vti0", "sit0", "ip6tnl0", "ip6gre0"};

bool is_fallback_device(const linux::LinkInfo& link) {
  return !link.up && std::find(fallback_devices.begin(), fallback_devices.end(), link.name) != fallback_devices.end();
}

std::string prefix_text(const linux::IpAddress& address, int length) {
  return length == 0 ? (address.v6 ? "everywhere over IPv6" : "everywhere")
                     : linux::to_text(linux::prefix_of(address, length));
}

class Comparison {
 public:
  Comparison(const Settings& settings, const Endpoint& endpoint, const NetworkState& inside, const AddressBook& book)
      : settings_(settings),
        endpoint_(endpoint),
        inside_(inside),
        book_(book),
        where_("inside " + display_name(endpoint)),
        own_(addresses_of(settings, endpoint)) {}

  std::vector<Finding> run(const std::set<InnerRoute>& declared) {
    const auto* link = inside_.link(inner_interface);
    if (link == nullptr) {
      note(Kind::missing, "interface", "there is no " + std::string(inner_interface));
      return findings_;
    }
    interface_ = link->index;
    if (!link->up) note(Kind::damaged, "interface", std::string(inner_interface) + " is down");
    compare_interfaces();
    compare_addresses();
    compare_routes(declared);
    compare_entries();
    compare_policy_rules();
    return findings_;
  }

 private:
  void note(Kind kind, const char* object, const std::string& rest, std::vector<std::string> others = {}) {
    findings_.push_back({kind, object, where_ + " " + rest, std::move(others)});
  }
  const Endpoint* peer(const linux::IpAddress& address, int length) const {
    return length == address.bits() ? book_.find(address) : nullptr;
  }
  // "10.231.0.3 (db)", "10.0.0.0/8", "everywhere".
  std::string place(const linux::IpAddress& address, int length) const {
    const Endpoint* known = peer(address, length);
    return known == nullptr ? prefix_text(address, length)
                            : display_name(*known) + " (" + linux::to_text(address) + ")";
  }
  // Whose address it is, as `others` of a finding.
  std::vector<std::string> whose(const linux::IpAddress& address, int length) const {
    const Endpoint* known = peer(address, length);
    return known == nullptr || known->id == endpoint_.id ? std::vector<std::string>() : std::vector{known->id};
  }

  void compare_interfaces() {
    for (const auto& link : inside_.links)
      if (link.name != "lo" && link.name != inner_interface && !is_fallback_device(link))
        note(Kind::extra, "interface", "there is an interface " + link.name + " that nobody declared");
  }

  // Those of 127.0.0.0/8 and ::1 on lo are nobody's business.
  bool is_loopback_address(const linux::IpAddress& address) const {
    return address.v6 ? address == linux::parse_ip("::1") : address.bytes.front() == 127;
  }

  void compare_addresses() {
    for (const auto& address : own_)
      if (std::none_of(inside_.addresses.begin(), inside_.addresses.end(), [&](const auto& found) {
            return found.interface == interface_ && found.address == address && found.prefix_length == address.bits();
          }))
        note(Kind::missing, "address", "the address " + linux::to_text(address) + " is missing");
    for (const auto& found : inside_.addresses) {
      const bool own = found.interface == interface_ && found.prefix_length == found.address.bits() &&
                       std::find(own_.begin(), own_.end(), found.address) != own_.end();
      if (!own && !is_loopback_address(found.address))
        note(Kind::extra, "address",
             "there is the address " + linux::to_text(found.address) + " on " + inside_.name_of(found.interface) +
                 " that nobody declared");
    }
  }

  // What make_veth adds beside the declared ones: to the gateway, and over IPv6 to the host's own address.
  std::vector<linux::Route> wanted_routes(const std::set<InnerRoute>& declared) const {
    std::vector<linux::Route> wanted;
    linux::Route to_gateway;
    to_gateway.destination = gateway_of(false);
    wanted.push_back(to_gateway);
    const auto through_gateway = [&](const linux::IpAddress& destination, int length) {
      linux::Route route;
      route.destination = destination;
      route.prefix_length = length;
      route.gateway = gateway_of(destination.v6);
      wanted.push_back(route);
    };
    if (settings_.ipv6()) through_gateway(host_address6(settings_), 128);
    for (const InnerRoute& route : declared) through_gateway(route.destination, route.prefix_length);
    return wanted;
  }

  // The kernel's own: an IPv6 address as a route to itself.
  bool is_kernels(const linux::Route& route) const {
    if (!route.destination.v6 || route.prefix_length != 128 || route.gateway) return false;
    return is_loopback_address(route.destination) ||
           std::find(own_.begin(), own_.end(), route.destination) != own_.end();
  }

  void compare_routes(const std::set<InnerRoute>& declared) {
    const auto same_place = [](const linux::Route& a, const linux::Route& b) {
      return a.destination == b.destination && a.prefix_length == b.prefix_length;
    };
    const auto matches = [&](const linux::Route& found, const linux::Route& wanted) {
      return same_place(found, wanted) && found.gateway == wanted.gateway && found.interface == interface_;
    };
    const auto wanted = wanted_routes(declared);
    std::vector<bool> present(wanted.size());
    for (const auto& found : inside_.routes) {
      if (is_kernels(found)) continue;
      const auto place_of =
          std::find_if(wanted.begin(), wanted.end(), [&](const auto& route) { return matches(found, route); });
      if (place_of != wanted.end()) {
        present[static_cast<std::size_t>(place_of - wanted.begin())] = true;
        continue;
      }
      note(Kind::extra, "route",
           "there is a route to " + place(found.destination, found.prefix_length) + " that nobody declared",
           whose(found.destination, found.prefix_length));
    }
    for (std::size_t i = 0; i < wanted.size(); ++i)
      if (!present[i])
        note(Kind::missing, "route",
             "there is no route to " + place(wanted[i].destination, wanted[i].prefix_length) +
                 (wanted[i].gateway ? "" : ", the host's end of its link"),
             whose(wanted[i].destination, wanted[i].prefix_length));
  }

  void compare_entries() {
    std::vector<linux::IpAddress> gateways{gateway_of(false)};
    if (settings_.ipv6()) gateways.push_back(gateway_of(true));
    const auto entries = inside_.neighbours.find(interface_);
    for (auto& finding : compare_neighbours(
             where_ + " the kernel", gateways, host_mac(endpoint_),
             entries == inside_.neighbours.end() ? std::vector<linux::Neighbour>() : entries->second, nullptr))
      findings_.push_back(std::move(finding));
  }

  // Those that every namespace begins with have no selectors: local (0), main (32766), default (32767).
  void compare_policy_rules() {
    for (const auto& rule : inside_.rules) {
      const bool plain = !rule.from && !rule.to && rule.mark_mask == 0 && !rule.input_interface && !rule.prohibit;
      if (plain && (rule.priority == 0 || rule.priority == 32766 || rule.priority == 32767)) continue;
      note(Kind::extra, "policy rule",
           "there is a policy rule " + std::to_string(rule.priority) + " (" + rule_words(rule) +
               ") that nobody declared");
    }
  }

  const Settings& settings_;
  const Endpoint& endpoint_;
  const NetworkState& inside_;
  const AddressBook& book_;
  std::string where_;
  std::vector<linux::IpAddress> own_;
  int interface_ = 0;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> compare_inside(const Settings& settings, const Endpoint& endpoint,
                                    const std::set<InnerRoute>& declared, const NetworkState& inside,
                                    const AddressBook& book) {
  return Comparison(settings, endpoint, inside, book).run(declared);
}

}  // namespace conductor::network
