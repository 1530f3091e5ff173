// /proc/sys/net/ipv4/conf/NAME/ and /proc/sys/net/ipv6/conf/NAME/ of the network namespace at hand.
#pragma once

#include <optional>
#include <string>

namespace conductor::network {

enum class Family { ipv4, ipv6 };

// Nothing when there is no such interface or the kernel has no such setting.
std::optional<int> read_interface_setting(Family family, const std::string& interface, const char* setting);
// False for the same reasons.
bool write_interface_setting(Family family, const std::string& interface, const char* setting, int value);

}  // namespace conductor::network
