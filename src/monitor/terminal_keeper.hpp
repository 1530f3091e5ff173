// What keeps a container's terminal while its monitor is dead: when the last descriptor of the controlling side is
// closed, the kernel hangs the terminal up, and with it most of what runs there.
#pragma once

#include "linux/process.hpp"

#include <optional>
#include <string>

namespace conductor::monitor {

// A small process that holds `controller` until `process` (a pidfd) has ended, and hands it to whoever of our user
// connects to the socket `path`.
linux::Child start_terminal_keeper(const std::string& path, const linux::Fd& controller, const linux::Fd& process);

// The descriptor the keeper at `path` holds; nothing when there is none.
std::optional<linux::Fd> ask_terminal_keeper(const std::string& path);

}  // namespace conductor::monitor
