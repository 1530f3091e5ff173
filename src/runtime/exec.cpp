#include "base/error.hpp"
#include "base/text.hpp"
#include "base/wire.hpp"
#include "runtime/files.hpp"
#include "runtime/monitor_process.hpp"
#include "runtime/runtime.hpp"

namespace conductor::runtime {

using base::Error;

namespace {

// How the process has ended, once its monitor has. Throws what kept it from starting.
int end_of(const MonitorProcess& monitor, const std::optional<monitor::Report>& report) {
  const auto ending = linux::wait_for(monitor.child.pidfd);
  if (report) throw Error(report->error).with_exit_code(report->code);
  return ending.shell_code();
}

}  // namespace

MonitorProcess Runtime::start_exec(const std::string& id, const monitor::Process& process, bool detach,
                                   const Streams& streams) {
  const auto found = status(id);
  if (!found || found->phase != monitor::Phase::running)
    throw Error("container " + base::short_id(id) + " is not running");
  if (found->paused) throw Error("container " + base::short_id(id) + " is paused").with_hint("unpause it first");
  const monitor::ExecSpec spec{found->process, Files(locations_, id).cgroup, process, detach, {}};
  const linux::Fd file = linux::make_memory_file("exec", base::to_wire(spec));
  return start_monitor(monitor::mode_exec, file.get(), streams);
}

std::optional<int> Runtime::exec(const std::string& id, const monitor::Process& process, Foreground& foreground) {
  const auto monitor = start_exec(id, process, false, foreground.streams());
  const auto end = foreground.attend(monitor.control);
  if (end.left) return left_by(end);
  return end_of(monitor, end.report);
}

int Runtime::exec(const std::string& id, const monitor::Process& process) {
  ForegroundOptions options;
  options.terminal = process.terminal;
  Foreground foreground(options);
  return exec(id, process, foreground).value();
}

void Runtime::exec_detached(const std::string& id, const monitor::Process& process) {
  const auto monitor = start_exec(id, process, true, {});
  end_of(monitor, next_report(monitor.control));
}

}  // namespace conductor::runtime
