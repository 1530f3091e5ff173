#include "network/interface_settings.hpp"

#include "base/text.hpp"
#include "base/units.hpp"
#include "linux/fd.hpp"

#include <fcntl.h>

#include <limits>

namespace conductor::network {

namespace {

std::string path_of(Family family, const std::string& interface, const char* setting) {
  return std::string("/proc/sys/net/") + (family == Family::ipv6 ? "ipv6" : "ipv4") + "/conf/" + interface + "/" +
         setting;
}

}  // namespace

std::optional<int> read_interface_setting(Family family, const std::string& interface, const char* setting) {
  const auto text = linux::try_read_file(path_of(family, interface, setting));
  if (!text) return std::nullopt;
  const auto value = base::parse_number(base::trim(*text), std::numeric_limits<int>::max());
  return value ? static_cast<int>(*value) : -1;
}

bool write_interface_setting(Family family, const std::string& interface, const char* setting, int value) {
  const auto file = linux::try_open(path_of(family, interface, setting), O_WRONLY);
  if (!file) return false;
  linux::write_all(file->get(), std::to_string(value));
  return true;
}

}  // namespace conductor::network
