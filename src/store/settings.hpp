// The machine's settings: /etc/conductor/config, or the file that CONDUCTOR_CONFIG names.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace conductor::store {

// The value of a setting in text of lines "name = value"; "#" first on a line begins a comment. The last one counts.
std::optional<std::string> find_setting(std::string_view text, std::string_view name);

std::string settings_file();
// Nothing when there is no file, or no such line in it.
std::optional<std::string> setting(std::string_view name);

}  // namespace conductor::store
