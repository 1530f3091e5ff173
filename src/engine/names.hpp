// Names for containers nobody named.
#pragma once

#include <string>

namespace conductor::engine {

// Two words: "quiet_walrus". Chosen by getrandom(2); not unique by itself.
std::string made_up_name();

}  // namespace conductor::engine
