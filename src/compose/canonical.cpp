#include "compose/canonical.hpp"

#include "base/units.hpp"

#include <algorithm>
#include <utility>

namespace conductor::compose {
namespace {

using base::Json;

// An object whose absent and empty members are not written; sorted at the end.
class Section {
 public:
  void put(const char* name, Json value) { members_.emplace_back(name, std::move(value)); }
  void text(const char* name, const std::string& value) {
    if (!value.empty()) put(name, value);
  }
  void yes(const char* name, bool value) {
    if (value) put(name, true);
  }
  template <class T>
  void list(const char* name, const T& values) {
    if (!values.empty()) put(name, base::to_json(values));
  }
  template <class T>
  void maybe(const char* name, const std::optional<T>& value) {
    if (value) put(name, base::to_json(*value));
  }
  void time(const char* name, std::chrono::nanoseconds value) { put(name, base::format_duration(value)); }
  bool empty() const { return members_.empty(); }
  Json sorted() {
    std::ranges::sort(members_, {}, &Json::Member::first);
    return Json(std::move(members_));
  }

 private:
  Json::Object members_;
};

Json build_section(const BuildSpec& build, const parser::BuildSection& written) {
  Section section;
  section.text("context", build.context);
  section.text("dockerfile", written.file);
  section.text("target", build.target);
  section.list("args", build.args);
  section.list("labels", build.labels);
  section.list("additional_contexts", build.contexts);
  section.list("tags", build.tags);
  section.list("extra_hosts", build.extra_hosts);
  section.list("no_cache_filter", build.no_cache_filter);
  section.text("network", build.network);
  section.maybe("shm_size", build.shm_size);
  section.yes("no_cache", build.no_cache);
  section.yes("pull", build.pull);
  return section.sorted();
}

Json healthcheck_section(const parser::HealthcheckSection& check) {
  Section section;
  if (check.disable) {
    section.put("disable", true);
    return section.sorted();
  }
  std::vector<std::string> test = {"CMD"};
  test.insert(test.end(), check.test.begin(), check.test.end());
  section.list("test", test);
  section.time("interval", check.interval);
  section.time("timeout", check.timeout);
  section.put("retries", check.retries);
  if (check.start_period.count() != 0) section.time("start_period", check.start_period);
  section.time("start_interval", check.start_interval);
  return section.sorted();
}

Json dependencies(const DesiredService& service) {
  Section section;
  for (const auto& dependency : service.depends_on) {
    Section entry;
    entry.put("condition", base::enum_name(dependency.condition));
    entry.put("required", dependency.required);
    entry.yes("restart", dependency.restart);
    section.put(dependency.service.c_str(), entry.sorted());
  }
  return section.sorted();
}

Json port(const parser::PortMapping& port, int offset) {
  Section section;
  section.put("mode", port.mode);
  section.text("name", port.name);
  section.text("app_protocol", port.app_protocol);
  section.text("x-publish-scope", port.publish_scope);
  section.text("host_ip", port.host_ip);
  section.put("target", port.container_port + offset);
  if (port.host_port != 0) section.put("published", std::to_string(port.host_port + offset));
  section.put("protocol", port.protocol);
  return section.sorted();
}

Json mount(const engine::MountConfig& resolved, const parser::VolumeMount& written) {
  Section section;
  section.put("type", base::enum_name(resolved.kind));
  section.text("source", resolved.kind == engine::MountKind::bind ? resolved.source : written.source);
  section.put("target", resolved.target);
  section.yes("read_only", resolved.read_only);
  if (resolved.size != 0) {
    Json options = Json::object();
    options.set("size", std::to_string(resolved.size));
    section.put("tmpfs", options);
  }
  if (!resolved.propagation.empty()) {
    Json options = Json::object();
    options.set("propagation", resolved.propagation);
    section.put("bind", options);
  }
  return section.sorted();
}

std::string to_text(const parser::PortRange& range) {
  std::string text = std::to_string(range.first);
  if (range.last > range.first) text += "-" + std::to_string(range.last);
  return range.protocol == "any" ? text : text + "/" + range.protocol;
}

std::string to_text(const parser::Destination& destination) {
  if (destination.ports.first == 0) return destination.to;
  const bool brackets = destination.to.find(':') != std::string::npos;
  return (brackets ? "[" + destination.to + "]:" : destination.to + ":") + to_text(destination.ports);
}

// The short form, or with an alias the long one.
Json peer(const parser::PeerEntry& entry) {
  const parser::PeerReference& peer = entry.reference;
  const bool tcp = peer.protocol == "any" || peer.protocol == "tcp";
  std::string ports = std::to_string(peer.first_port);
  if (peer.last_port > peer.first_port) ports += "-" + std::to_string(peer.last_port);
  if (entry.alias.empty()) {
    if (peer.first_port == 0) return Json(peer.peer);
    return Json(peer.peer + ":" + ports + (tcp ? "" : "/" + peer.protocol));
  }
  Section section;
  section.put("service", peer.peer);
  section.put("alias", entry.alias);
  if (peer.first_port != 0) section.put("ports", ports);
  if (!tcp) section.put("protocol", peer.protocol);
  return section.sorted();
}

Json membership(const parser::ServiceNetwork& written) {
  Section section;
  section.list("aliases", written.aliases);
  section.text("ipv4_address", written.ipv4_address);
  section.text("ipv6_address", written.ipv6_address);
  return section.empty() ? Json() : section.sorted();
}

// `written` as `form` has each of them, under `name`.
template <class T, class Form>
void add_each(Section& section, const char* name, const std::vector<T>& written, Form&& form) {
  if (written.empty()) return;
  Json list = Json::array();
  for (const auto& item : written) list.add(form(item));
  section.put(name, list);
}

void add_links(Section& section, const parser::Service& written) {
  Json peers = Json::array(), links = Json::array();
  for (const auto& placed : written.peers) {
    const auto& [reference, alias, key] = placed.value;
    if (key == "links")
      links.add(alias.empty() ? reference.peer : reference.peer + ":" + alias);
    else
      peers.add(peer(placed.value));
  }
  if (!peers.array_items()->empty()) section.put("peers", peers);
  if (!links.array_items()->empty()) section.put("links", links);
  const auto value = [](const parser::Placed<std::string>& placed) { return placed.value; };
  add_each(section, "external_links", written.external_links, value);
  add_each(section, "allow_peers", written.allow_peers, value);
}

// Without a network_mode a service of an open file is in "default", which is then written.
void add_networks(Section& section, const DesiredService& service, const parser::Service& written) {
  section.text("network_mode", written.network_mode);
  if (service.networks.empty()) return;
  Section networks;
  for (const auto& key : service.networks) networks.put(key.c_str(), Json());
  if (written.networks && !written.networks->empty()) {
    networks = Section();
    for (const auto& entry : *written.networks) networks.put(entry.network.c_str(), membership(entry));
  }
  section.put("networks", networks.sorted());
}

void add_reach(Section& section, const DesiredService& service, const parser::Service& written) {
  const auto range = [](const parser::PortRange& ports) { return to_text(ports); };
  if (!written.ports.empty()) {
    Json ports = Json::array();
    for (const auto& placed : written.ports)
      for (int i = 0; i < placed.value.count; ++i) ports.add(port(placed.value, i));
    section.put("ports", ports);
  }
  add_links(section, written);
  add_networks(section, service, written);
  const bool said = written.places.contains("internet") || written.places.contains("x-internet");
  add_each(section, "internet", written.internet_to,
           [](const parser::Placed<parser::Destination>& placed) { return to_text(placed.value); });
  if (said && written.internet_to.empty()) section.put("internet", written.internet);
  add_each(section, "expose", written.expose, range);
  add_each(section, "host", written.host, range);
  section.text("publish_scope", written.publish_scope);
  section.list("dns", written.dns);
  section.list("dns_search", written.dns_search);
  section.list("dns_opt", written.dns_options);
  section.list("extra_hosts", written.extra_hosts);
}

void add_limits(Section& section, const parser::Service& written) {
  const auto bytes = [&](const char* name, const std::optional<std::int64_t>& value) {
    if (value) section.put(name, std::to_string(*value));
  };
  bytes("mem_limit", written.mem_limit);
  bytes("memswap_limit", written.memswap_limit);
  bytes("mem_reservation", written.mem_reservation);
  bytes("shm_size", written.shm_size);
  section.maybe("pids_limit", written.pids_limit);
  section.maybe("cpus", written.cpus);
  section.maybe("cpu_shares", written.cpu_shares);
  section.maybe("cpu_period", written.cpu_period);
  section.maybe("cpu_quota", written.cpu_quota);
  section.text("cpuset", written.cpuset);
  section.maybe("mem_swappiness", written.mem_swappiness);
  if (written.oom_kill_disable) section.put("oom_kill_disable", true);
  if (written.oom_score_adj != 0) section.put("oom_score_adj", written.oom_score_adj);
  if (written.replicas != 1) section.put("scale", written.replicas);
}

std::string restart_text(const parser::Service& written) {
  if (written.restart == "no") return {};
  return written.restart_retries == 0 ? written.restart
                                      : written.restart + ":" + std::to_string(written.restart_retries);
}

Json service_section(const DesiredService& service, const parser::Service& written) {
  Section section;
  section.text("image", written.image);
  if (service.build) section.put("build", build_section(*service.build, *written.build));
  section.maybe("command", written.command);
  section.maybe("entrypoint", written.entrypoint);
  section.list("environment", service.environment);
  section.list("labels", written.labels);
  section.list("profiles", written.profiles);
  if (!service.depends_on.empty()) section.put("depends_on", dependencies(service));
  if (written.healthcheck) section.put("healthcheck", healthcheck_section(*written.healthcheck));
  if (!written.volumes.empty()) {
    Json volumes = Json::array();
    for (std::size_t i = 0; i < written.volumes.size(); ++i)
      volumes.add(mount(service.pattern.mounts[i], written.volumes[i].value));
    section.put("volumes", volumes);
  }
  section.text("restart", restart_text(written));
  section.text("user", written.user);
  section.text("working_dir", written.working_dir);
  section.text("hostname", written.hostname);
  section.text("domainname", written.domainname);
  section.text("container_name", written.container_name);
  section.text("stop_signal", written.stop_signal);
  if (written.stop_grace_period) section.time("stop_grace_period", *written.stop_grace_period);
  section.list("cap_add", written.cap_add);
  section.list("cap_drop", written.cap_drop);
  section.yes("read_only", written.read_only);
  section.yes("privileged", written.privileged);
  section.yes("tty", written.tty);
  section.yes("stdin_open", written.stdin_open);
  section.yes("init", written.init);
  add_reach(section, service, written);
  add_limits(section, written);
  return section.sorted();
}

Json volume_section(const DesiredVolume& volume, const Project& project) {
  Section section;
  section.put("name", volume.name);
  section.yes("external", volume.external);
  for (const auto& written : project.source.volumes)
    if (written.name == volume.key) section.list("labels", written.labels);
  return section.sorted();
}

Json network_section(const DesiredNetwork& network, const Project& project) {
  Section section;
  section.put("name", network.config.name);
  section.yes("external", network.external);
  section.yes("internal", network.config.internal);
  Json pools = Json::array();
  for (const auto& subnet : {network.config.subnet, network.config.subnet6}) {
    if (subnet.empty()) continue;
    Json pool = Json::object();
    pool.set("subnet", subnet);
    pools.add(pool);
  }
  if (!pools.array_items()->empty()) {
    Json ipam = Json::object();
    ipam.set("config", pools);
    section.put("ipam", ipam);
  }
  for (const auto& written : project.source.networks) {
    if (written.name != network.key) continue;
    section.list("labels", written.labels);
    section.maybe("enable_ipv6", written.enable_ipv6);
  }
  return section.sorted();
}

// What decides about links is kept, whatever the file it is written to is called.
Json conductor_section(const Project& project) {
  Section section;
  section.put("isolation", project.strict ? "strict" : "open");
  section.text("publish_scope", project.source.publish_scope);
  return section.sorted();
}

// All of a kind by their keys, sorted.
template <class Items, class Form>
void add_sorted(Json& json, const char* name, const Items& items, const Project& project, Form&& form) {
  if (items.empty()) return;
  Json::Object members;
  for (const auto& item : items) members.emplace_back(item.key, form(item, project));
  std::ranges::sort(members, {}, &Json::Member::first);
  json.set(name, Json(std::move(members)));
}

// What is read back as a compose file stands for the same: a dollar sign is written twice.
Json with_dollars_doubled(const Json& value) {
  if (const auto* text = value.string(); text != nullptr) {
    std::string doubled;
    for (const char c : *text) doubled += c == '$' ? "$$" : std::string(1, c);
    return Json(doubled);
  }
  Json result = value;
  if (value.members() != nullptr) {
    result = Json::object();
    for (const auto& [name, member] : *value.members()) result.set(name, with_dollars_doubled(member));
  } else if (value.array_items() != nullptr) {
    result = Json::array();
    for (const auto& item : *value.array_items()) result.add(with_dollars_doubled(item));
  }
  return result;
}

}  // namespace

base::Json canonical(const Project& project) {
  Json json = Json::object();
  json.set("name", project.name);
  Json::Object services;
  for (const auto& service : project.services) {
    if (!service.active) continue;
    const auto written = std::ranges::find(project.source.services, service.name, &parser::Service::name);
    if (written != project.source.services.end())
      services.emplace_back(service.name, service_section(service, *written));
  }
  std::ranges::sort(services, {}, &Json::Member::first);
  json.set("services", Json(std::move(services)));
  add_sorted(json, "networks", project.networks, project, network_section);
  add_sorted(json, "volumes", project.volumes, project, volume_section);
  json.set("x-conductor", conductor_section(project));
  return with_dollars_doubled(json);
}

}  // namespace conductor::compose
