#include "base/error.hpp"
#include "base/text.hpp"
#include "base/wire.hpp"
#include "linux/events.hpp"
#include "runtime/files.hpp"
#include "runtime/monitor_process.hpp"
#include "runtime/runtime.hpp"
#include "runtime/signal_relay.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace conductor::runtime {
namespace {

using base::Error;

// It is in a session of its own, so what a terminal sends goes to us alone.
linux::Ending wait_passing_signals(const linux::Child& child) {
  const SignalRelay signals;
  pollfd entries[] = {{child.pidfd.get(), POLLIN, 0}, {signals.get().get(), POLLIN, 0}};
  for (;;) {
    if (poll(entries, 2, -1) < 0 && errno != EINTR) throw Error::from_errno("cannot wait for the command");
    while (const auto signal = linux::next_signal(signals.get())) linux::send_signal(child.pidfd, *signal);
    if (entries[0].revents != 0) return linux::wait_for(child.pidfd);
  }
}

}  // namespace

int Runtime::exec(const std::string& id, const monitor::Process& process, bool detach) {
  const auto found = status(id);
  if (!found || found->phase != monitor::Phase::running)
    throw Error("container " + base::short_id(id) + " is not running");
  const monitor::ExecSpec spec{found->process, Files(locations_, id).cgroup, process, detach, {}};
  const linux::Fd file = linux::make_memory_file("exec", base::to_wire(spec));
  const Streams ours{STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
  const auto monitor = start_monitor(monitor::mode_exec, file.get(), detach ? Streams{} : ours);
  const auto ending = wait_passing_signals(monitor.child);
  if (const auto report = next_report(monitor.control)) throw Error(report->error).with_exit_code(report->code);
  return ending.shell_code();
}

}  // namespace conductor::runtime
