#include "parser/conductorfile_flags.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace conductor::parser {
namespace {

#if defined(__x86_64__)
constexpr std::string_view machine = "amd64";
#elif defined(__aarch64__)
constexpr std::string_view machine = "arm64";
#else
constexpr std::string_view machine = "unknown";
#endif

}  // namespace

std::string check_platform(const std::string& value) {
  const std::string native = "linux/" + std::string(machine);
  for (const std::string_view name : {"$BUILDPLATFORM", "${BUILDPLATFORM}", "$TARGETPLATFORM", "${TARGETPLATFORM}"})
    if (value == name) return {};
  const auto parts = base::split(base::lower(value), '/');
  const std::string_view alias = machine == "amd64" ? "x86_64" : "aarch64";
  const std::string_view variant = machine == "amd64" ? "v1" : "v8";
  const bool same = parts.size() >= 2 && parts.size() <= 3 && parts[0] == "linux" &&
                    (parts[1] == machine || parts[1] == alias) && (parts.size() == 2 || parts[2] == variant);
  return same ? "" : "only the platform of this machine can be built for: " + native;
}

std::string check_network(const std::string& value) {
  return value == "default" || value == "none" || value == "host" ? "" : "expected default, none or host";
}

std::string check_chmod(const std::string& value) {
  const bool octal = value.find_first_not_of("01234567") == std::string::npos && value.size() >= 3 &&
                     value.size() <= 5 && (value.size() < 5 || value.front() == '0');
  return octal || value.find('$') != std::string::npos ? "" : "expected an octal mode such as 0755";
}

std::string check_given(const std::string& value) { return value.empty() ? "expected a value" : ""; }

void check_flags(const Node& node, std::string_view keyword, std::span<const FlagRule> rules,
                 Diagnostics& diagnostics) {
  for (const auto& flag : node.flags) {
    if (diagnostics.full()) return;
    const auto found =
        std::find_if(rules.begin(), rules.end(), [&](const FlagRule& known) { return known.name == flag.name; });
    const std::string shown = std::string(keyword) + " --" + base::escape_control(flag.name.substr(0, 60));
    if (found == rules.end()) {
      std::vector<std::string> names;
      for (const auto& known : rules) names.emplace_back(known.name);
      diagnostics.error(flag.position,
                        rules.empty() ? std::string(keyword) + " takes no flags" : "unknown flag: " + shown,
                        suggestion(flag.name, names));
    } else if (found->check == nullptr) {
      diagnostics.error(flag.position, shown + " is not supported yet");
    } else if (!flag.value) {
      diagnostics.error(flag.position, shown + " needs a value", "write --" + flag.name + "=value");
    } else if (auto wrong = found->check(*flag.value); !wrong.empty()) {
      diagnostics.error(flag.position, shown + " cannot be " + show(*flag.value), std::move(wrong));
    }
  }
}

}  // namespace conductor::parser
