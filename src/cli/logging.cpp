#include "cli/logging.hpp"

#define FMT_HEADER_ONLY
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace conductor::cli {

namespace {

spdlog::level::level_enum level_of(base::LogLevel level) {
  switch (level) {
    case base::LogLevel::debug:
      return spdlog::level::debug;
    case base::LogLevel::info:
      return spdlog::level::info;
    case base::LogLevel::warning:
      return spdlog::level::warn;
    case base::LogLevel::error:
      break;
  }
  return spdlog::level::err;
}

spdlog::level::level_enum level_named(const std::string& name) {
  const std::vector<std::string> names = {"debug", "info", "warning", "error"};
  if (name == "debug") return spdlog::level::debug;
  if (name == "info") return spdlog::level::info;
  if (name == "warning" || name == "warn") return spdlog::level::warn;
  if (name == "error") return spdlog::level::err;
  throw base::Error("unknown log level '" + base::escape_control(name) + "'" + base::did_you_mean(name, names))
      .with_exit_code(base::exit_usage);
}

}  // namespace

void start_logging(const std::string& level) {
  const auto chosen = level_named(level);
  auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  auto logger = std::make_shared<spdlog::logger>("conductor", sink);
  logger->set_pattern("%H:%M:%S.%e %^%l%$ %v");
  logger->set_level(chosen);
  base::set_log_sink([logger](base::LogLevel at, std::string_view line) {
    logger->log(level_of(at), spdlog::string_view_t(line.data(), line.size()));
  });
}

}  // namespace conductor::cli
