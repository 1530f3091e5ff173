#include "cli/terminal_text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace conductor::cli {

namespace {

constexpr char escape = '\x1b';

struct Character {
  std::uint32_t code = 0;
  std::size_t size = 1;
  bool valid = false;
};

// The first character of `text`, which is not empty (RFC 3629; overlong forms and surrogates are not valid).
Character decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return {first, 1, true};
  const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < size) return {first, 1, false};
  std::uint32_t code = first & (0xFFU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return {first, 1, false};
    code = (code << 6U) | (byte(i) & 0x3FU);
  }
  constexpr std::array<std::uint32_t, 5> least = {0, 0, 0x80, 0x800, 0x10000};
  if (code < least[size] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return {first, 1, false};
  return {code, size, true};
}

struct Range {
  std::uint32_t first, last;
};
// The blocks that matter of Unicode's East Asian Width (W and F) and of the marks that take no column.
constexpr std::array<Range, 13> wide = {{{0x1100, 0x115F},
                                         {0x231A, 0x231B},
                                         {0x23E9, 0x23F3},
                                         {0x2E80, 0x303E},
                                         {0x3041, 0xA4CF},
                                         {0xA960, 0xA97C},
                                         {0xAC00, 0xD7A3},
                                         {0xF900, 0xFAFF},
                                         {0xFE30, 0xFE6F},
                                         {0xFF00, 0xFF60},
                                         {0xFFE0, 0xFFE6},
                                         {0x1F300, 0x1FAFF},
                                         {0x20000, 0x3FFFD}}};
constexpr std::array<Range, 9> narrow = {{{0x0300, 0x036F},
                                          {0x0483, 0x0489},
                                          {0x0591, 0x05BD},
                                          {0x1AB0, 0x1AFF},
                                          {0x1DC0, 0x1DFF},
                                          {0x200B, 0x200F},
                                          {0x20D0, 0x20F0},
                                          {0xFE00, 0xFE0F},
                                          {0xFE20, 0xFE2F}}};

template <std::size_t N>
bool is_in(const std::array<Range, N>& ranges, std::uint32_t code) {
  return std::ranges::any_of(ranges, [&](const Range& r) { return r.first <= code && code <= r.last; });
}

std::size_t width_of(std::uint32_t code) {
  if (is_in(narrow, code)) return 0;
  return is_in(wide, code) ? 2 : 1;
}

// The length of the escape sequence that `text` begins with (ECMA-48): CSI up to its final byte, a string (OSC, DCS …)
// up to its end, else two characters.
std::size_t sequence_length(std::string_view text) {
  if (text.size() < 2) return text.size();
  constexpr std::string_view strings = "]PX^_";
  if (text[1] == '[') {
    const auto end = std::find_if(text.begin() + 2, text.end(), [](char c) { return c >= '@' && c <= '~'; });
    return static_cast<std::size_t>(end - text.begin()) + (end == text.end() ? 0 : 1);
  }
  if (strings.find(text[1]) == std::string_view::npos) return 2;
  const auto end = text.find_first_of("\a\x1b", 2);
  if (end == std::string_view::npos) return text.size();
  return text[end] == escape && end + 1 < text.size() ? end + 2 : end + 1;
}

bool is_colour(std::string_view sequence) {
  return sequence.size() > 2 && sequence[1] == '[' && sequence.back() == 'm' &&
         sequence.substr(2, sequence.size() - 3).find_first_not_of("0123456789;:") == std::string_view::npos;
}

std::string shown_byte(unsigned char byte) {
  static constexpr char digits[] = "0123456789abcdef";
  return std::string("\\x") + digits[byte >> 4U] + digits[byte & 0xFU];
}

bool is_control(std::uint32_t code) {
  const bool c1 = code >= 0x7F && code < 0xA0;
  const bool direction = (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
  return code < 0x20 || c1 || direction || code == 0x2028 || code == 0x2029;
}

// What is left to see of a line that was overwritten from its beginning.
std::string_view after_last_return(std::string_view line) {
  while (line.ends_with('\r')) line.remove_suffix(1);
  const auto last = line.rfind('\r');
  return last == std::string_view::npos ? line : line.substr(last + 1);
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    if (text.front() == escape) {
      text.remove_prefix(sequence_length(text));
      continue;
    }
    const Character next = decode(text);
    width += width_of(next.code);
    text.remove_prefix(next.size);
  }
  return width;
}

std::string fit(std::string_view text, std::size_t columns) {
  if (display_width(text) <= columns) return std::string(text);
  if (columns == 0) return {};
  std::string result;
  std::size_t width = 0;
  while (!text.empty()) {
    if (text.front() == escape) {
      const auto size = sequence_length(text);
      result += text.substr(0, size);
      text.remove_prefix(size);
      continue;
    }
    const Character next = decode(text);
    width += width_of(next.code);
    if (width > columns - 1) break;
    result += text.substr(0, next.size);
    text.remove_prefix(next.size);
  }
  return result + "…";
}

std::string clean_line(std::string_view line, Colours colours) {
  constexpr std::size_t tab = 8;
  constexpr std::string_view plain = "\x1b[0m";
  std::string result;
  std::size_t width = 0;
  bool coloured = false;
  const auto append = [&](std::string_view text, std::size_t columns) { result += text, width += columns; };
  for (line = after_last_return(line); !line.empty();) {
    if (line.front() == escape) {
      const auto sequence = line.substr(0, sequence_length(line));
      if (colours == Colours::keep && is_colour(sequence)) {
        result += sequence;
        coloured = sequence != plain && sequence != "\x1b[m";
      }
      line.remove_prefix(sequence.size());
      continue;
    }
    const Character next = decode(line);
    if (next.valid && next.code == '\t') {
      const std::size_t blanks = tab - width % tab;
      append(std::string(blanks, ' '), blanks);
    } else if (!next.valid || is_control(next.code)) {
      for (const char c : line.substr(0, next.size)) append(shown_byte(static_cast<unsigned char>(c)), 4);
    } else {
      append(line.substr(0, next.size), width_of(next.code));
    }
    line.remove_prefix(next.size);
  }
  return coloured ? result + std::string(plain) : result;
}

}  // namespace conductor::cli
