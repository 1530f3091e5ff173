#include "compose/difference.hpp"

#include "base/json.hpp"
#include "base/units.hpp"
#include "compose/config_hash.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace conductor::compose {
namespace {

using base::Json;

// Path of a field in a record → key of the compose file, where the two differ.
constexpr std::array key_of_path{
    std::pair{"working_directory", "working_dir"},
    std::pair{"terminal", "tty"},
    std::pair{"open_stdin", "stdin_open"},
    std::pair{"mounts", "volumes"},
    std::pair{"limits.memory", "mem_limit"},
    std::pair{"limits.memory_swap", "memswap_limit"},
    std::pair{"limits.memory_reservation", "mem_reservation"},
    std::pair{"limits.cpus", "cpus"},
    std::pair{"limits.pids", "pids_limit"},
    std::pair{"limits.cpu_shares", "cpu_shares"},
    std::pair{"limits.cpu_period", "cpu_period"},
    std::pair{"limits.cpu_quota", "cpu_quota"},
    std::pair{"limits.cpuset", "cpuset"},
    std::pair{"limits.swappiness", "mem_swappiness"},
    std::pair{"limits.oom_kill_disable", "oom_kill_disable"},
    std::pair{"oom_score_adjust", "oom_score_adj"},
    std::pair{"network", "network_mode"},
    std::pair{"network_container", "network_mode"},
    std::pair{"endpoint.networks", "networks"},
    std::pair{"endpoint.dns", "dns"},
    std::pair{"endpoint.dns_search", "dns_search"},
    std::pair{"endpoint.dns_options", "dns_opt"},
    std::pair{"endpoint.extra_hosts", "extra_hosts"},
    std::pair{"restart.policy", "restart"},
    std::pair{"restart.max_retries", "restart"},
    std::pair{"stop_grace", "stop_grace_period"},
};
constexpr std::array durations{"stop_grace", "healthcheck.interval", "healthcheck.timeout", "healthcheck.start_period",
                               "healthcheck.start_interval"};

std::string key_for(const std::string& path) {
  for (const auto& [field, key] : key_of_path)
    if (path == field) return key;
  return path;
}

std::string ports_text(int first, int last) {
  return first == last ? std::to_string(first) : std::to_string(first) + "-" + std::to_string(last);
}

std::string text_of(const engine::MountConfig& mount) {
  std::string text = mount.kind == engine::MountKind::tmpfs ? "tmpfs" : mount.source;
  text += text.empty() ? mount.target : ":" + mount.target;
  if (mount.size != 0) text += " size=" + std::to_string(mount.size);
  if (mount.inodes != 0) text += " inodes=" + std::to_string(mount.inodes);
  if (!mount.propagation.empty()) text += " " + mount.propagation;
  return mount.read_only ? text + ":ro" : text;
}

std::string text_of(const network::Publish& publish) {
  const bool v6 = publish.host_ip.find(':') != std::string::npos;
  std::string text = v6 ? "[" + publish.host_ip + "]" : publish.host_ip;
  if (!text.empty()) text += ":";
  if (publish.host_port != 0) text += ports_text(publish.host_port, publish.host_port + publish.count - 1) + ":";
  text += ports_text(publish.container_port, publish.container_port + publish.count - 1);
  text += "/" + std::string(base::enum_name(publish.protocol));
  return publish.scope ? text + " for " + std::string(base::enum_name(*publish.scope)) : text;
}

std::string text_of(const network::PortRange& range) {
  std::string text = range.first == 0 ? "all" : ports_text(range.first, range.last == 0 ? range.first : range.last);
  return range.protocol == network::Protocol::any ? text : text + "/" + std::string(base::enum_name(range.protocol));
}

std::string text_of(const network::Destination& destination) {
  if (destination.ports.first == 0) return destination.to;
  const bool v6 = destination.to.find(':') != std::string::npos;
  return (v6 ? "[" + destination.to + "]:" : destination.to + ":") + text_of(destination.ports);
}

std::string text_of(const network::Link& link) {
  std::string text = link.peer;
  if (link.first_port != 0)
    text += ":" + ports_text(link.first_port, link.last_port == 0 ? link.first_port : link.last_port);
  if (link.protocol != network::Protocol::any) text += "/" + std::string(base::enum_name(link.protocol));
  const std::string service = link.peer.substr(link.peer.rfind('/') + 1);
  return link.alias.empty() || link.alias == service ? text : text + " as " + link.alias;
}

std::string text_of(const network::HostEntry& host) { return host.name + "=" + host.address; }

// The first alias is the name of the service.
std::string text_of(const network::Membership& membership) {
  std::string text = membership.network;
  for (std::size_t i = 1; i < membership.aliases.size(); ++i) text += (i == 1 ? " as " : ", ") + membership.aliases[i];
  for (const auto* address : {&membership.ipv4, &membership.ipv6})
    if (!address->empty()) text += " at " + *address;
  return membership.reach ? text : text + " for names alone";
}

// Lists of structs read better as lists of their short forms.
template <class T>
Json short_forms(const std::vector<T>& items) {
  Json list = Json::array();
  for (const auto& item : items) list.add(text_of(item));
  return list;
}

// "NAME=value" lines as members, so that each variable is a key of its own.
Json by_name(const std::vector<std::string>& environment) {
  Json object = Json::object();
  for (const auto& line : environment) {
    const auto equals = line.find('=');
    object.set(line.substr(0, equals), equals == std::string::npos ? "" : line.substr(equals + 1));
  }
  return object;
}

Json readable(const engine::ContainerConfig& config) {
  static const Json defaults = base::to_json(engine::ContainerConfig{});
  Json json = without_defaults(base::to_json(config), defaults);
  if (!config.environment.empty()) json.set("environment", by_name(config.environment));
  if (!config.mounts.empty()) json.set("mounts", short_forms(config.mounts));
  if (!config.endpoint.networks.empty() || !config.endpoint.extra_hosts.empty()) {
    Json endpoint = *json.find("endpoint");
    if (!config.endpoint.networks.empty()) endpoint.set("networks", short_forms(config.endpoint.networks));
    if (!config.endpoint.extra_hosts.empty()) endpoint.set("extra_hosts", short_forms(config.endpoint.extra_hosts));
    json.set("endpoint", endpoint);
  }
  return json;
}

std::string value_text(const std::string& path, const Json* value) {
  if (value == nullptr || value->is_null()) return "unset";
  if (value->integer() != nullptr && std::ranges::find(durations, path) != durations.end())
    return base::format_duration(std::chrono::nanoseconds(*value->integer()));
  return value->dump();
}

void compare(const std::string& path, const Json* before, const Json* after, std::vector<Change>& changes) {
  if (before != nullptr && after != nullptr && *before == *after) return;
  const auto* old_members = before == nullptr ? nullptr : before->members();
  const auto* new_members = after == nullptr ? nullptr : after->members();
  if (old_members == nullptr && new_members == nullptr) {
    changes.push_back({key_for(path), value_text(path, before), value_text(path, after)});
    return;
  }
  std::set<std::string> names;
  for (const auto* members : {old_members, new_members})
    if (members != nullptr)
      for (const auto& [name, value] : *members) names.insert(name);
  for (const auto& name : names) {
    std::string below = path;
    if (!below.empty()) below += '.';
    below += name;
    compare(below, before == nullptr ? nullptr : before->find(name), after == nullptr ? nullptr : after->find(name),
            changes);
  }
}

// The store chose a name for what the file leaves without one, and the host name has its own line among the hosts; that
// is no difference.
void forget_chosen_names(engine::ContainerConfig& recorded, const engine::ContainerConfig& desired) {
  std::erase_if(recorded.endpoint.extra_hosts,
                [&](const network::HostEntry& host) { return host.name == recorded.hostname; });
  for (auto& mount : recorded.mounts) {
    const auto same = std::ranges::find(desired.mounts, mount.target, &engine::MountConfig::target);
    if (same != desired.mounts.end() && same->kind == mount.kind && same->source.empty()) mount.source.clear();
  }
}

std::string internet_text(const network::EndpointConfig& endpoint) {
  if (!endpoint.internet_to.empty()) return short_forms(endpoint.internet_to).dump();
  return endpoint.internet ? "true" : "false";
}

// The links as the file has them: those to services of the same project without its name.
Json links_text(const network::EndpointConfig& endpoint) {
  Json list = Json::array();
  for (const auto& link : endpoint.links) {
    const std::string text = text_of(link);
    const bool own = !endpoint.scope.empty() && text.starts_with(endpoint.scope + "/");
    list.add(own ? text.substr(endpoint.scope.size() + 1) : text);
  }
  return list;
}

}  // namespace

std::vector<Change> differences(const engine::ContainerConfig& recorded, const engine::ContainerConfig& desired) {
  engine::ContainerConfig before = declared_part(recorded);
  const engine::ContainerConfig after = declared_part(desired);
  forget_chosen_names(before, after);
  const Json old_json = readable(before);
  const Json new_json = readable(after);
  std::vector<Change> changes;
  compare("", &old_json, &new_json, changes);
  return changes;
}

std::vector<Change> network_differences(const network::EndpointConfig& recorded,
                                        const network::EndpointConfig& desired) {
  std::vector<Change> changes;
  const auto compare_lists = [&](const char* key, const auto& before, const auto& after) {
    if (before != after) changes.push_back({key, short_forms(before).dump(), short_forms(after).dump()});
  };
  if (recorded.scope != desired.scope) changes.push_back({"name", recorded.scope, desired.scope});
  if (recorded.links != desired.links)
    changes.push_back({"peers", links_text(recorded).dump(), links_text(desired).dump()});
  if (recorded.allow_peers != desired.allow_peers)
    changes.push_back(
        {"allow_peers", base::to_json(recorded.allow_peers).dump(), base::to_json(desired.allow_peers).dump()});
  compare_lists("expose", recorded.expose, desired.expose);
  compare_lists("networks", recorded.networks, desired.networks);
  if (recorded.internet != desired.internet || recorded.internet_to != desired.internet_to)
    changes.push_back({"internet", internet_text(recorded), internet_text(desired)});
  compare_lists("host", recorded.host_ports, desired.host_ports);
  compare_lists("ports", recorded.publish, desired.publish);
  return changes;
}

}  // namespace conductor::compose
