// Which devices the processes of a control group may use.
#pragma once

#include "linux/cgroup.hpp"

#include <string>
#include <vector>

namespace conductor::linux {

// Version 1: `directory` is the group in the devices hierarchy. All but `rules` is denied.
void limit_devices_v1(const std::string& directory, const std::vector<DeviceRule>& rules);
// Version 2: a BPF program of type CGROUP_DEVICE on the group. Throws when it cannot be loaded or attached.
void limit_devices_v2(const std::string& directory, const std::vector<DeviceRule>& rules);

}  // namespace conductor::linux
