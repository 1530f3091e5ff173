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
    Publish& wanted = publish[i];
    const int first = before[i].host_port, last = first + before[i].count - 1;
    const bool in_range = wanted.last_host_port == 0 || (first >= wanted.host_port && last <= wanted.last_host_port);
    Publish asked = before[i];
    asked.host_port = wanted.host_port;
    asked.last_host_port = wanted.last_host_port;
    if (!wanted.is_chosen() && before[i].is_chosen() && in_range && wanted == asked) wanted = before[i];
  }
}

}  // namespace conductor::network
