// Small things about strings that the standard library lacks.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::base {

// The pieces between separators; an empty string has one empty piece.
std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& pieces, std::string_view separator);
std::string_view trim(std::string_view text);  // without blanks, tabs and line ends at both sides
std::string lower(std::string_view text);      // ASCII
std::string upper(std::string_view text);      // ASCII

// The candidate a person most likely meant (Damerau-Levenshtein distance of at most a third of the length), if any.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);
// "; did you mean 'x'?" or an empty string.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

// Control characters as \n, \t, \xNN, so that text of others cannot steer a terminal.
std::string escape_control(std::string_view text);

// 12 of 64 hex digits, as ids are shown.
inline std::string short_id(std::string_view id) { return std::string(id.substr(0, 12)); }

}  // namespace conductor::base
