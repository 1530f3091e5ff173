// One more process in a running container, with the confinement of its first one.
#pragma once

#include "linux/process.hpp"
#include "linux/terminal.hpp"
#include "monitor/confine.hpp"
#include "monitor/protocol.hpp"

#include <optional>

namespace conductor::monitor {

// A terminal of the container's own devpts, opened from outside before anything is joined. Throws Error when what lies
// there is no devpts.
linux::Terminal open_container_terminal(pid_t container);

// Puts the calling process into the container's namespaces (all but the pid namespace, which its children enter), and
// clones the process that says over `channel` when it fails. `container` is the pidfd of `spec.container`. Whoever
// calls this cannot come back, so it is a process made for it.
linux::Child start_joined_process(const ExecSpec& spec, const linux::Fd& container, linux::Fd channel,
                                  ProcessStreams streams);

}  // namespace conductor::monitor
