#include "base/error.hpp"
#include "linux/events.hpp"
#include "linux/namespaces.hpp"
#include "linux/terminal.hpp"
#include "runtime/monitor_process.hpp"
#include "runtime/runtime.hpp"
#include "runtime/signal_relay.hpp"

#include <poll.h>

#include <cerrno>
#include <csignal>

namespace conductor::runtime {
namespace {

using base::Error;
using monitor::Command;
using monitor::Event;
using monitor::Request;

constexpr int exit_interrupted = 130;  // 128 + SIGINT, as a shell says it

}  // namespace

Created::Created(linux::Child monitor, linux::Fd control, linux::ProcessId process, std::string id)
    : monitor_(std::move(monitor)), control_(std::move(control)), process_(std::move(process)), id_(std::move(id)) {}

Created::~Created() {
  if (!control_ || done_) return;
  try {
    Command command;
    command.request = Request::stop;
    send_command(control_, command);
    linux::wait_for(monitor_.pidfd);
  } catch (const std::exception&) {
    // The monitor is gone already, and so is a process that was never released.
  }
}

linux::Fd Created::network_namespace() const { return linux::open_namespace(process_.pid, "net"); }

void Created::start(const std::vector<Listener>& listeners) {
  send_listeners(control_, listeners, Request::start);
  const auto report = next_report(control_);
  done_ = true;
  if (report && report->event == Event::started) return;
  linux::wait_for(monitor_.pidfd);
  if (!report) throw Error("the monitor of the container has died");
  throw Error(report->error).with_exit_code(report->code);
}

std::optional<int> Created::wait(Foreground& foreground) {
  auto end = foreground.attend(control_);
  if (end.left) return control_.reset(), left_by(end);
  return ending(end.report);
}

int Created::wait() {
  ForegroundOptions nobody;
  nobody.streams = {};
  Foreground foreground(nobody);
  return wait(foreground).value();
}

int Created::wait(const linux::Cancellation& cancellation) {
  pollfd entries[] = {{control_.get(), POLLIN, 0}, {cancellation.descriptor(), POLLIN, 0}};
  for (;;) {
    const int ready = poll(entries, 2, -1);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) throw Error::from_errno("cannot wait for the container");
    if (entries[0].revents != 0) {
      const int code = ending(next_report(control_));
      if (entries[1].fd < 0) throw Error("interrupted").with_exit_code(exit_interrupted);
      return code;
    }
    entries[1].fd = -1;
    try {
      Command command;
      command.request = Request::stop;
      send_command(control_, command);
    } catch (const Error&) {
      // It has come to its end by itself: the next look at it tells.
    }
  }
}

// The exit code: nothing of the container runs any more.
int Created::ending(const std::optional<monitor::Report>& report) {
  linux::wait_for(monitor_.pidfd);
  control_.reset();
  if (!report) throw Error("the monitor of the container has died; the container runs on");
  return report->code;
}

void Created::detach() {
  done_ = true;
  control_.reset();
}

}  // namespace conductor::runtime
