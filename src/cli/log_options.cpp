#include "cli/log_options.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "engine/log_settings.hpp"

namespace conductor::cli {

void LogOptions::declare(Options& options) {
  options.option("--log-driver", driver_, "where output goes: file (also json-file, local), journald or none",
                 "DRIVER");
  options.option("--log-opt", options_, "max-size, max-file, compress, mode, max-buffer-size or tag", "KEY=VALUE");
}

monitor::LogSettings LogOptions::settings() const {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& text : options_) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      throw base::Error("option --log-opt: '" + base::escape_control(text) + "' is not KEY=VALUE")
          .with_exit_code(base::exit_usage);
    pairs.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return engine::log_settings(driver_, pairs);
}

}  // namespace conductor::cli
