// What all endpoints of the instance stand on: the table, four policy rules, the uplinks' settings. It is there while
// an endpoint is attached, and only then. Who makes or removes it holds the network lock exclusively.
#pragma once

#include "network/network.hpp"
#include "network/records.hpp"

#include <vector>

namespace conductor::network {

// In their order: the host to endpoints; marked packets; from endpoints: prohibited; to endpoints: prohibited. Both of
// the former look up table main.
std::vector<linux::PolicyRule> policy_rules(const Settings& settings);

class Foundation {
 public:
  Foundation(const Settings& settings, const Records& records) : settings_(settings), records_(records) {}
  bool stands() const;
  // The whole of it for these endpoints, the table in one transaction; what stands already is replaced.
  void build(const std::vector<Endpoint>& attached) const;
  // Every part is tried; what is gone is fine.
  void remove() const;

 private:
  const Settings& settings_;
  const Records& records_;
};

}  // namespace conductor::network
