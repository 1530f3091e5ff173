// System call filters of processes, made once for each profile and set of capabilities.
#pragma once

#include "store/locations.hpp"

#include <cstdint>
#include <string>

namespace conductor::runtime {

// What the text of a profile says for those capabilities, from a cache below `state`. Throws Error for a profile that
// is malformed.
std::string filter_for(const store::Locations& locations, std::uint64_t capabilities, const std::string& profile);

}  // namespace conductor::runtime
