#include "network/endpoint_config.hpp"

#include "base/error.hpp"
#include "network/egress.hpp"
#include "network/ports.hpp"

#include <algorithm>

namespace conductor::network {

namespace {

constexpr int last_port = 65535;

void validate_ranges(const std::vector<PortRange>& ranges, const std::string& what) {
  for (const PortRange& range : ranges)
    if (range.first < 0 || range.first > last_port || range.last > last_port ||
        (range.last != 0 && range.last < range.first))
      throw base::Error(what + " names ports that do not exist: ports are 1 to 65535");
}

}  // namespace

void validate_config(const EndpointConfig& config) {
  for (const Link& link : config.links)
    validate_ranges({{link.protocol, link.first_port, link.last_port}}, "a link to " + link.peer);
  validate_ranges(config.expose, "expose");
  validate_ranges(config.host_ports, "the list of the host's services");
  validate_destinations(config.internet_to);
  validate_ports(config.publish);
}

void keep_chosen_ports(std::vector<Publish>& publish, const std::vector<Publish>& before) {
  for (std::size_t i = 0; i < std::min(publish.size(), before.size()); ++i) {
    Publish asked = before[i];
    asked.host_port = 0;
    if (publish[i] == asked) publish[i].host_port = before[i].host_port;
  }
}

}  // namespace conductor::network
