// Logs of services on the terminal: whole lines, each behind the coloured name of its container.
#pragma once

#include "cli/cmd_compose_common.hpp"
#include "compose/follow.hpp"

#include <map>
#include <string>

namespace conductor::cli {

class LogPrefix {
 public:
  struct Style {
    bool colour = true;  // only on a terminal
    bool prefix = true;
    bool timestamps = false;
  };
  explicit LogPrefix(Style style);
  // The widest name sets the width; known names first keep the columns straight.
  void reserve(const std::string& name);
  void print(const compose::LogLine& line);

 private:
  Style style_;
  std::size_t width_ = 0;
  std::map<std::string, std::size_t> colours_;
};

// `up` in the foreground: carries out, follows what the services write until all have ended. The first Ctrl-C (or
// SIGTERM) stops them in reverse order, the second kills. Returns the exit code: 0, or 130 after Ctrl-C.
int up_attached(engine::Engine& engine, const compose::Project& project, const compose::UpOptions& options,
                LogPrefix::Style style);

}  // namespace conductor::cli
