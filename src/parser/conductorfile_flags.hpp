// The flags of each instruction, and what their values must be.
#pragma once

#include "parser/conductorfile_lines.hpp"
#include "parser/diagnostics.hpp"

#include <array>
#include <span>
#include <string>
#include <string_view>

namespace conductor::parser {

// Each check answers what was expected instead of a value, or nothing when it is right.
std::string check_platform(const std::string& value);
std::string check_network(const std::string& value);
std::string check_chmod(const std::string& value);
std::string check_given(const std::string& value);

struct FlagRule {
  std::string_view name;
  std::string (*check)(const std::string& value);  // nullptr: of the language, not supported yet
};

inline constexpr std::array from_flags{FlagRule{"platform", check_platform}};
inline constexpr std::array run_flags{FlagRule{"network", check_network}, FlagRule{"mount", nullptr},
                                      FlagRule{"security", nullptr}, FlagRule{"device", nullptr}};
inline constexpr std::array copy_flags{FlagRule{"from", check_given},  FlagRule{"chown", check_given},
                                       FlagRule{"chmod", check_chmod}, FlagRule{"link", nullptr},
                                       FlagRule{"parents", nullptr},   FlagRule{"exclude", nullptr}};
inline constexpr std::span<const FlagRule> no_flags;

// Reports every flag of the node that is unknown, not supported yet or has no right value.
void check_flags(const Node& node, std::string_view keyword, std::span<const FlagRule> rules, Diagnostics& diagnostics);

}  // namespace conductor::parser
