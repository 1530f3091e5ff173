#include "store/settings.hpp"

#include "base/text.hpp"
#include "linux/fd.hpp"

#include <cstdlib>

namespace conductor::store {

std::optional<std::string> find_setting(std::string_view text, std::string_view name) {
  std::optional<std::string> value;
  for (const auto& line : base::split(text, '\n')) {
    const auto equals = line.find('=');
    if (equals == std::string::npos || line.starts_with('#')) continue;
    if (base::trim(line.substr(0, equals)) == name) value = base::trim(line.substr(equals + 1));
  }
  return value;
}

std::string settings_file() {
  const char* named = std::getenv("CONDUCTOR_CONFIG");
  return named != nullptr && *named == '/' ? named : "/etc/conductor/config";
}

std::optional<std::string> setting(std::string_view name) {
  const auto text = linux::try_read_file(settings_file());
  return text ? find_setting(*text, name) : std::nullopt;
}

}  // namespace conductor::store
