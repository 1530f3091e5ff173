// A compose file as plain structs with positions; the language is the Compose Specification's, of which the keys below
// act. Pure: text in, values out. Every other key is refused with its place and what was probably meant.
#pragma once

#include "base/fields.hpp"
#include "base/source.hpp"
#include "parser/syntax.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::parser {

// A value and where it was written. Positions are not part of a value's identity.
template <class T>
struct Placed {
  T value{};
  base::Position position;
};

// The position is that of the path. A file that is not required may be missing.
struct EnvFile : Placed<std::string> {
  bool required = true;
};

struct BuildSection {
  std::string context;  // as written
  std::string file;     // dockerfile; empty: Conductorfile or Dockerfile of the context
  std::string target;
  std::map<std::string, std::string> args;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> contexts;  // additional_contexts, as written
  std::vector<std::string> tags, extra_hosts, no_cache_filter;
  std::string network;  // default, none or host
  std::optional<std::int64_t> shm_size;
  bool no_cache = false, pull = false;
  base::Position position;
};

struct HealthcheckSection {
  bool disable = false;
  std::vector<std::string> test;  // without CMD / CMD-SHELL; CMD-SHELL and a string become /bin/sh -c …
  std::chrono::nanoseconds interval{std::chrono::seconds(30)};
  std::chrono::nanoseconds timeout{std::chrono::seconds(30)};
  std::chrono::nanoseconds start_period{0};
  std::chrono::nanoseconds start_interval{std::chrono::seconds(5)};
  int retries = 3;
  base::Position position;
};

enum class Condition { started, healthy, completed };
constexpr auto enum_names(Condition) {
  return std::array{std::pair{Condition::started, "service_started"}, std::pair{Condition::healthy, "service_healthy"},
                    std::pair{Condition::completed, "service_completed_successfully"}};
}
struct Dependency {
  std::string service;
  Condition condition = Condition::started;
  bool restart = false;
  bool required = true;
  base::Position position;
};

// A peer as written, in the short or the long form ({service, ports, protocol, alias}): one entry of the long form with
// several ports becomes several of these.
struct PeerEntry {
  PeerReference reference;
  std::string alias;
  std::string key = "peers";  // under which it is written: peers, x-peers or links
};

// A network that a service is in.
struct ServiceNetwork {
  std::string network;  // key
  std::vector<std::string> aliases;
  std::string ipv4_address, ipv6_address;
  base::Position position;
};

struct Service {
  std::string name;
  base::Position position;  // of the name
  std::string image;
  std::optional<BuildSection> build;
  std::optional<std::vector<std::string>> command;  // nothing: the image's; empty list: none
  std::optional<std::vector<std::string>> entrypoint;
  std::map<std::string, std::optional<std::string>> environment;  // no value: from the environment, or unset
  std::vector<EnvFile> env_file;
  std::vector<Placed<VolumeMount>> volumes;
  std::vector<Placed<PortMapping>> ports;
  std::vector<Placed<PeerEntry>> peers;             // also x-peers and links
  std::vector<Placed<std::string>> allow_peers;     // also x-allow-peers: "project/service", "project/*", "*", a name
  std::vector<Placed<std::string>> external_links;  // "container:alias": peers outside of the project
  std::vector<PortRange> expose;                    // `places` has each as "expose.0"
  bool internet = false;                            // also x-internet
  std::vector<Placed<Destination>> internet_to;     // only these; `internet` is false then
  std::vector<PortRange> host;                      // also x-host: services of the host that may be reached; "host.0"
  std::string publish_scope;                        // also x-publish-scope: loopback, host, all; empty: not said
  std::optional<std::vector<ServiceNetwork>> networks;  // nothing: not written
  std::string network_mode;            // none, host, bridge, service:NAME, container:NAME; empty: not said
  std::vector<Dependency> depends_on;  // in the order written
  std::optional<HealthcheckSection> healthcheck;
  std::string restart = "no";  // no, always, on-failure, unless-stopped
  int restart_retries = 0;     // on-failure:N
  std::string user, working_dir, hostname, container_name;
  std::vector<std::string> cap_add, cap_drop;
  bool read_only = false, privileged = false, tty = false, stdin_open = false, init = false;
  std::optional<std::int64_t> mem_limit, memswap_limit, mem_reservation, pids_limit, shm_size;
  std::optional<double> cpus;
  std::optional<std::int64_t> cpu_shares, cpu_period, cpu_quota, mem_swappiness;
  std::string cpuset;
  int oom_score_adj = 0;
  bool oom_kill_disable = false;
  int replicas = 1;  // scale, deploy.replicas
  std::map<std::string, std::string> labels;
  std::string stop_signal;
  std::optional<std::chrono::nanoseconds> stop_grace_period;
  std::vector<std::string> dns, dns_search, dns_options;  // dns_opt
  std::string domainname;
  std::vector<std::string> extra_hosts;  // "name:address"
  std::vector<std::string> profiles;
  // Place of each key written, by its path below the service ("ports", "deploy.replicas"), for messages and plans.
  std::map<std::string, base::Position> places;
};

struct VolumeSection {
  std::string name;       // key
  std::string real_name;  // `name:`; empty: PROJECT_key
  bool external = false;
  std::map<std::string, std::string> labels;
  base::Position position;
};

struct NetworkSection {
  std::string name;       // key
  std::string real_name;  // `name:`; empty: PROJECT_key
  bool external = false, internal = false;
  std::string subnet, subnet6;  // ipam.config[].subnet
  std::optional<bool> enable_ipv6;
  std::map<std::string, std::string> labels;
  base::Position position;
};

struct ComposeFile {
  std::string file;
  std::string name;               // `name:`; may be empty
  std::vector<Service> services;  // in the order written
  std::vector<VolumeSection> volumes;
  std::vector<NetworkSection> networks;
  std::string publish_scope;  // of x-conductor, for services that say none
  bool strict = true;         // links only as declared; false: services of the file reach each other and the internet
};

// Throws base::SourceError with every mistake. `lookup` answers variables for ${…} in values; a variable that is not
// set is empty and reported through `warnings`.
ComposeFile parse_compose_file(std::string_view text, const std::string& file,
                               const std::function<std::optional<std::string>(const std::string&)>& lookup,
                               std::vector<base::Diagnostic>* warnings = nullptr);

// ${VAR}, $VAR, ${VAR:-x}, ${VAR-x}, ${VAR:?x}, ${VAR?x}, ${VAR:+x}, ${VAR+x}, nested, $$ for $. Bounded in depth and
// size.
std::string interpolate(std::string_view text, const base::Position& position,
                        const std::function<std::optional<std::string>(const std::string&)>& lookup,
                        std::vector<base::Diagnostic>* warnings = nullptr);

}  // namespace conductor::parser
