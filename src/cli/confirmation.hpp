// Asked before something is removed that nobody named.
#pragma once

#include <string>

namespace conductor::cli {

// Says "WARNING! This will WHAT" on standard error and reads a line. Throws base::Error (exit code 1) unless it is yes.
void require_confirmation(const std::string& what);

}  // namespace conductor::cli
