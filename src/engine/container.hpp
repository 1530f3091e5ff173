// A container as recorded in ROOT/containers/ID/config.json: what was asked for, everything resolved.
#pragma once

#include "base/fields.hpp"
#include "image/image.hpp"
#include "linux/cgroup.hpp"
#include "monitor/protocol.hpp"
#include "network/network.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace conductor::engine {

enum class MountKind { bind, named, tmpfs };
constexpr auto enum_names(MountKind) {
  return std::array{std::pair{MountKind::bind, "bind"}, std::pair{MountKind::named, "volume"},
                    std::pair{MountKind::tmpfs, "tmpfs"}};
}
struct MountConfig {
  MountKind kind = MountKind::bind;
  std::string source;  // bind: absolute host path; named: volume name
  std::string target;
  bool read_only = false;
  std::int64_t size = 0, inodes = 0;  // tmpfs; 0: default
  std::string propagation;            // "rprivate" when empty
  bool operator==(const MountConfig&) const = default;
};
template <base::Is<MountConfig> S, class V>
void fields(S& s, V&& v) {
  v("kind", s.kind), v("source", s.source), v("target", s.target), v("read_only", s.read_only), v("size", s.size);
  v("inodes", s.inodes), v("propagation", s.propagation);
}

enum class NetworkMode { links, none, host, container };
constexpr auto enum_names(NetworkMode) {
  return std::array{std::pair{NetworkMode::links, "links"}, std::pair{NetworkMode::none, "none"},
                    std::pair{NetworkMode::host, "host"}, std::pair{NetworkMode::container, "container"}};
}

struct ContainerConfig {
  std::string name;                                             // empty: one is made up
  std::string image;                                            // as the user named it
  std::optional<std::vector<std::string>> entrypoint, command;  // nothing: the image's
  std::vector<std::string> environment;                         // "NAME=value", over the image's
  std::string user, working_directory, hostname;
  bool terminal = false, open_stdin = false, init = false;
  bool read_only = false, privileged = false, no_new_privileges = true, auto_remove = false;
  std::vector<std::string> cap_add, cap_drop;
  std::vector<MountConfig> mounts;
  linux::CgroupLimits limits;
  std::int64_t shm_size = 64 << 20;
  NetworkMode network = NetworkMode::links;
  std::string network_container;     // with mode container: name or id of the one whose network is shared
  network::EndpointConfig endpoint;  // names are filled in by create
  monitor::Restart restart;
  monitor::Healthcheck healthcheck;
  std::string stop_signal;  // empty: the image's, else SIGTERM
  std::chrono::nanoseconds stop_grace{std::chrono::seconds(10)};
  std::map<std::string, std::string> labels;

  bool operator==(const ContainerConfig&) const = default;
};
template <base::Is<ContainerConfig> S, class V>
void fields(S& s, V&& v) {
  v("name", s.name), v("image", s.image), v("entrypoint", s.entrypoint), v("command", s.command);
  v("environment", s.environment), v("user", s.user), v("working_directory", s.working_directory);
  v("hostname", s.hostname), v("terminal", s.terminal), v("open_stdin", s.open_stdin), v("init", s.init);
  v("read_only", s.read_only), v("privileged", s.privileged), v("no_new_privileges", s.no_new_privileges);
  v("auto_remove", s.auto_remove), v("cap_add", s.cap_add), v("cap_drop", s.cap_drop), v("mounts", s.mounts);
  v("limits", s.limits), v("shm_size", s.shm_size), v("network", s.network),
      v("network_container", s.network_container), v("endpoint", s.endpoint);
  v("restart", s.restart), v("healthcheck", s.healthcheck), v("stop_signal", s.stop_signal);
  v("stop_grace", s.stop_grace), v("labels", s.labels);
}

struct Container {
  std::string id;                   // 64 hex digits
  std::int64_t created = 0;         // unix nanoseconds
  std::string image_id;             // empty for a build step
  std::vector<std::string> layers;  // lowest first
  image::Config image_config;
  ContainerConfig config;
};
template <base::Is<Container> S, class V>
void fields(S& s, V&& v) {
  v("id", s.id), v("created", s.created), v("image_id", s.image_id), v("layers", s.layers);
  v("image_config", s.image_config), v("config", s.config);
}

}  // namespace conductor::engine
