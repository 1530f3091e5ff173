// Commands that take several names: each is tried, failures are said, and the exit code tells whether there were any.
#pragma once

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/output.hpp"

#include <string>
#include <vector>

namespace conductor::cli {

// Prints each name for which `step` did not throw. 1 when any did.
template <class Step>
int for_each_name(const std::vector<std::string>& names, Step&& step) {
  int code = 0;
  for (const auto& name : names) {
    try {
      step(name);
      print_line(name);
    } catch (const base::Error& e) {
      say(base::escape_control(e.message()));
      if (!e.hint().empty()) print_error("  " + e.hint());
      code = 1;
    }
  }
  return code;
}

}  // namespace conductor::cli
