#include "parser/conductorfile_flags.hpp"

#include "base/text.hpp"
#include "base/units.hpp"

#include <algorithm>
#include <set>

namespace conductor::parser {
namespace {

#if defined(__x86_64__)
constexpr std::string_view machine = "amd64";
#elif defined(__aarch64__)
constexpr std::string_view machine = "arm64";
#else
constexpr std::string_view machine = "unknown";
#endif

bool has_variable(const std::string& value) { return value.find('$') != std::string::npos; }

// One part of chmod(1)'s symbolic form: who, then operators each with permissions or one of u, g, o.
bool is_symbolic(std::string_view part) {
  const auto skip = [&](std::string_view among) {
    part.remove_prefix(std::min(part.find_first_not_of(among), part.size()));
  };
  skip("ugoa");
  if (part.empty()) return false;
  while (!part.empty()) {
    if (std::string_view("+-=").find(part.front()) == std::string_view::npos) return false;
    part.remove_prefix(1);
    if (!part.empty() && std::string_view("ugo").find(part.front()) != std::string_view::npos)
      part.remove_prefix(1);
    else
      skip("rwxXst");
  }
  return true;
}

bool is_hex(std::string_view text) { return text.find_first_not_of("0123456789abcdef") == std::string_view::npos; }

std::string check_boolean(const std::optional<std::string>& value) {
  if (!value) return {};
  const std::string word = base::lower(*value);
  return word == "true" || word == "false" ? "" : "expected true or false";
}

// What is wrong with one flag, except that it is unknown.
void check_value(const Flag& flag, const FlagRule& rule, const std::string& shown, Diagnostics& diagnostics) {
  if (rule.check != nullptr && !flag.value)
    return diagnostics.error(flag.position, shown + " needs a value", "write --" + flag.name + "=value");
  auto wrong = rule.check == nullptr ? check_boolean(flag.value) : rule.check(*flag.value);
  if (!wrong.empty()) diagnostics.error(flag.position, shown + " cannot be " + show(*flag.value), std::move(wrong));
}

}  // namespace

std::string check_platform(const std::string& value) {
  const std::string native = "linux/" + std::string(machine);
  if (has_variable(value)) return {};
  const auto parts = base::split(base::lower(value), '/');
  const std::string_view alias = machine == "amd64" ? "x86_64" : "aarch64";
  const std::string_view variant = machine == "amd64" ? "v1" : "v8";
  const auto is_machine = [&](const std::string& name) { return name == machine || name == alias; };
  if (parts.size() == 1 && (parts[0] == "linux" || is_machine(parts[0]))) return {};
  const bool same = parts.size() >= 2 && parts.size() <= 3 && parts[0] == "linux" && is_machine(parts[1]) &&
                    (parts.size() == 2 || parts[2] == variant);
  return same ? "" : "only the platform of this machine can be built for: " + native;
}

std::string check_network(const std::string& value) {
  return value == "default" || value == "none" || value == "host" ? "" : "expected default, none or host";
}

std::string check_security(const std::string& value) {
  return value == "sandbox" || value == "insecure" ? "" : "expected sandbox or insecure";
}

std::string check_chmod(const std::string& value) {
  if (has_variable(value)) return {};
  const auto digits = std::string_view(value).substr(std::min(value.find_first_not_of('0'), value.size()));
  if (!value.empty() && value.find_first_not_of("01234567") == std::string::npos && digits.size() <= 4) return {};
  const auto parts = base::split(value, ',');
  const bool symbolic = std::all_of(parts.begin(), parts.end(), [](const auto& part) { return is_symbolic(part); });
  return symbolic ? "" : "expected an octal mode such as 0755, or a symbolic one such as u=rwx,go+rX";
}

// Of a file, "algorithm:hex"; of a git source, the commit.
std::string check_checksum(const std::string& value) {
  if (has_variable(value)) return {};
  const auto colon = value.find(':');
  const auto digits = std::string_view(value).substr(colon == std::string::npos ? 0 : colon + 1);
  const std::string algorithm = colon == std::string::npos ? "" : value.substr(0, colon);
  const bool right = algorithm.empty()       ? digits.size() == 40 || digits.size() == 64
                     : algorithm == "sha256" ? digits.size() == 64
                     : algorithm == "sha384" ? digits.size() == 96
                                             : algorithm == "sha512" && digits.size() == 128;
  return right && is_hex(digits) ? "" : "expected sha256: and 64 hex digits, or a commit of a git source";
}

std::string check_duration(const std::string& value) {
  const auto duration = base::parse_duration(value);
  if (!duration) return "expected a duration such as 1m30s";
  return duration->count() == 0 || *duration >= std::chrono::milliseconds(1) ? "" : "expected at least 1ms";
}

std::string check_retries(const std::string& value) {
  return base::parse_number(value, INT32_MAX) ? "" : "expected a whole number";
}

std::string check_given(const std::string& value) { return value.empty() ? "expected a value" : ""; }

void check_flags(const Node& node, std::string_view keyword, std::span<const FlagRule> rules,
                 Diagnostics& diagnostics) {
  std::set<std::string_view> seen;
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
    } else if (!seen.insert(found->name).second && !found->repeatable) {
      diagnostics.error(flag.position, shown + " is given twice");
    } else {
      check_value(flag, *found, shown, diagnostics);
    }
  }
}

}  // namespace conductor::parser
