// One container's life: create, start, exec, stop, remove, logs, health; adopting it again when its monitor died.
#pragma once

#include "linux/cancellation.hpp"
#include "linux/fd.hpp"
#include "linux/process.hpp"
#include "monitor/protocol.hpp"
#include "runtime/foreground.hpp"
#include "runtime/streams.hpp"
#include "store/locations.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace conductor::runtime {

// What `create` needs. The launch spec's id, directories, status and log file are filled in by Runtime.
struct Setup {
  std::string id;
  monitor::LaunchSpec launch;
  linux::CgroupLimits limits;
  std::vector<linux::DeviceRule> devices;  // default_devices() unless privileged
  bool log = true;
  std::vector<int> sent;  // descriptors that the launch spec counts from 0 on; they stay the caller's
};

// Default confinement (HARDENING in docs/security.md): one place, used for every kind of process.
std::vector<linux::DeviceRule> default_devices();
std::vector<std::string> default_masked_paths();
std::vector<std::string> default_read_only_paths();
// `ipv6`: whoever connects the container decides about IPv6, else it is switched off.
std::vector<monitor::Option> default_sysctls(bool own_network, bool ipv6 = false);
std::vector<monitor::ResourceLimit> default_limits();
inline constexpr std::int64_t default_pids_limit = 2048;
// Fills capabilities' filter from a cache file below `state` per capability set.
std::string filter_for(const store::Locations& locations, std::uint64_t capabilities);

struct MonitorProcess;

// A container whose first process waits for `start`. Destroying it without start ends that process and its monitor.
class Created {
 public:
  Created(linux::Child monitor, linux::Fd control, linux::ProcessId process, std::string id);
  Created(Created&&) noexcept = default;
  ~Created();
  const std::string& id() const { return id_; }
  const linux::ProcessId& process() const { return process_; }
  linux::Fd network_namespace() const;

  struct Listener {
    int descriptor = -1;  // a listening socket; stays the caller's, the monitor gets a copy
    bool udp = false;
    std::string address, other;  // of the container; the second is tried when nothing listens at the first
    int port = 0;
  };
  // Releases the process; returns when it has executed its program. Throws Error with exit code 125, 126 or 127.
  void start(const std::vector<Listener>& listeners = {});
  // Until the container has finished for good (restarts included): its exit code; nothing when the caller has left and
  // it runs on. Throws Error with 128 + n when that was by signal n.
  std::optional<int> wait(Foreground& foreground);
  // With no streams but those `create` was given; signals are passed on.
  int wait();
  // The same without passing on signals, for threads. On request the container is killed, and this throws Error
  // "interrupted" with exit code 130 when nothing of it runs any more.
  int wait(const linux::Cancellation& cancellation);
  // Lets it run on by itself.
  void detach();

 private:
  int ending(const std::optional<monitor::Report>& report);

  linux::Child monitor_;
  linux::Fd control_;
  linux::ProcessId process_;
  std::string id_;
  bool done_ = false;
};

struct LogOptions {
  bool follow = false;
  std::optional<std::size_t> tail;  // last lines
  bool timestamps = false;
  std::optional<std::int64_t> since, until;  // unix nanoseconds
};
enum class Stream { output = 1, error = 2 };
using LogSink = std::function<void(Stream stream, std::int64_t unix_ns, std::string_view bytes)>;

// Processes of a container stand still while it lives, also when its caller is killed.
class Frozen {
 public:
  explicit Frozen(linux::Fd control) : control_(std::move(control)) {}
  Frozen(Frozen&&) noexcept = default;
  Frozen& operator=(Frozen&&) = delete;
  ~Frozen();

 private:
  linux::Fd control_;  // none: there was nothing to freeze
};

class Runtime {
 public:
  explicit Runtime(store::Locations locations);
  // Called after a container has got a new monitor, for what the old one had from others: its ports.
  void on_adopted(std::function<void(const std::string& id)> call) { adopted_ = std::move(call); }

  Created create(Setup setup, const Streams& streams);

  // The truth, also when monitor or machine died meanwhile: a process that is gone is reported exited (code -1 when
  // unknown). Nothing when the container was never created. A living process whose monitor died is adopted by a new
  // monitor.
  std::optional<monitor::Status> status(const std::string& id);
  bool running(const std::string& id);
  std::optional<linux::Fd> network_namespace(const std::string& id);  // nothing when it is not running

  // Stop signal, or `signal` instead of it, then SIGKILL after `grace`; returns when it has exited. Not running is
  // fine.
  void stop(const std::string& id, std::chrono::nanoseconds grace, int signal = 0);
  void send_signal(const std::string& id, int signal);
  // Until somebody lets it go on, or ends it. Throws Error when it is not running.
  void pause(const std::string& id);
  void resume(const std::string& id);
  // One that does not run is fine: then nothing is frozen.
  Frozen freeze(const std::string& id);
  // More ports for its monitor to serve; those given to `start` are lost when the monitor dies.
  void forward(const std::string& id, const std::vector<Created::Listener>& listeners);
  // The monitor has closed those when this returns.
  void withdraw(const std::string& id, const std::vector<monitor::WithdrawnPort>& ports);
  // Another resolver for its container, or none; a new monitor begins with that of the launch.
  void set_resolver(const std::string& id, const monitor::Resolver& resolver);
  // Ends when it has exited for good; its code.
  int wait(const std::string& id);
  int wait_for_exit(const std::string& id);     // the next one, whether it runs now or not; restarts count
  int wait_for_removal(const std::string& id);  // the code of its last exit, as far as that was seen
  // Waits until `accept` says true of the status; false on timeout. Uses inotify.
  bool wait_for(const std::string& id, const std::function<bool(const monitor::Status&)>& accept,
                std::optional<std::chrono::nanoseconds> limit = std::nullopt);

  // Beside others who are attached: all output from now on, and input. Until it has finished for good, also under
  // another monitor: its exit code; nothing when the caller has left. Throws as Created::wait.
  std::optional<int> attach(const std::string& id, Foreground& foreground);
  // Runs one more process; its exit code, 126 or 127; nothing when the caller has left, while the process goes on.
  std::optional<int> exec(const std::string& id, const monitor::Process& process, Foreground& foreground);
  int exec(const std::string& id, const monitor::Process& process);  // with the caller's standard streams
  void exec_detached(const std::string& id, const monitor::Process& process);

  // Calls `sink` per line or part of a line, in the order written. With follow: until the container has finished.
  void logs(const std::string& id, const LogOptions& options, const LogSink& sink);

  // Removes cgroup and run directory of a container that is not running.
  void clean(const std::string& id);

 private:
  bool adopt(const std::string& id);
  std::optional<linux::Fd> tell(const std::string& id, const monitor::Command& command);
  MonitorProcess start_exec(const std::string& id, const monitor::Process& process, bool detach,
                            const Streams& streams);

  store::Locations locations_;
  std::function<void(const std::string&)> adopted_;
};

// Absolute path of conductor-monitor: CONDUCTOR_MONITOR, beside the running program, or ../libexec/conductor.
std::string monitor_program();

}  // namespace conductor::runtime
