// What the program says about its own doings, for `--debug`; what a user asked for goes to standard output instead.
#pragma once

#include <functional>
#include <string_view>

namespace conductor::base {

enum class LogLevel { debug, info, warning, error };

// Where lines go; until it is set, debug and info are dropped, warnings and errors go to standard error.
// Set once at start-up, before any thread.
void set_log_sink(std::function<void(LogLevel, std::string_view)> sink);
void log(LogLevel level, std::string_view line);

}  // namespace conductor::base
