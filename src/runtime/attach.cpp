// Coming to a container that runs: attaching to it, holding it still.
#include "base/error.hpp"
#include "base/text.hpp"
#include "linux/events.hpp"
#include "runtime/files.hpp"
#include "runtime/monitor_process.hpp"
#include "runtime/runtime.hpp"

#include <fcntl.h>

#include <cerrno>

namespace conductor::runtime {

namespace {

using base::Error;
using linux::Fd;
using monitor::Command;
using monitor::Event;
using monitor::Phase;
using monitor::Request;

// Nothing when it is about to end and hears nobody any more.
std::optional<Fd> attach_to(const std::string& socket, const Streams& streams) {
  auto control = linux::connect_unix(socket);
  if (!control) return std::nullopt;
  const Fd nobody = linux::open_file("/dev/null", O_WRONLY);
  const auto or_nobody = [&](int fd) { return fd >= 0 ? fd : nobody.get(); };
  Command command;
  command.request = Request::attach;
  try {
    send_command(*control, command, {or_nobody(streams.input), or_nobody(streams.output), or_nobody(streams.error)});
  } catch (const Error& e) {
    if (e.code() != EPIPE && e.code() != ECONNRESET) throw;
    return std::nullopt;
  }
  return control;
}

Command pause_command(Request request, bool lease) {
  Command command;
  command.request = request;
  command.lease = lease;
  return command;
}

}  // namespace

// Each turn is one monitor: when it dies, the next look at the container gives it another.
std::optional<int> Runtime::attach(const std::string& id, Foreground& foreground) {
  for (;;) {
    const auto found = status(id);
    if (!found) throw Error("container " + base::short_id(id) + " was never started");
    if (found->phase == Phase::exited) return found->exit_code;
    const auto control = attach_to(Files(locations_, id).control, foreground.streams());
    if (!control) {
      if (const auto monitor = linux::open_process(found->monitor)) linux::wait_ended(*monitor, -1);
      continue;
    }
    const auto end = foreground.attend(*control);
    if (end.left) return left_by(end);
    if (!end.report) continue;
    if (end.report->event == Event::failed) throw Error(end.report->error);
    return end.report->code;
  }
}

void Runtime::pause(const std::string& id) {
  const auto found = status(id);
  if (!found || found->phase != Phase::running) throw Error("container " + base::short_id(id) + " is not running");
  tell(id, pause_command(Request::pause, false));
}

void Runtime::resume(const std::string& id) {
  if (running(id)) tell(id, pause_command(Request::resume, false));
}

Frozen Runtime::freeze(const std::string& id) {
  const auto found = status(id);
  if (!found || found->phase != Phase::running) return Frozen(Fd());
  auto control = tell(id, pause_command(Request::pause, true));
  return Frozen(control ? std::move(*control) : Fd());
}

Frozen::~Frozen() {
  if (control_) leave(control_);
}

}  // namespace conductor::runtime
