// Words that tighten or relax a container's confinement, as docker writes them, and what they mean on this machine.
// docs/security.md lists them.
#pragma once

#include "engine/container.hpp"
#include "monitor/protocol.hpp"

#include <string>
#include <vector>

namespace conductor::engine {

// Each throws Error naming the word and what was expected. Pure but for the profile that is read.
DeviceConfig parse_device(const std::string& text);            // "SOURCE[:TARGET][:rwm]"
linux::DeviceRule parse_device_rule(const std::string& text);  // "c 189:* rwm"
monitor::ResourceLimit parse_ulimit(const std::string& text);  // "nofile=1024:2048", "core=unlimited"
std::string limit_name(int resource);                          // "nofile"
// "seccomp=FILE", "seccomp=unconfined", "no-new-privileges[=true|false]", "apparmor=PROFILE"; a colon does as well.
void add_security_option(ContainerConfig& config, const std::string& text);

// What can be known of it before a container is made: the machine has the devices and the AppArmor, may raise the
// limits, the sysctls are the container's own, the profile can be read. Throws Error.
void check_confinement(const ContainerConfig& config);

// Nodes and rules of the devices that were asked for; of a directory all nodes below it. Throws Error for what is no
// device, or absent.
struct DeviceAccess {
  std::vector<monitor::Device> nodes;
  std::vector<linux::DeviceRule> rules;
};
DeviceAccess devices_of(const ContainerConfig& config);

// The default ones, with those the container has of its own in their place.
std::vector<monitor::ResourceLimit> resource_limits_of(const ContainerConfig& config);
std::vector<monitor::Option> sysctls_of(const ContainerConfig& config, std::vector<monitor::Option> defaults);

bool owns_network(const ContainerConfig& config);

}  // namespace conductor::engine
