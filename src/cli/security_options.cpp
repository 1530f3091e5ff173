#include "cli/security_options.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "engine/confinement.hpp"

namespace conductor::cli {

namespace {

// What `body` throws names the option, and ends with the exit code for words that are wrong.
template <class Body>
void of_option(const char* option, Body&& body) {
  const base::Context context(std::string("option ") + option);
  try {
    body();
  } catch (base::Error& error) {
    throw error.with_exit_code(base::exit_usage);
  }
}

void add_sysctl(engine::ContainerConfig& config, const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw base::Error("'" + base::escape_control(text) + "' is not NAME=VALUE");
  config.sysctls[text.substr(0, equals)] = text.substr(equals + 1);
}

}  // namespace

std::vector<monitor::ResourceLimit> read_ulimits(const std::vector<std::string>& texts) {
  std::vector<monitor::ResourceLimit> limits;
  of_option("--ulimit", [&] {
    for (const auto& text : texts) limits.push_back(engine::parse_ulimit(text));
  });
  return limits;
}

void SecurityOptions::declare(Options& options) {
  options.option("--cap-add", cap_add_, "a capability more, or ALL", "NAME");
  options.option("--cap-drop", cap_drop_, "a capability less, or ALL", "NAME");
  options.flag("--privileged", privileged_, "all rights: no confinement is left");
  options.flag("--allow-new-privileges", allow_new_privileges_, "set-user-ID programs work");
  options.option("--security-opt", options_,
                 "seccomp=FILE|unconfined, apparmor=PROFILE or no-new-privileges=true|false", "OPTION");
  options.flag("--read-only", read_only_, "the root file system cannot be written");
  options.option("--device", devices_, "a device of this machine, or all in a folder", "SOURCE[:TARGET][:rwm]");
  options.option("--device-cgroup-rule", device_rules_, "devices that may be used if there is a node: 'c 189:* rwm'",
                 "RULE");
  options.option("--sysctl", sysctls_, "a kernel parameter of the container's own", "NAME=VALUE");
  options.option("--ulimit", ulimits_, "a resource limit of each process", "NAME=SOFT[:HARD]");
}

void SecurityOptions::read(engine::ContainerConfig& config) const {
  config.cap_add = cap_add_;
  config.cap_drop = cap_drop_;
  config.privileged = privileged_;
  config.read_only = read_only_;
  config.no_new_privileges = !allow_new_privileges_;
  of_option("--security-opt", [&] {
    for (const auto& text : options_) engine::add_security_option(config, text);
  });
  of_option("--device", [&] {
    for (const auto& text : devices_) config.devices.push_back(engine::parse_device(text));
  });
  of_option("--device-cgroup-rule", [&] {
    for (const auto& text : device_rules_) {
      engine::parse_device_rule(text);
      config.device_rules.push_back(text);
    }
  });
  of_option("--sysctl", [&] {
    for (const auto& text : sysctls_) add_sysctl(config, text);
  });
  for (const auto& limit : read_ulimits(ulimits_)) config.ulimits.push_back(limit);
}

}  // namespace conductor::cli
