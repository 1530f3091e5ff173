#include "cli/moments.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"

#include <ctime>
#include <optional>
#include <string_view>

namespace conductor::cli {

namespace {

constexpr std::int64_t second = 1'000'000'000;

// ".25" at the front, taken off, in nanoseconds; 0 without one.
std::int64_t take_fraction(std::string_view& text) {
  if (!text.starts_with('.')) return 0;
  text.remove_prefix(1);
  std::int64_t nanoseconds = 0;
  std::int64_t digit = second / 10;
  for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1), digit /= 10)
    nanoseconds += (text.front() - '0') * digit;
  return nanoseconds;
}

// "Z", "+01:00" or nothing.
std::optional<std::int64_t> offset_seconds(std::string_view text) {
  if (text.empty() || text == "Z" || text == "z") return 0;
  constexpr std::size_t length = 6;
  if (text.size() != length || (text[0] != '+' && text[0] != '-') || text[3] != ':') return std::nullopt;
  const auto hours = base::parse_number(text.substr(1, 2), 23);
  const auto minutes = base::parse_number(text.substr(4, 2), 59);
  if (!hours || !minutes) return std::nullopt;
  constexpr int minute = 60;
  const std::int64_t seconds = (*hours * minute + *minutes) * minute;
  return text[0] == '-' ? -seconds : seconds;
}

std::optional<std::int64_t> parse_unix(std::string_view text) {
  const auto point = text.find('.');
  const auto seconds = base::parse_number(text.substr(0, point), INT64_MAX / second - 1);
  if (!seconds) return std::nullopt;
  std::string_view rest = point == text.npos ? std::string_view() : text.substr(point);
  const std::int64_t fraction = take_fraction(rest);
  if (!rest.empty()) return std::nullopt;
  return *seconds * second + fraction;
}

std::optional<std::int64_t> parse_date(const std::string& text) {
  for (const char* form : {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"}) {
    std::tm parts{};
    const char* end = strptime(text.c_str(), form, &parts);
    if (end == nullptr) continue;
    std::string_view rest(end);
    const std::int64_t fraction = take_fraction(rest);
    if (const auto offset = offset_seconds(rest)) return (std::int64_t{timegm(&parts)} - *offset) * second + fraction;
  }
  return std::nullopt;
}

}  // namespace

std::int64_t parse_moment(const std::string& option, const std::string& text) {
  if (const auto moment = parse_unix(text)) return *moment;
  if (const auto ago = base::parse_duration(text)) return base::now_unix_ns() - ago->count();
  if (const auto moment = parse_date(text)) return *moment;
  throw base::Error("option " + option +
                    " takes a duration (10m), unix seconds or a time such as 2026-01-02T03:04:05Z, not '" +
                    base::escape_control(text) + "'")
      .with_exit_code(base::exit_usage);
}

}  // namespace conductor::cli
