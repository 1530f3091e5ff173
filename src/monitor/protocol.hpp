// What conductor and conductor-monitor say to each other. The monitor does as told: everything about a container that
// it needs is in a LaunchSpec; it reads no other file of ours.
#pragma once

#include "base/fields.hpp"
#include "linux/cgroup.hpp"
#include "linux/process.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace conductor::monitor {

struct Option {
  std::string key;
  std::string value;  // empty: a flag
};
template <base::Is<Option> S, class V>
void fields(S& s, V&& v) {
  v("key", s.key), v("value", s.value);
}

// A detached mount that came along as a descriptor, or an overlay on it.
struct SentTree {
  int number = 0;                  // position among the descriptors sent along; -1: what `source` of the mount names
  std::string inside;              // what of it is shown, resolved within; empty: all
  std::vector<std::string> above;  // directories in overlay form that are laid over it, topmost first
  std::string upper, work;         // not empty: what is written goes there
};
template <base::Is<SentTree> S, class V>
void fields(S& s, V&& v) {
  v("number", s.number), v("inside", s.inside), v("above", s.above), v("upper", s.upper), v("work", s.work);
}

// A file that came along as a descriptor: its bytes are shown as a file in memory that is never swapped out.
struct SentContent {
  int number = 0;
  std::uint32_t uid = 0, gid = 0;
  unsigned mode = 0400;
};
template <base::Is<SentContent> S, class V>
void fields(S& s, V&& v) {
  v("number", s.number), v("uid", s.uid), v("gid", s.gid), v("mode", s.mode);
}

// A mount on top of the standard ones (/proc, /dev, /sys …): a bind when `type` is empty.
struct Mount {
  std::string type;             // "tmpfs" …; empty: bind
  std::vector<Option> options;  // of a file system
  std::string source;           // of a bind: an absolute host path, unless one of these came along:
  std::optional<SentTree> tree;
  std::optional<SentContent> content;
  std::string target;             // absolute, inside; made when missing, as a file when `file`
  bool file = false;              // known without it for what came along
  bool read_only = false;         // on all submounts
  bool recursive = true;          // a bind takes submounts along
  std::uint64_t propagation = 0;  // MS_*; 0: MS_PRIVATE
  bool allow_devices = false, allow_setuid = false, allow_exec = true;
};
template <base::Is<Mount> S, class V>
void fields(S& s, V&& v) {
  v("type", s.type), v("options", s.options), v("source", s.source), v("tree", s.tree), v("content", s.content);
  v("target", s.target), v("file", s.file), v("read_only", s.read_only), v("recursive", s.recursive),
      v("propagation", s.propagation);
  v("allow_devices", s.allow_devices), v("allow_setuid", s.allow_setuid), v("allow_exec", s.allow_exec);
}

struct ResourceLimit {
  int resource = 0;                  // RLIMIT_*
  std::uint64_t soft = 0, hard = 0;  // ~0: unlimited. What this process may not raise stays as it is

  bool operator==(const ResourceLimit&) const = default;
};
template <base::Is<ResourceLimit> S, class V>
void fields(S& s, V&& v) {
  v("resource", s.resource), v("soft", s.soft), v("hard", s.hard);
}

// A device node in /dev, beside the standard ones. With a user namespace, or where nodes cannot be made, it is the
// host's node that is bound there.
struct Device {
  std::string source;  // the host's node, absolute
  std::string target;  // absolute, inside
  char type = 'c';
  std::int64_t major = 0, minor = 0;
  unsigned mode = 0666;
  std::uint32_t uid = 0, gid = 0;
};
template <base::Is<Device> S, class V>
void fields(S& s, V&& v) {
  v("source", s.source), v("target", s.target), v("type", s.type), v("major", s.major), v("minor", s.minor);
  v("mode", s.mode), v("uid", s.uid), v("gid", s.gid);
}

// A range of user or group ids of a user namespace (user_namespaces(7)).
struct IdRange {
  std::uint32_t inside = 0, outside = 0, count = 0;

  bool operator==(const IdRange&) const = default;
};
template <base::Is<IdRange> S, class V>
void fields(S& s, V&& v) {
  v("inside", s.inside), v("outside", s.outside), v("count", s.count);
}
// Both empty: the host's user namespace. Files of layers and volumes keep the ids they have inside; their mounts are
// id-mapped.
struct IdMaps {
  std::vector<IdRange> users, groups;

  bool operator==(const IdMaps&) const = default;
};
template <base::Is<IdMaps> S, class V>
void fields(S& s, V&& v) {
  v("users", s.users), v("groups", s.groups);
}

// A process in a container and its confinement: the same for run, exec, a build's RUN, a health check and a restart.
struct Process {
  std::vector<std::string> arguments;    // at least one; looked up in PATH of `environment`
  std::vector<std::string> environment;  // "NAME=value"; HOME is added from the image's passwd when missing
  std::string working_directory = "/";   // made when missing
  std::string user;  // "user[:group]" by name or number, by the image's own /etc/passwd and /etc/group
  bool terminal = false;
  std::uint64_t capabilities = 0;
  bool no_new_privileges = true;
  std::string filter;  // struct sock_filter[]; empty: none
  std::vector<ResourceLimit> limits;
  int oom_score_adjust = 0;
  std::string apparmor;  // profile; empty: none is asked for
};
template <base::Is<Process> S, class V>
void fields(S& s, V&& v) {
  v("arguments", s.arguments), v("environment", s.environment), v("working_directory", s.working_directory);
  v("user", s.user), v("terminal", s.terminal), v("capabilities", s.capabilities);
  v("no_new_privileges", s.no_new_privileges), v("filter", s.filter), v("limits", s.limits);
  v("oom_score_adjust", s.oom_score_adjust), v("apparmor", s.apparmor);
}

enum class RestartPolicy { no, always, on_failure, unless_stopped };
constexpr auto enum_names(RestartPolicy) {
  return std::array{std::pair{RestartPolicy::no, "no"}, std::pair{RestartPolicy::always, "always"},
                    std::pair{RestartPolicy::on_failure, "on-failure"},
                    std::pair{RestartPolicy::unless_stopped, "unless-stopped"}};
}
struct Restart {
  RestartPolicy policy = RestartPolicy::no;
  int max_retries = 0;  // on_failure; 0: no limit

  bool operator==(const Restart&) const = default;
};
template <base::Is<Restart> S, class V>
void fields(S& s, V&& v) {
  v("policy", s.policy), v("max_retries", s.max_retries);
}

struct Healthcheck {
  std::vector<std::string> test;  // empty: no check, and no timer
  std::chrono::nanoseconds interval{std::chrono::seconds(30)};
  std::chrono::nanoseconds timeout{std::chrono::seconds(30)};
  std::chrono::nanoseconds start_period{0};
  std::chrono::nanoseconds start_interval{std::chrono::seconds(5)};
  int retries = 3;

  bool operator==(const Healthcheck&) const = default;
};
template <base::Is<Healthcheck> S, class V>
void fields(S& s, V&& v) {
  v("test", s.test), v("interval", s.interval), v("timeout", s.timeout), v("start_period", s.start_period);
  v("start_interval", s.start_interval), v("retries", s.retries);
}

// Where what a container writes goes, and what happens when it writes faster than that.
enum class LogDriver { file, journald, none };
constexpr auto enum_names(LogDriver) {
  return std::array{std::pair{LogDriver::file, "file"}, std::pair{LogDriver::journald, "journald"},
                    std::pair{LogDriver::none, "none"}};
}
struct LogSettings {
  LogDriver driver = LogDriver::file;
  std::int64_t limit = 10 << 20;  // bytes of one file; 0: no limit
  int files = 3;                  // LOG, LOG.1, LOG.2: the newest first
  bool compress = false;          // all but the newest, gzip
  bool blocking = true;           // else what does not fit into `buffer` is dropped and counted
  std::int64_t buffer = 1 << 20;  // bytes
  std::string tag;                // journald's SYSLOG_IDENTIFIER

  bool operator==(const LogSettings&) const = default;
};
template <base::Is<LogSettings> S, class V>
void fields(S& s, V&& v) {
  v("driver", s.driver), v("limit", s.limit), v("files", s.files), v("compress", s.compress);
  v("blocking", s.blocking), v("buffer", s.buffer), v("tag", s.tag);
}

enum class NetworkNamespace { own, host, joined };
constexpr auto enum_names(NetworkNamespace) {
  return std::array{std::pair{NetworkNamespace::own, "own"}, std::pair{NetworkNamespace::host, "host"},
                    std::pair{NetworkNamespace::joined, "joined"}};
}

// A loopback port the monitor serves: connections accepted on descriptor number `listener` (position in the list of
// descriptors sent along) go to the container's address.
struct Forward {
  int listener = 0;
  bool udp = false;
  std::string address;  // IPv4 or IPv6
  std::string other;    // tried when nothing listens at the first; may be empty
  int port = 0;
};
template <base::Is<Forward> S, class V>
void fields(S& s, V&& v) {
  v("listener", s.listener), v("udp", s.udp), v("address", s.address), v("other", s.other);
  v("port", s.port);
}

// A port whose socket the monitor closes, with the connections that came through it.
struct WithdrawnPort {
  bool udp = false;
  std::string address;  // the socket's own
  int port = 0;         // of the host
};
template <base::Is<WithdrawnPort> S, class V>
void fields(S& s, V&& v) {
  v("udp", s.udp), v("address", s.address), v("port", s.port);
}

// A resolver for a container that may reach named hosts outside and no others. It listens on 127.0.0.11:53 (UDP and
// TCP) in the container's network namespace and asks the host's servers; names that match no pattern do not exist
// (NXDOMAIN). Before it answers, it runs `update` with NAME ADDRESS… appended and waits for exit code 0: the addresses
// are reachable when the container learns them. Names without '*' are asked for at start and again when their time to
// live ends.
struct Resolver {
  std::vector<std::string> names;    // "api.example.org", "*.example.org"; empty: no resolver
  std::vector<std::string> servers;  // IPv4 and IPv6; empty: those of the host's resolv.conf, read at each question
  std::vector<std::string> update;
};
template <base::Is<Resolver> S, class V>
void fields(S& s, V&& v) {
  v("names", s.names), v("servers", s.servers), v("update", s.update);
}
inline constexpr const char* resolver_address = "127.0.0.11";

struct LaunchSpec {
  std::string id;
  std::string run_directory;  // volatile, 0700: sockets, FIFOs, the mount point of nothing
  std::string status_file;    // written atomically on every change: to_wire(Status)
  std::string log_file;       // empty: no log (a build step); format: monitor/log.hpp
  LogSettings log;
  std::string event_journal;             // monitor/event_journal.hpp; empty: nobody is told
  std::vector<Option> event_attributes;  // of each event of this container: name, image, labels
  std::string hostname;
  std::string host_name_domain;  // unused when empty

  std::vector<std::string> lower;  // topmost first
  std::string upper, work;         // empty: read-only root without an upper layer
  bool read_only_root = false;
  std::vector<Mount> mounts;  // in order
  std::int64_t shm_size = 64 << 20;
  std::vector<std::string> masked_paths, read_only_paths;  // empty when privileged
  bool privileged = false;                                 // all devices, writable /sys and cgroup
  std::vector<Option> sysctls;  // "net.ipv4.ping_group_range" …, written by us before the drop of rights
  std::vector<Device> devices;  // beside the standard ones; the cgroup's rules are conductor's
  IdMaps ids;

  NetworkNamespace network = NetworkNamespace::own;
  int sent_network = -1;  // joined: number among the descriptors sent along of the namespace
  Resolver resolver;
  std::string cgroup;  // path as in linux::Cgroup; made by conductor, removed by the monitor at the end
  std::vector<std::string> cgroup_directories;  // its directory in every hierarchy, so that nobody has to look for them
  bool cgroup_unified = false;                  // version 2 alone: one directory, to be cloned into
  Process process;
  // Number among the descriptors sent along of a file with more variables, "NAME=value" with a zero byte at the end of
  // each: what may lie on no disk; -1: none.
  int sent_environment = -1;
  bool init = false;        // a small init of ours as pid 1 that reaps and forwards signals
  bool bound = false;       // ends with whoever started it, which is then not told
  bool open_stdin = false;  // else stdin is /dev/null
  std::string detach_keys;  // bytes that take whoever is attached off again; empty: none do
  int stop_signal = 15;
  Restart restart;
  Healthcheck healthcheck;
  // Run when the container is finished and whoever started it is gone: conductor's own clean-up. May be empty.
  std::vector<std::string> on_exit;
};
template <base::Is<LaunchSpec> S, class V>
void fields(S& s, V&& v) {
  v("id", s.id), v("run_directory", s.run_directory), v("status_file", s.status_file), v("log_file", s.log_file);
  v("log", s.log), v("event_journal", s.event_journal), v("event_attributes", s.event_attributes);
  v("hostname", s.hostname), v("host_name_domain", s.host_name_domain), v("lower", s.lower), v("upper", s.upper);
  v("work", s.work), v("read_only_root", s.read_only_root), v("mounts", s.mounts), v("shm_size", s.shm_size);
  v("masked_paths", s.masked_paths), v("read_only_paths", s.read_only_paths), v("privileged", s.privileged);
  v("sysctls", s.sysctls), v("devices", s.devices), v("ids", s.ids), v("network", s.network),
      v("sent_network", s.sent_network);
  v("resolver", s.resolver), v("cgroup", s.cgroup), v("process", s.process), v("sent_environment", s.sent_environment);
  v("init", s.init);
  v("cgroup_directories", s.cgroup_directories), v("cgroup_unified", s.cgroup_unified);
  v("bound", s.bound), v("open_stdin", s.open_stdin), v("detach_keys", s.detach_keys);
  v("stop_signal", s.stop_signal), v("restart", s.restart);
  v("healthcheck", s.healthcheck), v("on_exit", s.on_exit);
}

enum class Phase { created, running, restarting, exited };
constexpr auto enum_names(Phase) {
  return std::array{std::pair{Phase::created, "created"}, std::pair{Phase::running, "running"},
                    std::pair{Phase::restarting, "restarting"}, std::pair{Phase::exited, "exited"}};
}
enum class Health { none, starting, healthy, unhealthy };
constexpr auto enum_names(Health) {
  return std::array{std::pair{Health::none, "none"}, std::pair{Health::starting, "starting"},
                    std::pair{Health::healthy, "healthy"}, std::pair{Health::unhealthy, "unhealthy"}};
}

// One health check that has ended.
inline constexpr std::size_t max_health_results = 5;
struct HealthResult {
  std::int64_t started_at = 0, finished_at = 0;  // unix nanoseconds
  int exit_code = 0;                             // -1: it took too long
  std::string output;                            // at most 4 KiB
};
template <base::Is<HealthResult> S, class V>
void fields(S& s, V&& v) {
  v("started_at", s.started_at), v("finished_at", s.finished_at), v("exit_code", s.exit_code), v("output", s.output);
}

// The truth about a container's process, written by its monitor.
struct Status {
  Phase phase = Phase::created;
  linux::ProcessId monitor;
  linux::ProcessId process;  // pid 1 of the container; pid 0 when none runs
  int exit_code = 0;         // of the last run, as a shell says it; -1 unknown
  bool out_of_memory = false;
  std::string error;            // why it did not start
  std::int64_t started_at = 0;  // unix nanoseconds
  std::int64_t finished_at = 0;
  int restarts = 0;
  bool stopped_by_user = false;
  bool paused = false;  // with Phase::running
  Health health = Health::none;
  int failing_streak = 0;
  std::vector<HealthResult> health_log;  // the last max_health_results, oldest first
};
template <base::Is<Status> S, class V>
void fields(S& s, V&& v) {
  v("phase", s.phase), v("monitor", s.monitor), v("process", s.process), v("exit_code", s.exit_code);
  v("out_of_memory", s.out_of_memory), v("error", s.error), v("started_at", s.started_at);
  v("finished_at", s.finished_at), v("restarts", s.restarts), v("stopped_by_user", s.stopped_by_user);
  v("paused", s.paused), v("health", s.health), v("failing_streak", s.failing_streak), v("health_log", s.health_log);
}

// --- messages: on the socket pair between starter and monitor, and on RUN_DIRECTORY/control (both SOCK_SEQPACKET)
// --------

// attach: three descriptors come along (the caller's standard streams), beside those of others who are attached; the
// monitor closes its end of the connection when the container has finished for good or detach_keys were read.
// pause, resume: its processes are frozen or go on; pause with `lease` lasts until the connection is closed. forward:
// more ports, as with start. withdraw: those are given up. resolve: the container's resolver is this one from now on.
// Descriptors that come along with a request and are not meant for it are closed when it has been done: that is how a
// sender learns of it.
enum class Request : std::uint8_t {
  start,
  stop,
  signal,
  resize,
  attach,
  forward,
  withdraw,
  resolve,
  pause,
  resume,
  update
};
struct Command {
  Request request = Request::start;
  std::vector<Forward> forwards;         // start, forward; at most 16 descriptors come along
  int signal = 0;                        // signal
  std::chrono::nanoseconds grace{0};     // stop: stop signal now, SIGKILL after; no restart afterwards
  unsigned short rows = 0, columns = 0;  // resize
  std::vector<WithdrawnPort> withdrawn;  // withdraw
  Resolver resolver;                     // resolve
  std::string detach_keys;               // attach
  bool lease = false;                    // pause
  Restart restart;                       // update
};
template <base::Is<Command> S, class V>
void fields(S& s, V&& v) {
  v("request", s.request), v("forwards", s.forwards), v("signal", s.signal), v("grace", s.grace), v("rows", s.rows);
  v("columns", s.columns), v("withdrawn", s.withdrawn), v("resolver", s.resolver);
  v("detach_keys", s.detach_keys), v("lease", s.lease), v("restart", s.restart);
}

enum class Event : std::uint8_t { created, started, failed, exited, detached };
struct Report {
  Event event = Event::created;
  linux::ProcessId process;  // created
  std::string error;         // failed: why
  int code = 0;              // failed: 125, 126 or 127; exited: as a shell says it
};
template <base::Is<Report> S, class V>
void fields(S& s, V&& v) {
  v("event", s.event), v("process", s.process), v("error", s.error), v("code", s.code);
}

// How conductor starts the other program. Descriptors: 0-2 the streams for a foreground container (or /dev/null),
// 3 the socket pair, 4 a memory file with to_wire(LaunchSpec) or to_wire(ExecSpec).
inline constexpr int control_descriptor = 3;
inline constexpr int spec_descriptor = 4;
// The monitor's descriptor of the container's network namespace: /proc/MONITOR/fd/5 opens it from outside.
inline constexpr int network_descriptor = 5;
// From here on: what mounts are made of (SentTree, SentContent).
inline constexpr int first_sent_descriptor = 6;
inline constexpr const char* mode_run = "run";      // argv[1]: starts a container and stays with it
inline constexpr const char* mode_adopt = "adopt";  // takes over a container whose monitor died
inline constexpr const char* mode_exec = "exec";    // one more process in a running container; exits as it does

// One more process in a running container. Its streams are descriptors 0-2 of the exec'ing program, relayed through a
// new terminal when process.terminal.
struct ExecSpec {
  linux::ProcessId container;  // pid 1
  std::string cgroup;
  Process process;
  bool detach = false;
  std::string detach_keys;
};
template <base::Is<ExecSpec> S, class V>
void fields(S& s, V&& v) {
  v("container", s.container), v("cgroup", s.cgroup), v("process", s.process), v("detach", s.detach);
  v("detach_keys", s.detach_keys);
}

}  // namespace conductor::monitor
