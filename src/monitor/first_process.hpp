// The container's first process, from clone to the execution of its program.
#pragma once

#include "linux/process.hpp"
#include "monitor/confine.hpp"
#include "monitor/protocol.hpp"

namespace conductor::monitor {

// Clones it into new namespaces, with ids of its own into those of a user namespace; `network` is one to join instead
// of a new one, or nullptr. It sets the container up, says over `channel` that it is ready and waits for `go`; when the
// channel ends before, so does it. With a terminal all three of `streams` are replaced by it. The child closes its copy
// of `monitors_end`: a monitor that dies before `go` is the end of the channel, and the child ends too.
linux::Child start_first_process(const LaunchSpec& spec, const linux::Fd* network, linux::Fd channel,
                                 linux::Fd& monitors_end, ProcessStreams streams);

}  // namespace conductor::monitor
