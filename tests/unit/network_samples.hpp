// Endpoints and links for tests, in few words.
#pragma once

#include "network/firewall_elements.hpp"
#include "network/network.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace test {

namespace net = conductor::network;

inline net::Endpoint endpoint(const std::string& id, int number, const std::string& scope = {}) {
  net::Endpoint e;
  e.id = id;
  e.address = 0x0ae70000U + static_cast<unsigned>(number);  // 10.231.0.NUMBER
  e.interface = "cdr" + id;
  e.config.names = {id};
  e.config.scope = scope;
  return e;
}

inline net::Link link_to(const std::string& peer, int first = 0, int last = 0,
                         net::Protocol protocol = net::Protocol::tcp) {
  net::Link link;
  link.peer = peer;
  link.first_port = first;
  link.last_port = last;
  link.protocol = protocol;
  return link;
}

inline net::Settings settings_without_ipv6() {
  net::Settings settings;
  settings.table = "conductor";
  settings.interface_prefix = "cdr";
  return settings;
}

inline net::Settings settings_with_ipv6() {
  net::Settings settings = settings_without_ipv6();
  settings.subnet6 = *conductor::linux::parse_ip("fd12:3456:789a:1::");
  return settings;
}

// "SET ELEMENT", sorted.
inline std::vector<std::string> texts(const std::set<net::Element>& elements) {
  std::vector<std::string> result;
  for (const auto& e : elements) result.push_back(e.set + " " + e.text);
  std::sort(result.begin(), result.end());
  return result;
}
using Texts = std::vector<std::string>;

}  // namespace test
