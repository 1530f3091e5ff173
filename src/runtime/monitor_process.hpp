// Starting conductor-monitor in one of its modes.
#pragma once

#include "base/error.hpp"
#include "linux/process.hpp"
#include "monitor/protocol.hpp"
#include "runtime/runtime.hpp"

#include <string>

namespace conductor::runtime {

struct MonitorProcess {
  linux::Child child;
  linux::Fd control;  // our end of the socket pair
};

// `spec` is a descriptor at the beginning of the specification; streams are descriptors, -1 for none; `sent` is what
// mounts of the specification are made of.
MonitorProcess start_monitor(const char* mode, int spec, const Streams& streams, const std::vector<int>& sent = {});

bool is_stopped(pid_t process);  // by a signal or a debugger
// That it has not done what it was told, and what to do about it.
base::Error silent_monitor(pid_t monitor);

// The next report; nothing when the monitor has ended.
std::optional<monitor::Report> next_report(const linux::Fd& control);
void send_command(const linux::Fd& control, const monitor::Command& command, const std::vector<int>& descriptors = {});

// To whoever listens at `control`, a path; returns when the monitor has done it. One that is about to end, or has, has
// nothing to do. The connection, unless there was nobody. Throws Error when it does not answer, or says what failed.
std::optional<linux::Fd> tell_monitor(const std::string& control, const monitor::Command& command);

// Listening sockets for the monitor, in as many messages as it takes; the last one is `last`, those before are
// `forward`.
void send_listeners(const linux::Fd& control, const std::vector<Created::Listener>& listeners, monitor::Request last);

}  // namespace conductor::runtime
