#include "network/verify_inside.hpp"

#include "network/attachment.hpp"
#include "network/declared_parts.hpp"

#include <algorithm>
#include <utility>

namespace conductor::network {

namespace {

using Kind = Finding::Kind;

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
    foreign_ = foreign_inside(settings_, endpoint_, declared, interface_, inside_);
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
    for (const auto& link : foreign_.interfaces)
      note(Kind::extra, "interface", "there is an interface " + link.name + " that nobody declared");
  }

  void compare_addresses() {
    for (const auto& address : own_)
      if (std::none_of(inside_.addresses.begin(), inside_.addresses.end(), [&](const auto& found) {
            return found.interface == interface_ && found.address == address && found.prefix_length == address.bits();
          }))
        note(Kind::missing, "address", "the address " + linux::to_text(address) + " is missing");
    for (const auto& found : foreign_.addresses)
      note(Kind::extra, "address",
           "there is the address " + linux::to_text(found.address) + " on " + inside_.name_of(found.interface) +
               " that nobody declared");
  }

  void compare_routes(const std::set<InnerRoute>& declared) {
    for (const auto& found : foreign_.routes)
      note(Kind::extra, "route",
           "there is a route to " + place(found.destination, found.prefix_length) + " that nobody declared",
           whose(found.destination, found.prefix_length));
    for (const auto& wanted : wanted_inner_routes(settings_, declared)) {
      const bool present = std::any_of(inside_.routes.begin(), inside_.routes.end(), [&](const auto& found) {
        return is_same_inner_route(found, wanted, interface_);
      });
      if (!present)
        note(Kind::missing, "route",
             "there is no route to " + place(wanted.destination, wanted.prefix_length) +
                 (wanted.gateway ? "" : ", the host's end of its link"),
             whose(wanted.destination, wanted.prefix_length));
    }
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

  void compare_policy_rules() {
    for (const auto& rule : foreign_.rules)
      note(Kind::extra, "policy rule",
           "there is a policy rule " + std::to_string(rule.priority) + " (" + rule_words(rule) +
               ") that nobody declared");
  }

  const Settings& settings_;
  const Endpoint& endpoint_;
  const NetworkState& inside_;
  const AddressBook& book_;
  std::string where_;
  std::vector<linux::IpAddress> own_;
  int interface_ = 0;
  ForeignParts foreign_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> compare_inside(const Settings& settings, const Endpoint& endpoint,
                                    const std::set<InnerRoute>& declared, const NetworkState& inside,
                                    const AddressBook& book) {
  return Comparison(settings, endpoint, inside, book).run(declared);
}

}  // namespace conductor::network
