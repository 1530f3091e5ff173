// The container's root file system, from detached pieces, each put in place by descriptor.
#pragma once

#include "linux/terminal.hpp"
#include "monitor/protocol.hpp"
#include "monitor/root_parts.hpp"

#include <optional>

namespace conductor::monitor {

// In namespaces of its own, as a member of its cgroup and as root of its user namespace: afterwards "/" is the
// container's root, nothing else is mounted, host name and sysctls are set. `place` is a directory of this mount
// namespace that the root lies on until then. Returns the terminal when the process has one. The caller may not go on
// after an Error.
std::optional<linux::Terminal> enter_root(const LaunchSpec& spec, RootParts parts, const linux::Fd& place);

}  // namespace conductor::monitor
