// The way every process of a container begins: run, exec, a build's RUN, a health check, a restart.
#pragma once

#include "linux/fd.hpp"
#include "monitor/protocol.hpp"

#include <array>

namespace conductor::monitor {

// What becomes descriptors 0-2. Those that are `ours` were made for this process and are given to its user.
struct ProcessStreams {
  std::array<linux::Fd, 3> fd;
  std::array<bool, 3> ours{};
};

// Takes all rights from the calling process that `process` does not give it, and executes its program. It has one
// thread and is inside the container's namespaces and root. Descriptors above 2 are closed by the execution. Throws
// Error with exit code 125, 126 or 127; the caller can then only say so and end.
[[noreturn]] void confine_and_execute(const Process& process, const ProcessStreams& streams);

// Nobody may look into this process or trace it (prctl(2)), until it executes a program.
void hide_from_tracers();

}  // namespace conductor::monitor
