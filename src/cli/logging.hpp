// Lines about the program's own doings on standard error, asked for with --debug or --log-level.
#pragma once

#include <string>

namespace conductor::cli {

// "debug", "info", "warning" or "error". Throws Error for another word. Nothing is set up unless this is called.
void start_logging(const std::string& level);

}  // namespace conductor::cli
