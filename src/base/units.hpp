// Sizes and durations as people write them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace conductor::base {

// "512", "10b", "64k", "1.5m", "2gb", "1GiB": bytes, powers of 1024. Nothing for anything else, negative or over
// 2^63-1.
std::optional<std::int64_t> parse_size(std::string_view text);
std::string format_size(std::int64_t bytes);  // "1.5MB": three digits, powers of 1000, as docker shows sizes

// Go's form: "1h5m30.5s", "300ms", "10us"; "0". Nothing for anything else, negative or over 292 years.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);
std::string format_duration(std::chrono::nanoseconds duration);  // "1m30s"
std::string format_ago(std::chrono::nanoseconds age);            // "3 minutes", as `ps` shows ages

// A whole number in decimal without sign, at most `max`.
std::optional<std::int64_t> parse_number(std::string_view text, std::int64_t max = INT64_MAX);
// "1.5" in nano units (cpus); nothing for negative or malformed.
std::optional<double> parse_decimal(std::string_view text);

std::int64_t now_unix_ns();                     // CLOCK_REALTIME
std::string format_time(std::int64_t unix_ns);  // RFC 3339 in UTC, nanoseconds: "2026-01-02T03:04:05.678901234Z"

}  // namespace conductor::base
