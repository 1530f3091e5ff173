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
  unsigned mode = 01777;              // tmpfs
  bool allow_exec = false;            // tmpfs
  std::string propagation;            // "rprivate" when empty
  std::string subpath;                // named: what of the volume is shown, resolved within it
  bool recursive = true;              // bind: with what is mounted below the source
  bool copy = true;                   // named: an empty volume takes the image's content at the target
  bool operator==(const MountConfig&) const = default;
};
template <base::Is<MountConfig> S, class V>
void fields(S& s, V&& v) {
  v("kind", s.kind), v("source", s.source), v("target", s.target), v("read_only", s.read_only), v("size", s.size);
  v("inodes", s.inodes), v("mode", s.mode), v("allow_exec", s.allow_exec), v("propagation", s.propagation);
  v("subpath", s.subpath), v("recursive", s.recursive), v("copy", s.copy);
}

// A file in memory that is never swapped out: a secret or a config. Read anew at each start.
struct FileConfig {
  std::string source;   // absolute host path; empty: `content`
  std::string content;  // lies in the container's record
  std::string target;   // absolute
  std::uint32_t uid = 0, gid = 0;
  unsigned mode = 0444;
  bool operator==(const FileConfig&) const = default;
};
template <base::Is<FileConfig> S, class V>
void fields(S& s, V&& v) {
  v("source", s.source), v("content", s.content), v("target", s.target), v("uid", s.uid), v("gid", s.gid);
  v("mode", s.mode);
}

// A device of the host in the container.
struct DeviceConfig {
  std::string source;          // absolute; a directory means every node in it
  std::string target;          // absolute
  std::string access = "rwm";  // of the container's cgroup
  bool operator==(const DeviceConfig&) const = default;
};
template <base::Is<DeviceConfig> S, class V>
void fields(S& s, V&& v) {
  v("source", s.source), v("target", s.target), v("access", s.access);
}

// Whose ids the container's users are. `standard` is what the settings say: host unless they say automatic.
enum class UserNamespace { standard, host, automatic, mapped };
constexpr auto enum_names(UserNamespace) {
  return std::array{std::pair{UserNamespace::standard, ""}, std::pair{UserNamespace::host, "host"},
                    std::pair{UserNamespace::automatic, "auto"}, std::pair{UserNamespace::mapped, "map"}};
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
  std::vector<FileConfig> files;
  std::vector<DeviceConfig> devices;
  std::vector<std::string> device_rules;  // "c 189:* rwm"
  linux::CgroupLimits limits;
  std::vector<monitor::ResourceLimit> ulimits;  // over the default ones
  std::map<std::string, std::string> sysctls;
  std::string seccomp;   // empty: the default profile; "unconfined"; else a profile's text
  std::string apparmor;  // profile; empty: none is asked for
  int oom_score_adjust = 0;
  UserNamespace user_namespace = UserNamespace::standard;
  monitor::IdMaps ids;  // with mapped
  monitor::LogSettings log;
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
  v("files", s.files), v("devices", s.devices), v("device_rules", s.device_rules), v("limits", s.limits);
  v("ulimits", s.ulimits), v("sysctls", s.sysctls), v("seccomp", s.seccomp), v("apparmor", s.apparmor);
  v("oom_score_adjust", s.oom_score_adjust), v("user_namespace", s.user_namespace), v("ids", s.ids), v("log", s.log);
  v("shm_size", s.shm_size), v("network", s.network), v("network_container", s.network_container),
      v("endpoint", s.endpoint);
  v("restart", s.restart), v("healthcheck", s.healthcheck), v("stop_signal", s.stop_signal);
  v("stop_grace", s.stop_grace), v("labels", s.labels);
}

struct Container {
  std::string id;                   // 64 hex digits
  std::int64_t created = 0;         // unix nanoseconds
  std::string image_id;             // empty for a build step
  std::vector<std::string> layers;  // lowest first
  monitor::IdMaps ids;              // of its user namespace; empty: the host's
  image::Config image_config;
  ContainerConfig config;
};
template <base::Is<Container> S, class V>
void fields(S& s, V&& v) {
  v("id", s.id), v("created", s.created), v("image_id", s.image_id), v("layers", s.layers), v("ids", s.ids);
  v("image_config", s.image_config), v("config", s.config);
}

}  // namespace conductor::engine
