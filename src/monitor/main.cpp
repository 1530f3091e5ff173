// conductor-monitor: parent of a container's first process for as long as that lives, or of one more process in it.
#include "base/error.hpp"
#include "monitor/modes.hpp"
#include "monitor/protocol.hpp"

#include <string_view>

int main(int argc, char** argv) {
  using namespace conductor::monitor;
  const std::string_view mode = argc == 2 ? argv[1] : "";
  if (mode == mode_run) return run_mode();
  if (mode == mode_adopt) return adopt_mode();
  if (mode == mode_exec) return exec_mode();
  return conductor::base::exit_usage;  // it is started by conductor alone
}
