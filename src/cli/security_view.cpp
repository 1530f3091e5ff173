#include "cli/security_view.hpp"

#include "engine/confinement.hpp"
#include "runtime/runtime.hpp"

namespace conductor::cli {

namespace {

using base::Json;

Json devices(const engine::ContainerConfig& config) {
  Json list = Json::array();
  for (const auto& device : config.devices)
    list.add(Json::object()
                 .set("PathOnHost", device.source)
                 .set("PathInContainer", device.target)
                 .set("CgroupPermissions", device.access));
  return list;
}

Json limits(const engine::ContainerConfig& config) {
  Json list = Json::array();
  for (const auto& limit : config.ulimits)
    list.add(Json::object()
                 .set("Name", engine::limit_name(limit.resource))
                 .set("Hard", static_cast<std::int64_t>(limit.hard))  // -1: unlimited
                 .set("Soft", static_cast<std::int64_t>(limit.soft)));
  return list;
}

Json security_options(const engine::ContainerConfig& config) {
  Json list = Json::array();
  if (!config.no_new_privileges) list.add("no-new-privileges=false");
  if (!config.seccomp.empty()) list.add("seccomp=" + config.seccomp);
  if (!config.apparmor.empty()) list.add("apparmor=" + config.apparmor);
  return list;
}

}  // namespace

void add_confinement(Json& json, const engine::ContainerConfig& config) {
  Json sysctls = Json::object();
  for (const auto& [name, value] : config.sysctls) sysctls.set(name, value);
  json.set("Privileged", config.privileged);
  json.set("ReadonlyRootfs", config.read_only);
  json.set("CapAdd", base::to_json(config.cap_add));
  json.set("CapDrop", base::to_json(config.cap_drop));
  json.set("SecurityOpt", security_options(config));
  json.set("Devices", devices(config));
  json.set("DeviceCgroupRules", base::to_json(config.device_rules));
  json.set("Sysctls", std::move(sysctls));
  json.set("Ulimits", limits(config));
  json.set("MaskedPaths", config.privileged ? Json::array() : base::to_json(runtime::default_masked_paths()));
  json.set("ReadonlyPaths", config.privileged ? Json::array() : base::to_json(runtime::default_read_only_paths()));
}

}  // namespace conductor::cli
