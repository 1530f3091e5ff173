// --since and --until.
#pragma once

#include <cstdint>
#include <string>

namespace conductor::cli {

// "10m" (ago), "1700000000.5" (unix seconds), "2026-01-02T03:04:05.5+01:00" or a part of it, in UTC unless it says
// otherwise: unix nanoseconds. Throws Error that names the option.
std::int64_t parse_moment(const std::string& option, const std::string& text);

}  // namespace conductor::cli
