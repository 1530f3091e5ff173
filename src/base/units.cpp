#include "base/units.hpp"

#include "base/text.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>

namespace conductor::base {
namespace {

// The number at the front of `text`, which loses it.
std::optional<double> take_decimal(std::string_view& text) {
  std::size_t size = 0;
  while (size < text.size() && ((text[size] >= '0' && text[size] <= '9') || text[size] == '.')) ++size;
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + size, value, std::chars_format::fixed);
  if (size == 0 || problem != std::errc{} || end != text.data() + size) return std::nullopt;
  text.remove_prefix(size);
  return value;
}

struct Unit {
  std::string_view name;
  double factor;
};

std::optional<double> factor_of(std::string_view name, const auto& units) {
  for (const auto& unit : units)
    if (unit.name == name) return unit.factor;
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> parse_size(std::string_view text) {
  static constexpr std::array<Unit, 17> units{{{"", 1},
                                               {"b", 1},
                                               {"k", 1024.0},
                                               {"kb", 1024.0},
                                               {"kib", 1024.0},
                                               {"m", 1048576.0},
                                               {"mb", 1048576.0},
                                               {"mib", 1048576.0},
                                               {"g", 1073741824.0},
                                               {"gb", 1073741824.0},
                                               {"gib", 1073741824.0},
                                               {"t", 1099511627776.0},
                                               {"tb", 1099511627776.0},
                                               {"tib", 1099511627776.0},
                                               {"p", 1125899906842624.0},
                                               {"pb", 1125899906842624.0},
                                               {"pib", 1125899906842624.0}}};
  const auto number = take_decimal(text);
  const auto factor = factor_of(lower(text), units);
  if (!number || !factor || *number * *factor > 9.2e18) return std::nullopt;
  return static_cast<std::int64_t>(*number * *factor);
}

std::string format_size(std::int64_t bytes) {
  static constexpr std::array<const char*, 6> units{"B", "kB", "MB", "GB", "TB", "PB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1000 && unit + 1 < units.size()) value /= 1000, ++unit;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3g%s", value, units[unit]);
  return text.data();
}

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  static constexpr std::array<Unit, 8> units{
      {{"ns", 1}, {"us", 1e3}, {"\u00b5s", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}, {"d", 86400e9}}};
  if (text == "0") return std::chrono::nanoseconds(0);
  if (text.empty()) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    const auto number = take_decimal(text);
    if (!number) return std::nullopt;
    std::size_t size = 0;
    while (size < text.size() && text[size] != '.' && (text[size] < '0' || text[size] > '9')) ++size;
    const auto factor = factor_of(text.substr(0, size), units);
    if (!factor) return std::nullopt;
    total += *number * *factor;
    text.remove_prefix(size);
  }
  if (total > 9.2e18) return std::nullopt;
  return std::chrono::nanoseconds(static_cast<std::int64_t>(std::llround(total)));
}

std::string format_duration(std::chrono::nanoseconds duration) {
  auto rest = duration.count();
  if (rest == 0) return "0s";
  if (rest % 1'000'000 != 0) return std::to_string(rest) + "ns";
  if (rest < 1'000'000'000) return std::to_string(rest / 1'000'000) + "ms";
  std::string text;
  const auto take = [&](std::int64_t unit, const char* name) {
    if (rest / unit > 0) text += std::to_string(rest / unit) + name;
    rest %= unit;
  };
  take(3'600'000'000'000, "h");
  take(60'000'000'000, "m");
  take(1'000'000'000, "s");
  take(1'000'000, "ms");
  return text;
}

std::string format_ago(std::chrono::nanoseconds age) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(age).count();
  const auto of = [](std::int64_t n, const char* unit) { return std::to_string(n) + " " + unit + (n == 1 ? "" : "s"); };
  if (seconds < 1) return "less than a second";
  if (seconds < 60) return of(seconds, "second");
  if (seconds < 3600) return of(seconds / 60, "minute");
  if (seconds < 48 * 3600) return of(seconds / 3600, "hour");
  if (seconds < 14 * 86400) return of(seconds / 86400, "day");
  if (seconds < 60 * 86400) return of(seconds / (7 * 86400), "week");
  if (seconds < 2 * 365 * 86400) return of(seconds / (30 * 86400), "month");
  return of(seconds / (365 * 86400), "year");
}

std::optional<std::int64_t> parse_number(std::string_view text, std::int64_t max) {
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || text[0] == '-' || problem != std::errc{} || end != text.data() + text.size() || value > max)
    return std::nullopt;
  return value;
}

std::optional<double> parse_decimal(std::string_view text) {
  const auto value = take_decimal(text);
  return text.empty() ? value : std::nullopt;
}

std::int64_t now_unix_ns() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

std::string format_time(std::int64_t unix_ns) {
  const std::time_t seconds = unix_ns / 1'000'000'000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 80> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%09dZ", parts.tm_year + 1900, parts.tm_mon + 1,
                parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, static_cast<int>(unix_ns % 1'000'000'000));
  return text.data();
}

}  // namespace conductor::base
