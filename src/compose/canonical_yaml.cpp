// JSON as YAML text.
#include "base/units.hpp"
#include "compose/canonical.hpp"

#include <algorithm>
#include <utility>

namespace conductor::compose {
namespace {

using base::Json;

bool is_plain(const std::string& text) {
  static constexpr std::string_view safe_first = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/_";
  static constexpr std::string_view words[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"};
  if (text.empty()) return false;
  const bool duration = base::parse_duration(text).has_value() && std::string_view("hms").find(text.back()) < 3;
  if (!duration && safe_first.find(text.front()) == std::string_view::npos) return false;
  if (text.back() == ' ' || text.back() == ':' || text.find(": ") != std::string::npos) return false;
  if (text.find(" #") != std::string::npos) return false;
  if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) return false;
  std::string low = text;
  std::ranges::transform(low, low.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return std::ranges::find(words, low) == std::end(words);
}

// JSON's double-quoted strings are YAML's.
std::string scalar(const Json& value) {
  if (const auto* text = value.string(); text != nullptr && is_plain(*text)) return *text;
  return value.dump();
}

bool is_block(const Json& value) {
  return (value.members() != nullptr && !value.members()->empty()) ||
         (value.array_items() != nullptr && !value.array_items()->empty());
}

void write_yaml(const Json& value, std::size_t depth, bool first_inline, std::string& out) {
  const std::string indent(2 * depth, ' ');
  bool inline_now = first_inline;
  const auto start = [&] {
    if (!std::exchange(inline_now, false)) out += indent;
  };
  if (value.members() != nullptr)
    for (const auto& [name, member] : *value.members()) {
      start();
      out += scalar(Json(name)) + ":";
      if (is_block(member)) {
        out += "\n";
        write_yaml(member, depth + 1, false, out);
      } else {
        out += " " + scalar(member) + "\n";
      }
    }
  if (value.array_items() != nullptr)
    for (const auto& item : *value.array_items()) {
      start();
      out += "- ";
      if (is_block(item))
        write_yaml(item, depth + 1, true, out);
      else
        out += scalar(item) + "\n";
    }
}

}  // namespace

std::string to_yaml(const base::Json& value) {
  if (!is_block(value)) return scalar(value) + "\n";
  std::string out;
  write_yaml(value, 0, false, out);
  return out;
}

}  // namespace conductor::compose
