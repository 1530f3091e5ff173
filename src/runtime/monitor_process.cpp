#include "runtime/monitor_process.hpp"

#include "base/error.hpp"
#include "base/wire.hpp"
#include "linux/mount.hpp"
#include "runtime/runtime.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>

namespace conductor::runtime {
namespace {

using linux::Fd;

std::string directory_of_program() {
  char path[PATH_MAX];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof path);
  const std::string program(path, size > 0 ? static_cast<std::size_t>(size) : 0);
  return program.substr(0, program.find_last_of('/'));
}

// A container's program may be a script whose interpreter is /proc/self/exe: the monitor it was a moment ago. What it
// runs then comes from a read-only mount of its own, so nobody can open it for writing and change the file on the host.
const Fd& monitor_image() {
  static const Fd image = [] {
    Fd tree = linux::clone_tree(linux::open_file(monitor_program(), O_PATH).get(), false);
    linux::set_attributes(tree.get(), MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, false);
    return tree;
  }();
  return image;
}

}  // namespace

std::string monitor_program() {
  if (const char* chosen = std::getenv("CONDUCTOR_MONITOR"); chosen != nullptr && *chosen != '\0') return chosen;
  const std::string directory = directory_of_program();
  for (const char* place : {"/conductor-monitor", "/../libexec/conductor/conductor-monitor"})
    if (access((directory + place).c_str(), X_OK) == 0) return directory + place;
  throw base::Error("conductor-monitor is neither beside " + directory + " nor in ../libexec/conductor")
      .with_hint("reinstall, or name it in CONDUCTOR_MONITOR");
}

MonitorProcess start_monitor(const char* mode, int spec, const Streams& streams, const std::vector<int>& sent) {
  // Nobody's input is the null device open for writing only: the monitor tells it from an input that has ended.
  const Fd no_input = linux::open_file("/dev/null", O_WRONLY);
  const auto or_null = [&](int fd) { return fd >= 0 ? fd : no_input.get(); };
  auto [ours, theirs] = linux::make_socket_pair();
  linux::SpawnOptions options;
  // The image stands where the monitor expects to put a network namespace, which closes it.
  options.program = "/proc/self/fd/" + std::to_string(monitor::network_descriptor);
  options.arguments = {"conductor-monitor", mode};
  options.descriptors = {or_null(streams.input), or_null(streams.output), or_null(streams.error), theirs.get(), spec,
                         monitor_image().get()};
  static_assert(monitor::first_sent_descriptor == monitor::network_descriptor + 1);
  for (const int descriptor : sent) options.descriptors.push_back(or_null(descriptor));
  options.new_session = true;
  return {linux::spawn(options), std::move(ours)};
}

std::optional<monitor::Report> next_report(const Fd& control) {
  const auto message = linux::receive_message(control.get());
  if (!message) return std::nullopt;
  return base::from_wire<monitor::Report>(message->bytes);
}

void send_command(const Fd& control, const monitor::Command& command, const std::vector<int>& descriptors) {
  linux::send_message(control.get(), base::to_wire(command), descriptors);
}

// Whether a signal or a debugger has stopped it.
bool is_stopped(pid_t pid) {
  const auto text = linux::try_read_file("/proc/" + std::to_string(pid) + "/stat").value_or("");
  const auto name_end = text.rfind(") ");
  return name_end != std::string::npos && (text[name_end + 2] == 'T' || text[name_end + 2] == 't');
}

base::Error silent_monitor(pid_t monitor) {
  const std::string pid = std::to_string(monitor);
  base::Error error("its monitor, process " + pid + (is_stopped(monitor) ? ", is stopped" : ", does not answer"));
  return error.with_hint("let it go on (kill -CONT " + pid + "), or end it (kill -KILL " + pid +
                         "): the container goes on without it, and the next command gives it another one");
}

pid_t peer_of(const Fd& connection) {
  ucred peer{};
  socklen_t size = sizeof peer;
  getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size);
  return peer.pid;
}

std::optional<Fd> tell_monitor(const std::string& control, const monitor::Command& command) {
  constexpr int patience_ms = 15'000;  // freezing may take ten seconds
  auto connection = linux::connect_unix(control);
  if (!connection) return std::nullopt;
  auto pipe = linux::make_pipe();  // the monitor closes what came along when it is done
  try {
    send_command(*connection, command, {pipe.write.get()});
  } catch (const base::Error& e) {
    if (e.code() != EPIPE && e.code() != ECONNRESET) throw;
    return std::nullopt;
  }
  pipe.write.reset();
  if (!linux::wait_readable(pipe.read.get(), patience_ms)) throw silent_monitor(peer_of(*connection));
  if (linux::wait_readable(connection->get(), 0))
    if (const auto report = next_report(*connection)) throw base::Error(report->error).with_exit_code(report->code);
  return connection;
}

void send_listeners(const Fd& control, const std::vector<Created::Listener>& listeners, monitor::Request last) {
  constexpr std::size_t per_message = 16;
  std::size_t sent = 0;
  do {
    const std::size_t count = std::min(listeners.size() - sent, per_message);
    monitor::Command command;
    command.request = sent + count == listeners.size() ? last : monitor::Request::forward;
    std::vector<int> descriptors;
    for (std::size_t i = 0; i < count; ++i, ++sent) {
      const auto& listener = listeners[sent];
      command.forwards.push_back({static_cast<int>(i), listener.udp, listener.address, listener.other, listener.port});
      descriptors.push_back(listener.descriptor);
    }
    send_command(control, command, descriptors);
  } while (sent < listeners.size());
}

}  // namespace conductor::runtime
