// The status file: what everybody else believes about the container.
#pragma once

#include "monitor/protocol.hpp"

#include <string>

namespace conductor::monitor {

// Replaces the file whole; not synced, a status does not outlive the boot it speaks of. Throws Error.
void write_status(const std::string& path, const Status& status);

std::int64_t now_ns();  // CLOCK_REALTIME

}  // namespace conductor::monitor
