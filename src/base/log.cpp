#include "base/log.hpp"

#include <cstdio>

namespace conductor::base {
namespace {
std::function<void(LogLevel, std::string_view)>& sink() {
  static std::function<void(LogLevel, std::string_view)> instance;
  return instance;
}
}  // namespace

void set_log_sink(std::function<void(LogLevel, std::string_view)> value) { sink() = std::move(value); }

void log(LogLevel level, std::string_view line) {
  if (sink()) return sink()(level, line);
  if (level < LogLevel::warning) return;
  std::fprintf(stderr, "conductor: %s: %.*s\n", level == LogLevel::warning ? "warning" : "error",
               static_cast<int>(line.size()), line.data());
}

}  // namespace conductor::base
