// A service: THE table of its keys. A new key is one member of Service and one row here.
#include "base/text.hpp"
#include "base/units.hpp"
#include "parser/compose_reader.hpp"

#include <algorithm>
#include <array>

namespace conductor::parser {

using Kind = YamlNode::Kind;

namespace {

// --- values that only a service has -----------------------------------------------------------------------------

void read_tmpfs(ComposeReader& reader, const YamlNode& node, Service& service) {
  const auto add = [&](const YamlNode& item) {
    reader.at_text(item,
                   [&](const std::string& form) { service.volumes.push_back({parse_tmpfs(form), item.position}); });
  };
  if (node.kind == Kind::scalar)
    add(node);
  else if (reader.is_list(node, "paths"))
    std::for_each(node.items.begin(), node.items.end(), add);
}

// `tmpfs` may have been read before.
void read_volumes(ComposeReader& reader, const YamlNode& node, Service& service) {
  for (auto& mount : volume_mounts(reader, node)) service.volumes.push_back(std::move(mount));
}

void read_restart(ComposeReader& reader, const YamlNode& node, Service& service) {
  if (node.kind != Kind::scalar) return reader.error(node.position, "expected a restart policy");
  const std::string& written = node.text;
  const auto colon = written.find(':');
  service.restart = written.substr(0, colon);
  const bool known = service.restart == "no" || service.restart == "always" || service.restart == "on-failure" ||
                     service.restart == "unless-stopped";
  const auto retries = colon == std::string::npos ? 0 : base::parse_number(written.substr(colon + 1), 1'000'000);
  if (!known || !retries || (colon != std::string::npos && service.restart != "on-failure"))
    return reader.error(node.position, "unknown restart policy " + show(written),
                        "expected no, always, unless-stopped, on-failure or on-failure:N");
  service.restart_retries = static_cast<int>(*retries);
}

void read_oom_score(ComposeReader& reader, const YamlNode& node, Service& service) {
  constexpr std::int64_t most = 1000;
  reader.at_text(node, [&](const std::string& written) {
    const bool negative = written.starts_with('-');
    const auto number = base::parse_number(written.substr(negative ? 1 : 0), most);
    if (!number) return reader.error(node.position, "expected a number from -1000 to 1000");
    service.oom_score_adj = static_cast<int>(negative ? -*number : *number);
  });
}

// --- deploy: what a single machine can honour of it -------------------------------------------------------------

constexpr std::array limit_keys{
    Key<Service>{"cpus", into<&Service::cpus, decimal>},
    Key<Service>{"memory", into<&Service::mem_limit, size>},
    Key<Service>{"pids", into<&Service::pids_limit, number_or_all>},
};
constexpr Level<Service> limits_level{"'limits'", limit_keys, {}};

constexpr std::array reservation_keys{Key<Service>{"memory", into<&Service::mem_reservation, size>}};
constexpr std::array<std::string_view, 3> reservation_later{"cpus", "generic_resources", "devices"};
constexpr Level<Service> reservations_level{"'reservations'", reservation_keys, reservation_later};

constexpr std::array resource_keys{
    Key<Service>{"limits",
                 [](ComposeReader& in, const YamlNode& node, Service& to) { in.read(node, limits_level, to); }},
    Key<Service>{"reservations",
                 [](ComposeReader& in, const YamlNode& node, Service& to) { in.read(node, reservations_level, to); }},
};
constexpr Level<Service> resources_level{"'resources'", resource_keys, {}};

constexpr std::array deploy_keys{
    Key<Service>{"replicas", into<&Service::replicas, count>},
    Key<Service>{"resources",
                 [](ComposeReader& in, const YamlNode& node, Service& to) { in.read(node, resources_level, to); }},
};
constexpr std::array<std::string_view, 7> deploy_later{"mode",          "endpoint_mode",  "labels",   "rollback_config",
                                                       "update_config", "restart_policy", "placement"};
constexpr Level<Service> deploy_level{"'deploy'", deploy_keys, deploy_later};

// --- THE table --------------------------------------------------------------------------------------------------

constexpr std::array service_keys{
    Key<Service>{"allow_peers", read_allow_peers},
    Key<Service>{"build", into<&Service::build, build_section>},
    Key<Service>{"cap_add", into<&Service::cap_add, texts>},
    Key<Service>{"cap_drop", into<&Service::cap_drop, texts>},
    Key<Service>{"command", into<&Service::command, words>},
    Key<Service>{"container_name", into<&Service::container_name, text>},
    Key<Service>{"cpu_period", into<&Service::cpu_period, number_or_all>},
    Key<Service>{"cpu_quota", into<&Service::cpu_quota, number_or_all>},
    Key<Service>{"cpu_shares", into<&Service::cpu_shares, number_or_all>},
    Key<Service>{"cpus", into<&Service::cpus, decimal>},
    Key<Service>{"cpuset", into<&Service::cpuset, text>},
    Key<Service>{"depends_on", into<&Service::depends_on, dependencies>},
    Key<Service>{"deploy",
                 [](ComposeReader& in, const YamlNode& node, Service& to) { in.read(node, deploy_level, to); }},
    Key<Service>{"dns", into<&Service::dns, name_servers>},
    Key<Service>{"dns_opt", into<&Service::dns_options, resolver_options>},
    Key<Service>{"dns_search", into<&Service::dns_search, search_domains>},
    Key<Service>{"domainname", into<&Service::domainname, host_name>},
    Key<Service>{"entrypoint", into<&Service::entrypoint, words>},
    Key<Service>{"env_file", into<&Service::env_file, env_files>},
    Key<Service>{"environment", into<&Service::environment, variables>},
    Key<Service>{"expose", read_expose},
    Key<Service>{"external_links", read_external_links},
    Key<Service>{"extra_hosts", into<&Service::extra_hosts, service_hosts>},
    Key<Service>{"healthcheck", into<&Service::healthcheck, healthcheck_section>},
    Key<Service>{"host", read_host},
    Key<Service>{"hostname", into<&Service::hostname, host_name>},
    Key<Service>{"image", into<&Service::image, text>},
    Key<Service>{"init", into<&Service::init, boolean>},
    Key<Service>{"internet", read_internet},
    Key<Service>{"labels", into<&Service::labels, labels>},
    Key<Service>{"links", read_links},
    Key<Service>{"mac_address", nullptr, "addresses are routed: there is no segment on which one would be seen"},
    Key<Service>{"mem_limit", into<&Service::mem_limit, size>},
    Key<Service>{"mem_reservation", into<&Service::mem_reservation, size>},
    Key<Service>{"mem_swappiness", into<&Service::mem_swappiness, number_or_all>},
    Key<Service>{"memswap_limit", into<&Service::memswap_limit, size_or_all>},
    Key<Service>{"network_mode", into<&Service::network_mode, network_mode>},
    Key<Service>{"networks", into<&Service::networks, service_networks>},
    Key<Service>{"oom_kill_disable", into<&Service::oom_kill_disable, boolean>},
    Key<Service>{"oom_score_adj", read_oom_score},
    Key<Service>{"peers", read_peers},
    Key<Service>{"pids_limit", into<&Service::pids_limit, number_or_all>},
    Key<Service>{"ports", into<&Service::ports, port_mappings>},
    Key<Service>{"privileged", into<&Service::privileged, boolean>},
    Key<Service>{"profiles", into<&Service::profiles, texts>},
    Key<Service>{"publish_scope", into<&Service::publish_scope, publish_scope>},
    Key<Service>{"read_only", into<&Service::read_only, boolean>},
    Key<Service>{"restart", read_restart},
    Key<Service>{"scale", into<&Service::replicas, count>},
    Key<Service>{"shm_size", into<&Service::shm_size, size>},
    Key<Service>{"stdin_open", into<&Service::stdin_open, boolean>},
    Key<Service>{"stop_grace_period", into<&Service::stop_grace_period, some_duration>},
    Key<Service>{"stop_signal", into<&Service::stop_signal, text>},
    Key<Service>{"tmpfs", read_tmpfs},
    Key<Service>{"tty", into<&Service::tty, boolean>},
    Key<Service>{"user", into<&Service::user, text>},
    Key<Service>{"volumes", read_volumes},
    Key<Service>{"working_dir", into<&Service::working_dir, text>},
    Key<Service>{"x-allow-peers", read_allow_peers},
    Key<Service>{"x-host", read_host},
    Key<Service>{"x-internet", read_internet},
    Key<Service>{"x-peers", read_peers},
    Key<Service>{"x-publish-scope", into<&Service::publish_scope, publish_scope>},
};

// Keys of the specification on which nothing acts yet.
constexpr auto service_later = std::to_array<std::string_view>({"annotations",
                                                                "attach",
                                                                "blkio_config",
                                                                "cgroup",
                                                                "cgroup_parent",
                                                                "configs",
                                                                "cpu_count",
                                                                "cpu_percent",
                                                                "cpu_rt_period",
                                                                "cpu_rt_runtime",
                                                                "credential_spec",
                                                                "develop",
                                                                "device_cgroup_rules",
                                                                "devices",
                                                                "extends",
                                                                "gpus",
                                                                "group_add",
                                                                "ipc",
                                                                "isolation",
                                                                "label_file",
                                                                "logging",
                                                                "models",
                                                                "pid",
                                                                "platform",
                                                                "post_start",
                                                                "pre_start",
                                                                "pre_stop",
                                                                "provider",
                                                                "pull_policy",
                                                                "pull_refresh_after",
                                                                "runtime",
                                                                "secrets",
                                                                "security_opt",
                                                                "storage_opt",
                                                                "sysctls",
                                                                "ulimits",
                                                                "use_api_socket",
                                                                "userns_mode",
                                                                "uts",
                                                                "volumes_from"});
constexpr Level<Service> service_level{"a service", service_keys, service_later};

// --- what keys must hold together -------------------------------------------------------------------------------

struct Pair {
  const char* first;
  const char* second;
};
// Two spellings of one thing: only one may be used.
constexpr std::array same_meaning{
    Pair{"peers", "x-peers"},
    Pair{"internet", "x-internet"},
    Pair{"allow_peers", "x-allow-peers"},
    Pair{"host", "x-host"},
    Pair{"publish_scope", "x-publish-scope"},
    Pair{"scale", "deploy.replicas"},
    Pair{"cpus", "deploy.resources.limits.cpus"},
    Pair{"mem_limit", "deploy.resources.limits.memory"},
    Pair{"pids_limit", "deploy.resources.limits.pids"},
    Pair{"mem_reservation", "deploy.resources.reservations.memory"},
};

void check_service(ComposeReader& reader, const Service& service) {
  const auto written = [&](const char* key) { return service.places.contains(key); };
  if (service.image.empty() && !service.build)
    reader.error(service.position, "service " + show(service.name) + " has neither 'image' nor 'build'");
  for (const auto& [first, second] : same_meaning)
    if (written(first) && written(second))
      reader.error(service.places.at(second),
                   show(first) + " and " + show(second) + " mean the same; write one of them");
  if (written("container_name") && !is_key_name(service.container_name))
    reader.error(service.places.at("container_name"), show(service.container_name) + " is no name of a container",
                 "letters, digits, '.', '_' and '-'");
  if (written("container_name") && service.replicas > 1)
    reader.error(service.places.at("container_name"), "a service with a container_name cannot have several replicas");
  if (written("domainname") && service.hostname.empty())
    reader.error(service.places.at("domainname"), "'domainname' needs a 'hostname' that it is the domain of");
  check_network_mode(reader, service);
  const auto is_gateway = [](const std::string& host) { return host.ends_with(":host-gateway"); };
  const bool gateway = std::any_of(service.extra_hosts.begin(), service.extra_hosts.end(), is_gateway);
  if (gateway && service.host.empty() && service.network_mode.empty())
    reader.warning(service.places.at("extra_hosts"),
                   "nothing of the host can be reached at host-gateway until 'host' names its ports");
  for (const auto& [name, value] : service.environment)
    if (name.find('=') != std::string::npos)
      reader.error(service.places.at("environment"), show(name) + " is no name of a variable");
}

}  // namespace

Service read_service(ComposeReader& reader, const YamlEntry& entry) {
  Service service;
  service.name = entry.key;
  service.position = entry.position;
  if (!is_key_name(service.name))
    reader.error(entry.position, show(service.name) + " is no name of a service", "letters, digits, '.', '_' and '-'");
  reader.noting(service.places, [&] { reader.read(entry.value, service_level, service); });
  if (entry.value.kind == Kind::map || entry.value.kind == Kind::null) check_service(reader, service);
  return service;
}

}  // namespace conductor::parser
