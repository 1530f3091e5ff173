// Published ports as `ps`, `port` and `inspect` show them, in docker's words.
#pragma once

#include "base/json.hpp"
#include "network/network.hpp"

#include <string>
#include <vector>

namespace conductor::cli {

// What is true for the whole machine.
struct PortsView {
  network::PublishScope scope = network::PublishScope::all;  // of ports that say none
  bool ipv6 = false;                                         // published on the host's IPv6 addresses, too
  static PortsView of(const network::Settings& settings) { return {settings.publish_scope, settings.ipv6()}; }
};

// One port of a container at one address of the host.
struct PortBinding {
  int container_port = 0;
  network::Protocol protocol = network::Protocol::tcp;
  std::string host_ip;  // "0.0.0.0" and "::": all
  int host_port = 0;
  network::PublishScope scope = network::PublishScope::all;
};
std::vector<PortBinding> bindings(const std::vector<network::Publish>& publish, const PortsView& view);

std::string inner_text(const PortBinding& binding);  // "8080/tcp"
std::string outer_text(const PortBinding& binding);  // "0.0.0.0:3000", "[::]:3000"
// "0.0.0.0:3000-3002->8080-8082/tcp, [::]:3000-3002->8080-8082/tcp, 9000/udp": ports in a row are joined; exposed ones
// that are not published stand alone. " (host)" behind those that only this host may use.
std::string ports_text(const std::vector<network::Publish>& publish, const std::vector<std::string>& exposed,
                       const PortsView& view);
// {"8080/tcp": [{"HostIp": "0.0.0.0", "HostPort": "3000"}]}
base::Json ports_json(const std::vector<network::Publish>& publish, const PortsView& view);
// "8080", "8080-8082": `count` ports from the first one.
std::string range_text(int first, int count);

}  // namespace conductor::cli
