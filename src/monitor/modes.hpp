// What conductor-monitor can be started as; protocol.hpp says with which descriptors. Each returns the exit code.
#pragma once

namespace conductor::monitor {

int run_mode();
int adopt_mode();
int exec_mode();

}  // namespace conductor::monitor
