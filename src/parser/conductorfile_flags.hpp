// The flags of each instruction, and what their values must be.
#pragma once

#include "parser/conductorfile_lines.hpp"
#include "parser/diagnostics.hpp"

#include <array>
#include <span>
#include <string>
#include <string_view>

namespace conductor::parser {

// Each check answers what was expected instead of a value, or nothing when it is right. What holds a variable is judged
// when its value is known.
std::string check_network(const std::string& value);
std::string check_security(const std::string& value);
std::string check_chmod(const std::string& value);
std::string check_checksum(const std::string& value);
std::string check_duration(const std::string& value);
std::string check_retries(const std::string& value);
std::string check_given(const std::string& value);

struct FlagRule {
  std::string_view name;
  std::string (*check)(const std::string& value);  // nullptr: true or false, true when no value is given
  bool repeatable = false;
};

inline constexpr std::array from_flags{FlagRule{"platform", check_platform}};
inline constexpr std::array run_flags{FlagRule{"mount", check_given, true}, FlagRule{"network", check_network},
                                      FlagRule{"security", check_security}, FlagRule{"device", check_given, true}};
inline constexpr std::array copy_flags{FlagRule{"from", check_given},  FlagRule{"chown", check_given},
                                       FlagRule{"chmod", check_chmod}, FlagRule{"link", nullptr},
                                       FlagRule{"parents", nullptr},   FlagRule{"exclude", check_given, true}};
inline constexpr std::array add_flags{FlagRule{"chown", check_given},        FlagRule{"chmod", check_chmod},
                                      FlagRule{"checksum", check_checksum},  FlagRule{"link", nullptr},
                                      FlagRule{"keep-git-dir", nullptr},     FlagRule{"unpack", nullptr},
                                      FlagRule{"exclude", check_given, true}};
inline constexpr std::array healthcheck_flags{
    FlagRule{"interval", check_duration}, FlagRule{"timeout", check_duration}, FlagRule{"start-period", check_duration},
    FlagRule{"start-interval", check_duration}, FlagRule{"retries", check_retries}};
inline constexpr std::span<const FlagRule> no_flags;

// Reports every flag of the node that is unknown, given twice or has no right value.
void check_flags(const Node& node, std::string_view keyword, std::span<const FlagRule> rules, Diagnostics& diagnostics);

}  // namespace conductor::parser
