// References after the grammar of the OCI distribution specification, and dates of ours.
#include "base/error.hpp"
#include "base/text.hpp"
#include "image/image.hpp"

#include <algorithm>

namespace conductor::image {
namespace {

constexpr std::size_t max_name = 255;
constexpr std::size_t max_tag = 128;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }

// [a-z0-9]+ separated by one dot, one or two underscores, or any number of dashes.
bool valid_component(std::string_view text) {
  std::size_t i = 0;
  const auto word = [&] {
    const std::size_t start = i;
    while (i < text.size() && (is_lower(text[i]) || is_digit(text[i]))) ++i;
    return i > start;
  };
  if (!word()) return false;
  while (i < text.size()) {
    const std::size_t start = i;
    const char separator = text[i];
    while (i < text.size() && text[i] == separator) ++i;
    const std::size_t count = i - start;
    const bool fits = (separator == '.' && count == 1) || (separator == '_' && count <= 2) || separator == '-';
    if (!fits || !word()) return false;
  }
  return true;
}

bool valid_host(std::string_view text) {
  const auto colon = text.rfind(':');
  const auto port = colon == std::string_view::npos ? "0" : text.substr(colon + 1);
  const auto host = text.substr(0, colon);
  const auto in_host = [](char c) { return is_lower(c) || is_upper(c) || is_digit(c) || c == '.' || c == '-'; };
  return !host.empty() && std::all_of(host.begin(), host.end(), in_host) && host.front() != '-' &&
         host.front() != '.' && !port.empty() && port.size() <= 5 && std::all_of(port.begin(), port.end(), is_digit);
}

// As everywhere: the first part is a host only when it cannot be a plain name.
bool looks_like_host(std::string_view text) {
  return text == "localhost" || text.find_first_of(".:") != std::string_view::npos;
}

bool valid_tag(std::string_view tag) {
  const auto in_tag = [](char c) {
    return is_lower(c) || is_upper(c) || is_digit(c) || c == '_' || c == '.' || c == '-';
  };
  return !tag.empty() && tag.size() <= max_tag && tag.front() != '.' && tag.front() != '-' &&
         std::all_of(tag.begin(), tag.end(), in_tag);
}

// Empty when the name is right, else what is wrong with it.
std::string complaint(const std::string& name) {
  if (name.empty()) return "the name is empty";
  if (name.size() > max_name) return "the name has more than " + std::to_string(max_name) + " characters";
  auto parts = base::split(name, '/');
  if (parts.size() > 1 && looks_like_host(parts.front())) {
    if (!valid_host(parts.front())) return "\"" + parts.front() + "\" is no host and port";
    parts.erase(parts.begin());
  }
  for (const auto& part : parts) {
    if (part.empty()) return "a part of the name between slashes is empty";
    if (std::any_of(part.begin(), part.end(), is_upper)) return "names are lower-case";
    if (!valid_component(part))
      return "\"" + part + "\" is not letters and digits with single separators . _ - between";
  }
  if (name.size() == 64 && std::all_of(name.begin(), name.end(), is_hex)) return "64 hex digits are an id";
  return {};
}

[[noreturn]] void refuse(const std::string& text, const std::string& why) {
  throw base::Error("invalid image name \"" + base::escape_control(text) + "\": " + base::escape_control(why))
      .with_hint("an image name looks like counter, team/app:1.2 or host:5000/team/app:1.2");
}

}  // namespace

namespace {

constexpr std::string_view digest_prefix = "sha256:";
constexpr std::size_t digest_digits = 64;

bool valid_digest(std::string_view text) {
  if (!text.starts_with(digest_prefix)) return false;
  const auto digits = text.substr(digest_prefix.size());
  return digits.size() == digest_digits && std::all_of(digits.begin(), digits.end(), is_hex);
}

// Two digits as a number that lies in a range.
bool in_range(std::string_view digits, int low, int high) {
  const int value = (digits[0] - '0') * 10 + digits[1] - '0';
  return value >= low && value <= high;
}

// "20260901" or "20260901T120000Z" → the latter form; nothing for what is no time.
std::optional<std::string> snapshot_time(std::string_view text) {
  constexpr std::string_view pattern = "00000000T000000Z";
  constexpr std::size_t day = 8;
  if (text.size() != day && text.size() != pattern.size()) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (pattern[i] == '0' ? !is_digit(text[i]) : text[i] != pattern[i]) return std::nullopt;
  std::string time(text);
  time += pattern.substr(text.size());
  const std::string_view t = time;
  const bool valid = in_range(t.substr(4, 2), 1, 12) && in_range(t.substr(6, 2), 1, 31) &&
                     in_range(t.substr(9, 2), 0, 23) && in_range(t.substr(11, 2), 0, 59) &&
                     in_range(t.substr(13, 2), 0, 59);
  return valid ? std::optional(time) : std::nullopt;
}

Reference parse_name(const std::string& text, const std::string& whole) {
  Reference reference;
  reference.name = text;
  const auto colon = text.rfind(':');
  const auto slash = text.rfind('/');
  if (colon != std::string::npos && (slash == std::string::npos || colon > slash)) {
    reference.name = text.substr(0, colon);
    reference.tag = text.substr(colon + 1);
    if (!valid_tag(reference.tag))
      refuse(whole, "the tag \"" + reference.tag + "\" is not up to 128 letters, digits, _ . -, the first no . or -");
  }
  if (const std::string why = complaint(reference.name); !why.empty()) refuse(whole, why);
  return reference;
}

}  // namespace

Reference parse_reference(const std::string& text) {
  const auto at = text.find('@');
  Reference reference = parse_name(text.substr(0, at), text);
  if (at == std::string::npos) return reference;
  const std::string which = text.substr(at + 1);
  if (valid_digest(which))
    reference.digest = which;
  else if (const auto time = snapshot_time(which); time && suite_of(reference))
    reference.tag += "@" + *time;
  else
    refuse(text, time ? "only debian and ubuntu have dated archives"
                      : "after \"@\" stands a digest, sha256: and 64 hex digits, or for debian and ubuntu a date, "
                        "20260901 or 20260901T120000Z");
  return reference;
}

}  // namespace conductor::image
