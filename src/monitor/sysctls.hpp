// Kernel parameters of a container's own namespaces (sysctl(2), proc(5)).
#pragma once

#include "linux/fd.hpp"
#include "monitor/protocol.hpp"

#include <string_view>
#include <vector>

namespace conductor::monitor {

// "net.ipv4.ip_local_port_range" and the like: one that belongs to a namespace the container has for itself. Pure.
bool valid_sysctl(const Option& sysctl, bool own_network);

// Writes them through `proc`, a proc file system of the namespaces they are meant for, not one found by name. Checks
// all before the first is written; throws Error.
void write_sysctls(const linux::Fd& proc, const std::vector<Option>& sysctls, bool own_network);

}  // namespace conductor::monitor
