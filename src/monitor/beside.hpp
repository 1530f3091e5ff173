// A process beside the monitor that does one thing for it.
#pragma once

#include "linux/process.hpp"

#include <functional>
#include <vector>

namespace conductor::monitor {

// A copy of the caller without its descriptors but those in `kept`: it holds no lock of the monitor's and keeps nobody
// from noticing its end. Signals end it as they do by default.
linux::Child clone_beside(std::vector<int> kept, const std::function<int()>& body);

}  // namespace conductor::monitor
