#include "compose/service_config.hpp"

#include "base/text.hpp"
#include "compose/collect.hpp"
#include "compose/endpoint_config.hpp"

#include <algorithm>

namespace conductor::compose {
namespace {

engine::MountConfig resolve_mount(Resolver& resolver, const parser::Placed<parser::VolumeMount>& placed) {
  const parser::VolumeMount& written = placed.value;
  engine::MountConfig mount;
  mount.target = written.target;
  mount.read_only = written.read_only;
  mount.propagation = written.propagation;
  mount.recursive = written.recursive;
  mount.subpath = written.subpath;
  mount.copy = written.copy;
  mount.mode = written.mode;
  mount.allow_exec = written.allow_exec;
  switch (written.kind) {
    case parser::VolumeKind::bind:
      mount.kind = engine::MountKind::bind;
      mount.source = resolver.absolute(written.source);
      if (resolver.settings.real_path) mount.source = resolver.settings.real_path(mount.source);
      break;
    case parser::VolumeKind::tmpfs:
      mount.kind = engine::MountKind::tmpfs;
      mount.size = written.size;
      mount.inodes = written.inodes;
      break;
    case parser::VolumeKind::anonymous:
      mount.kind = engine::MountKind::named;
      break;
    case parser::VolumeKind::named: {
      mount.kind = engine::MountKind::named;
      std::vector<std::string> known;
      for (const auto& volume : resolver.file.volumes) {
        known.push_back(volume.name);
        if (volume.name == written.source) mount.source = volume_name(resolver.project, volume);
      }
      if (mount.source.empty())
        resolver.mistake(placed.position,
                         "volume '" + written.source + "' is not declared" + base::did_you_mean(written.source, known),
                         "declare it under the top-level key volumes");
    }
  }
  return mount;
}

monitor::Healthcheck resolve_healthcheck(const parser::Service& service) {
  monitor::Healthcheck check;
  if (!service.healthcheck) return check;
  if (service.healthcheck->disable) {
    check.test = {"NONE"};  // not the image's either
    return check;
  }
  const auto& written = *service.healthcheck;
  check.test = written.test;
  check.interval = written.interval;
  check.timeout = written.timeout;
  check.start_period = written.start_period;
  check.start_interval = written.start_interval;
  check.retries = written.retries;
  return check;
}

linux::CgroupLimits resolve_limits(const parser::Service& service) {
  linux::CgroupLimits limits;
  limits.memory = service.mem_limit;
  limits.memory_swap = service.memswap_limit;
  limits.memory_reservation = service.mem_reservation;
  limits.cpus = service.cpus;
  limits.cpu_shares = service.cpu_shares;
  limits.cpu_period = service.cpu_period;
  limits.cpu_quota = service.cpu_quota;
  if (!service.cpuset.empty()) limits.cpuset = service.cpuset;
  limits.swappiness = service.mem_swappiness;
  limits.oom_kill_disable = service.oom_kill_disable;
  limits.pids = service.pids_limit;
  return limits;
}

std::map<std::string, std::string> read_env_file(Resolver& resolver, const parser::EnvFile& file) {
  std::map<std::string, std::string> result;
  const std::string path = resolver.absolute(file.value);
  const auto text = resolver.settings.read_file(path);
  if (!text) {
    if (file.required) resolver.mistake(file.position, "env file '" + path + "' does not exist");
    return result;
  }
  for (const auto& [name, value] : parser::parse_env_file(*text, path)) {
    const auto known = value ? value : resolver.settings.lookup(name);
    if (known) result[name] = *known;
  }
  return result;
}

}  // namespace

void Resolver::mistake(const base::Position& position, std::string message, std::string hint) {
  mistakes.push_back({position, std::move(message), std::move(hint), base::Severity::error});
}

std::string Resolver::absolute(const std::string& path) const {
  if (path.starts_with("/")) return path;
  if (path == "~" || path.starts_with("~/")) return settings.home + path.substr(1);
  std::string_view rest = path;
  while (rest.starts_with("./")) rest.remove_prefix(2);
  if (rest.empty() || rest == ".") return settings.directory;
  return settings.directory + (settings.directory.ends_with('/') ? "" : "/") + std::string(rest);
}

const parser::Service* Resolver::service(const std::string& name) const {
  const auto found = std::ranges::find(file.services, name, &parser::Service::name);
  return found == file.services.end() ? nullptr : &*found;
}

std::map<std::string, std::string> resolve_environment(Resolver& resolver, const parser::Service& service) {
  std::map<std::string, std::string> result;
  for (const auto& file : service.env_file)
    for (auto& [name, value] : read_env_file(resolver, file)) result[name] = value;
  for (const auto& [name, value] : service.environment) {
    const auto known = value ? value : resolver.settings.lookup(name);
    if (known) result[name] = *known;
  }
  return result;
}

engine::ContainerConfig resolve_config(Resolver& resolver, const parser::Service& service,
                                       const std::map<std::string, std::string>& environment,
                                       const std::string& image) {
  engine::ContainerConfig config;
  config.image = image;
  config.entrypoint = service.entrypoint;
  config.command = service.command;
  config.environment = collect(environment, [](const auto& variable) {
    std::string line = variable.first;
    return line.append("=").append(variable.second);
  });
  config.user = service.user;
  config.working_directory = service.working_dir;
  config.hostname = service.hostname + (service.domainname.empty() ? "" : "." + service.domainname);
  config.terminal = service.tty;
  config.open_stdin = service.stdin_open;
  config.init = service.init;
  config.read_only = service.read_only;
  config.privileged = service.privileged;
  config.cap_add = service.cap_add;
  config.cap_drop = service.cap_drop;
  for (const auto& volume : service.volumes) config.mounts.push_back(resolve_mount(resolver, volume));
  config.limits = resolve_limits(service);
  config.oom_score_adjust = service.oom_score_adj;
  if (service.shm_size) config.shm_size = *service.shm_size;
  resolve_network_mode(resolver, service, config);
  config.endpoint = resolve_endpoint(resolver, service);
  if (!base::enum_parse(service.restart, config.restart.policy))
    resolver.mistake(service.position, "unknown restart policy '" + service.restart + "'");
  config.restart.max_retries = service.restart_retries;
  config.healthcheck = resolve_healthcheck(service);
  config.stop_signal = service.stop_signal;
  if (service.stop_grace_period) config.stop_grace = *service.stop_grace_period;
  config.labels = service.labels;
  return config;
}

std::string volume_name(const std::string& project, const parser::VolumeSection& volume) {
  if (!volume.real_name.empty()) return volume.real_name;
  return volume.external ? volume.name : project + "_" + volume.name;
}

std::string group_name(const std::string& project, const std::string& service) { return project + "/" + service; }

std::string container_name(const std::string& project, const parser::Service& service, int number) {
  if (!service.container_name.empty()) return service.container_name;
  return project + "-" + service.name + "-" + std::to_string(number);
}

}  // namespace conductor::compose
