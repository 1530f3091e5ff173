#include "network/ipv6_support.hpp"

#include "network/interface_settings.hpp"

namespace conductor::network {

bool can_forward_ipv6() {
  // Ours come with the default, and the host's own address towards endpoints is on lo.
  for (const char* interface : {"default", "lo"})
    if (read_interface_setting(Family::ipv6, interface, "disable_ipv6").value_or(1) != 0) return false;
  return read_interface_setting(Family::ipv6, "all", "force_forwarding").has_value() ||
         read_interface_setting(Family::ipv6, "all", "forwarding").value_or(0) != 0;
}

}  // namespace conductor::network
