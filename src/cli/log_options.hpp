// Where logs go, in docker's words: --log-driver and --log-opt, and `logging` of a compose file.
#pragma once

#include "cli/options.hpp"
#include "monitor/protocol.hpp"

#include <string>
#include <vector>

namespace conductor::cli {

class LogOptions {
 public:
  void declare(Options& options);
  // Throws base::Error that names what is wrong or not supported.
  monitor::LogSettings settings() const;

 private:
  std::string driver_;
  std::vector<std::string> options_;
};

}  // namespace conductor::cli
