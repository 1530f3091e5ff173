// What all endpoints of the instance stand on: the table, the policy rules, the packet guards, the host's IPv6 address
// towards endpoints, the uplinks' settings, a way through the firewalls of others. It is there while an endpoint is
// attached, and only then. Who makes or removes it holds the network lock exclusively.
#pragma once

#include "base/fields.hpp"
#include "linux/packet_guard.hpp"
#include "network/network.hpp"
#include "network/records.hpp"

#include <string>
#include <vector>

namespace conductor::network {

// All that addresses of endpoints are of, disjoint: the instance's ranges, and the subnets of networks outside them.
std::vector<linux::IpPrefix> guarded_ranges(const Settings& settings, const Records& records);

// For each range: the host to endpoints looks up their table, from endpoints and to endpoints is prohibited. For each
// family, before the latter: marked packets look up the endpoints' table, then table main.
std::vector<linux::PolicyRule> policy_rules(const Settings& settings, const std::vector<linux::IpPrefix>& ranges);
// Of the kernel's rules those in the place of ours that are for the same packets and say something else.
std::vector<linux::PolicyRule> changed_rules(const Settings& settings, const std::vector<linux::IpPrefix>& ranges,
                                             const std::vector<linux::PolicyRule>& observed);
// A guard for each range; none where the kernel cannot.
std::vector<linux::PacketGuard> packet_guards(const Settings& settings, const std::vector<linux::IpPrefix>& ranges);

class Foundation {
 public:
  Foundation(const Settings& settings, const Records& records) : settings_(settings), records_(records) {}
  // Some reads of the kernel's state, the same number however many endpoints there are.
  bool stands() const;
  // The host's ends of all these are up and have their routes and filters: not so after one was set down and up again.
  bool ends_stand(const std::vector<Endpoint>& attached) const;
  // The whole of it for these endpoints, the table in one transaction; what stands already is replaced.
  void build(const std::vector<Endpoint>& attached) const;
  // Every part is tried; what is gone is fine.
  void remove() const;
  // Nothing of it is left, as far as its record and the table say.
  bool is_gone() const;

 private:
  void forget_former(const std::vector<linux::IpPrefix>& ranges) const;
  void put_up_ends(const std::vector<Endpoint>& attached) const;

  const Settings& settings_;
  const Records& records_;
};

}  // namespace conductor::network
