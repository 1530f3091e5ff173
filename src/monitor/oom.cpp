#include "monitor/oom.hpp"

#include "base/units.hpp"
#include "linux/fd.hpp"

#include <string_view>

namespace conductor::monitor {

std::uint64_t count_out_of_memory_kills(const std::vector<std::string>& cgroup_directories) {
  static constexpr std::string_view key = "oom_kill ";  // not "oom_kill_disable "
  for (const auto& directory : cgroup_directories) {
    for (const char* file : {"/memory.events", "/memory.oom_control"}) {
      const auto text = linux::try_read_file(directory + file);
      const auto at = text ? text->find(key) : std::string::npos;
      if (at == std::string::npos) continue;
      const std::string_view rest = std::string_view(*text).substr(at + key.size());
      return static_cast<std::uint64_t>(base::parse_number(rest.substr(0, rest.find('\n'))).value_or(0));
    }
  }
  return 0;
}

}  // namespace conductor::monitor
