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

void send_window(const linux::Fd& control, int terminal) {
  const auto size = linux::window_size(terminal);
  if (!size) return;
  Command command;
  command.request = Request::resize;
  command.rows = size->rows;
  command.columns = size->columns;
  send_command(control, command);
}

void pass_on(const linux::Fd& control, int signal, int terminal) {
  if (signal == SIGWINCH) return terminal >= 0 ? send_window(control, terminal) : void();
  Command command;
  command.request = Request::signal;
  command.signal = signal;
  send_command(control, command);
}

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

int Created::wait(int terminal) {
  const SignalRelay signals;
  std::optional<linux::RawMode> raw;
  if (terminal >= 0 && linux::is_terminal(terminal)) {
    raw.emplace(terminal);
    send_window(control_, terminal);
  }
  pollfd entries[] = {{control_.get(), POLLIN, 0}, {signals.get().get(), POLLIN, 0}};
  for (;;) {
    if (poll(entries, 2, -1) < 0 && errno != EINTR) throw Error::from_errno("cannot wait for the container");
    while (const auto signal = linux::next_signal(signals.get())) pass_on(control_, *signal, terminal);
    if (entries[0].revents == 0) continue;
    if (const auto code = next_ending()) return *code;
  }
}

int Created::wait(const linux::Cancellation& cancellation) {
  pollfd entries[] = {{control_.get(), POLLIN, 0}, {cancellation.descriptor(), POLLIN, 0}};
  for (;;) {
    const int ready = poll(entries, 2, -1);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) throw Error::from_errno("cannot wait for the container");
    if (entries[0].revents != 0) {
      const auto code = next_ending();
      if (!code) continue;
      if (entries[1].fd < 0) throw Error("interrupted").with_exit_code(exit_interrupted);
      return *code;
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

// The exit code, once nothing of the container runs any more; nothing when something else was reported.
std::optional<int> Created::next_ending() {
  const auto report = next_report(control_);
  if (report && report->event != Event::exited) return std::nullopt;
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
