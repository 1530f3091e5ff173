#include "image/snapshots.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "linux/fd.hpp"
#include "store/settings.hpp"

#include <cstdlib>

namespace conductor::image {
namespace {

constexpr std::string_view distribution_word = "{distribution}";
constexpr std::string_view time_word = "{time}";

std::string replace_all(std::string text, std::string_view word, std::string_view value) {
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + value.size()))
    text.replace(at, word.size(), value);
  return text;
}

std::optional<std::string> configured(const Suite& suite, const std::string& file) {
  if (const char* value = std::getenv("CONDUCTOR_SNAPSHOT_MIRROR"); value != nullptr && *value != '\0') return value;
  const auto text = linux::try_read_file(file);
  if (!text) return std::nullopt;
  auto own = store::find_setting(*text, "snapshot_mirror." + suite.distribution);
  return own ? own : store::find_setting(*text, "snapshot_mirror");
}

}  // namespace

std::string snapshot_address(const std::string& pattern, const std::string& distribution, const std::string& time) {
  std::string address = replace_all(replace_all(pattern, distribution_word, distribution), time_word, time);
  while (address.ends_with('/')) address.pop_back();
  return address;
}

std::string snapshot_pattern(const Suite& suite, const std::string& file) {
  const auto pattern = configured(suite, file);
  const std::string form = "snapshot_mirror = http://HOST/archive/{distribution}/{time}";
  if (!pattern || pattern->empty())
    throw base::Error(suite.text() + " needs an archive of past days, and none is configured")
        .with_hint("put '" + form + "' with your distribution's snapshot archive into " + file +
                   ", or set CONDUCTOR_SNAPSHOT_MIRROR to that address");
  if (pattern->find(time_word) == std::string::npos || pattern->find_first_of(" \t\"") != std::string::npos)
    throw base::Error("the setting snapshot_mirror is no address with {time} in it: " + base::escape_control(*pattern))
        .with_hint("it looks like '" + form + "'");
  return *pattern;
}

std::string snapshot_sources(const Suite& suite, const std::string& pattern) {
  const auto line = [&](const std::string& archive, const std::string& pocket) {
    return "deb " + snapshot_address(pattern, archive, suite.snapshot) + " " + suite.name + pocket + " main\n";
  };
  const std::string& own = suite.distribution;
  std::string first = line(own, "");
  if (suite.name == "sid" || suite.name == "unstable" || suite.name == "testing") return first;
  const std::string lines = first + line(own, "-updates");
  if (own == "ubuntu") return lines + line(own, "-security");
  return pattern.find(distribution_word) == std::string::npos ? lines : lines + line(own + "-security", "-security");
}

}  // namespace conductor::image
