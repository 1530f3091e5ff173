#include "runtime/runtime.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "base/wire.hpp"
#include "linux/namespaces.hpp"
#include "linux/root_fd.hpp"
#include "runtime/files.hpp"
#include "runtime/monitor_process.hpp"
#include "runtime/shown_files.hpp"
#include "store/lock.hpp"
#include "store/records.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

namespace conductor::runtime {
namespace {

using base::Error;
using linux::Fd;
using monitor::Command;
using monitor::Event;
using monitor::Phase;
using monitor::Request;
using monitor::Status;

void make_directory(const std::string& path) {
  if (mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return;
  if (errno != ENOENT) throw Error::from_errno("cannot make " + path);
  store::make_directory(path);
}

// The lock on the specification is held from before the monitor is started until it has ended: by whoever starts it,
// then by the monitor, which has the same open file.
bool lock_specification(const Fd& spec) { return flock(spec.get(), LOCK_EX | LOCK_NB) == 0; }

// A monitor whose starter was killed ends by itself, and takes files away that the next one makes anew.
void wait_for_former_monitor(const Files& files) {
  constexpr std::chrono::seconds patience(10);
  const auto there = [&] { return access(files.spec.c_str(), F_OK) == 0; };
  if (!there()) return;
  try {
    store::Lock::acquire(files.spec, store::Lock::Mode::exclusive, patience);
  } catch (const Error&) {
    if (there()) throw;  // else it has taken its directory away
  }
}

// Kept as a file for whoever adopts the container; returned open at its beginning, locked.
Fd write_spec(const std::string& path, const monitor::LaunchSpec& spec) {
  Fd file = linux::open_file(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  linux::write_all(file.get(), base::to_wire(spec));
  if (lseek(file.get(), 0, SEEK_SET) != 0) throw Error::from_errno("cannot rewind " + path);
  if (!lock_specification(file)) throw Error::from_errno("cannot lock " + path);
  return file;
}

std::optional<Status> read_status(const std::string& path) {
  const auto bytes = linux::try_read_file(path);
  if (!bytes) return std::nullopt;
  const base::Context context("reading " + path);
  return base::from_wire<Status>(*bytes);
}

void write_status(const std::string& path, const Status& status) {
  store::write_file_atomically(path, base::to_wire(status), false);
}

// What the container was sent, for the runs that a new monitor will start. Without it, it is watched all the same.
std::vector<Fd> sent_again(const std::string& spec, const linux::ProcessId& id, const Fd& process) {
  try {
    return open_shown_files(base::from_wire<monitor::LaunchSpec>(linux::read_file(spec)), id, process);
  } catch (const Error& e) {
    base::log(base::LogLevel::warning, "the files of a container for its new monitor: " + e.message());
    return {};
  }
}

// -1 for an empty one.
std::vector<int> descriptors_of(const std::vector<Fd>& files) {
  std::vector<int> numbers;
  for (const auto& file : files) numbers.push_back(file.get());
  return numbers;
}

Command stop_command(std::chrono::nanoseconds grace, int signal) {
  Command command;
  command.request = Request::stop;
  command.grace = grace;
  command.signal = signal;
  return command;
}

// Between connecting and sending a monitor may have come to its end, and with it what it was to be told.
void send_if_heard(const Fd& control, const Command& command) {
  try {
    send_command(control, command);
  } catch (const Error& e) {
    if (e.code() != EPIPE && e.code() != ECONNRESET) throw;
  }
}

// Of processes that have been killed: what the kernel needs to take them apart.
void wait_for_end(const linux::Cgroup& cgroup) {
  constexpr int patience_ms = 2000;
  for (const pid_t pid : cgroup.processes()) {
    try {
      if (const auto process = linux::open_process(linux::identify(pid))) linux::wait_ended(*process, patience_ms);
    } catch (const Error& e) {
      if (e.code() != ESRCH) throw;
    }
  }
}

}  // namespace

Runtime::Runtime(store::Locations locations) : locations_(std::move(locations)) {}

// --- creation
// -----------------------------------------------------------------------------------------------------------

Created Runtime::create(Setup setup, const Streams& streams) {
  const Files files(locations_, setup.id);
  wait_for_former_monitor(files);
  make_directory(files.run_directory);
  make_directory(files.directory);
  monitor::LaunchSpec& launch = setup.launch;
  launch.id = setup.id;
  launch.run_directory = files.run_directory;
  launch.status_file = files.status;
  launch.log_file = setup.log ? files.log : std::string();
  launch.cgroup = files.cgroup;
  unlink(files.status.c_str());
  try {
    const auto cgroup = linux::Cgroup::create(files.cgroup, setup.limits, setup.devices);
    launch.cgroup_directories = cgroup.directories();
    launch.cgroup_unified = linux::cgroup_v2_only();
    const Fd spec = write_spec(files.spec, launch);
    auto monitor = start_monitor(monitor::mode_run, spec.get(), streams, setup.sent);
    const auto report = next_report(monitor.control);
    if (report && report->event == Event::created)
      return {std::move(monitor.child), std::move(monitor.control), report->process, setup.id};
    linux::wait_for(monitor.child.pidfd);
    if (!report) throw Error("the monitor of the container has died");
    throw Error(report->error).with_exit_code(report->code);
  } catch (...) {
    base::Collector collector;
    collector.attempt([&] { clean(setup.id); });
    throw;
  }
}

void Runtime::clean(const std::string& id) {
  const Files files(locations_, id);
  base::Collector collector;
  const linux::Cgroup cgroup(files.cgroup);
  collector.attempt([&] {
    if (cgroup.remove()) return;
    cgroup.kill();
    wait_for_end(cgroup);
    if (!cgroup.remove()) throw Error("processes of the container are still ending");
  });
  collector.attempt([&] { wait_for_former_monitor(files); });
  collector.attempt([&] { linux::remove_tree(files.run_directory); });
  collector.finish();
}

// --- state
// --------------------------------------------------------------------------------------------------------------

std::optional<Status> Runtime::status(const std::string& id) {
  const Files files(locations_, id);
  auto status = read_status(files.status);
  if (!status || status->phase == Phase::exited || linux::open_process(status->monitor)) return status;
  // Its monitor is gone. It may have finished its work just before; and of several who notice, one adopts.
  make_directory(files.run_directory);
  auto lock = store::Lock::acquire(files.adoption_lock);
  status = read_status(files.status);
  if (!status || status->phase == Phase::exited || linux::open_process(status->monitor)) return status;
  if (adopt(id)) {
    lock.release();
    if (adopted_) adopted_(id);
    return read_status(files.status);
  }
  status->phase = Phase::exited;
  status->paused = false;
  status->process = {};
  status->exit_code = -1;
  if (status->error.empty()) status->error = "how it ended is not known: its monitor had died";
  write_status(files.status, *status);
  linux::Cgroup(files.cgroup).remove();
  return status;
}

// False when there is no process to watch, or nobody who can: then it is ended.
bool Runtime::adopt(const std::string& id) {
  const Files files(locations_, id);
  const auto status = read_status(files.status);
  const auto process = linux::open_process(status->process);
  if (!process) return false;
  wait_for_former_monitor(files);  // of what it had started beside it, something may still hold the lock
  const auto spec = linux::try_open(files.spec, O_RDONLY);
  if (spec && status->phase == Phase::running && lock_specification(*spec)) {
    const auto sent = sent_again(files.spec, status->process, *process);
    const auto monitor = start_monitor(monitor::mode_adopt, spec->get(), {}, descriptors_of(sent));
    const auto report = next_report(monitor.control);
    if (report && report->event == Event::started) return true;
    linux::wait_for(monitor.child.pidfd);
  }
  linux::send_signal(*process, SIGKILL);
  if (status->paused) linux::Cgroup(files.cgroup).freeze(false);  // frozen, it does not end
  linux::wait_ended(*process, -1);
  return false;
}

bool Runtime::running(const std::string& id) {
  const auto found = status(id);
  return found && found->phase != Phase::exited;
}

std::optional<Fd> Runtime::network_namespace(const std::string& id) {
  const auto found = status(id);
  if (!found || found->phase == Phase::exited) return std::nullopt;
  // The monitor's, which is there between two runs as well.
  const auto monitor = linux::open_process(found->monitor);
  if (!monitor) return std::nullopt;
  const std::string name =
      "/proc/" + std::to_string(found->monitor.pid) + "/fd/" + std::to_string(monitor::network_descriptor);
  auto ns = linux::try_open(name, O_RDONLY);
  if (!ns || linux::has_ended(*monitor)) return std::nullopt;  // the number may be somebody else's by then
  return ns;
}

// --- signals
// ------------------------------------------------------------------------------------------------------------

void Runtime::stop(const std::string& id, std::chrono::nanoseconds grace, int signal) {
  constexpr std::chrono::seconds patience(30);
  constexpr int patience_with_stopped_ms = 2000;
  using std::chrono::milliseconds;
  const Files files(locations_, id);
  const base::Context context("container " + base::short_id(id));
  const int limit =
      grace.count() < 0 ? -1 : static_cast<int>(std::chrono::ceil<milliseconds>(grace + patience).count());
  while (const auto found = status(id)) {
    if (found->phase == Phase::exited) return;
    const auto monitor = linux::open_process(found->monitor);
    if (!monitor) continue;  // the next look adopts the container, or finds it ended
    // A monitor that does not listen any more is about to end by itself.
    if (const auto control = linux::connect_unix(files.control)) send_if_heard(*control, stop_command(grace, signal));
    const bool stopped = is_stopped(found->monitor.pid);
    if (linux::wait_ended(*monitor, stopped ? patience_with_stopped_ms : limit)) continue;
    if (is_stopped(found->monitor.pid)) throw silent_monitor(found->monitor.pid);
    throw Error("it does not end: a process of it is stuck in the kernel");
  }
}

void Runtime::send_signal(const std::string& id, int signal) {
  if (!running(id)) throw Error("container " + base::short_id(id) + " is not running");
  Command command;
  command.request = Request::signal;
  command.signal = signal;
  if (const auto control = linux::connect_unix(Files(locations_, id).control)) send_if_heard(*control, command);
}

void Runtime::forward(const std::string& id, const std::vector<Created::Listener>& listeners) {
  if (const auto control = linux::connect_unix(Files(locations_, id).control); control && !listeners.empty())
    send_listeners(*control, listeners, Request::forward);
}

void Runtime::withdraw(const std::string& id, const std::vector<monitor::WithdrawnPort>& ports) {
  if (ports.empty()) return;
  Command command;
  command.request = Request::withdraw;
  command.withdrawn = ports;
  tell(id, command);
}

void Runtime::set_resolver(const std::string& id, const monitor::Resolver& resolver) {
  Command command;
  command.request = Request::resolve;
  command.resolver = resolver;
  tell(id, command);
}

std::optional<Fd> Runtime::tell(const std::string& id, const Command& command) {
  const base::Context context("container " + base::short_id(id));
  return tell_monitor(Files(locations_, id).control, command);
}

}  // namespace conductor::runtime
