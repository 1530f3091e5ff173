// Where the archives of past days are: the setting `snapshot_mirror` (docs/images.md). Parsing is pure.
#pragma once

#include "image/image.hpp"
#include "store/settings.hpp"

#include <string>
#include <string_view>

namespace conductor::image {

// The address with {distribution} and {time} filled in, without "/" at its end.
std::string snapshot_address(const std::string& pattern, const std::string& distribution, const std::string& time);

// The pattern for a suite: CONDUCTOR_SNAPSHOT_MIRROR of the environment, else snapshot_mirror.DISTRIBUTION, else
// snapshot_mirror, of the configuration file. Throws Error that says what to set when there is none or it lacks {time}.
std::string snapshot_pattern(const Suite& suite, const std::string& file = store::settings_file());

// Lines for the base's /etc/apt/sources.list: the suite, its updates and its security archive as of that time. Debian's
// security archive is another one, so it is there only when the pattern has {distribution}.
std::string snapshot_sources(const Suite& suite, const std::string& pattern);

}  // namespace conductor::image
