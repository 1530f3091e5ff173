#include "parser/characters.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace conductor::parser {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// Each table is in order. Beyond ASCII they name blocks: what a single unassigned code point is does not matter here.
constexpr std::array spaces{Range{'\t', '\r'},     Range{' ', ' '},       Range{0x85, 0x85},     Range{0xa0, 0xa0},
                            Range{0x1680, 0x1680}, Range{0x2000, 0x200a}, Range{0x2028, 0x2029}, Range{0x202f, 0x202f},
                            Range{0x205f, 0x205f}, Range{0x3000, 0x3000}};
constexpr std::array letters{
    Range{'A', 'Z'},        Range{'a', 'z'},       Range{0xaa, 0xaa},       Range{0xb5, 0xb5},
    Range{0xba, 0xba},      Range{0xc0, 0xd6},     Range{0xd8, 0xf6},       Range{0xf8, 0x2c1},
    Range{0x370, 0x374},    Range{0x376, 0x37d},   Range{0x37f, 0x37f},     Range{0x386, 0x386},
    Range{0x388, 0x481},    Range{0x48a, 0x559},   Range{0x560, 0x588},     Range{0x5d0, 0x5f2},
    Range{0x620, 0x64a},    Range{0x66e, 0x6d3},   Range{0x6d5, 0x6d5},     Range{0x6fa, 0x6ff},
    Range{0x710, 0x7a5},    Range{0x904, 0x939},   Range{0x985, 0x9b9},     Range{0xe01, 0xe30},
    Range{0x10a0, 0x10ff},  Range{0x1100, 0x135a}, Range{0x13a0, 0x167f},   Range{0x1681, 0x169a},
    Range{0x1e00, 0x1fbc},  Range{0x1fc2, 0x1ffc}, Range{0x2071, 0x2071},   Range{0x207f, 0x207f},
    Range{0x2c00, 0x2ce4},  Range{0x2d00, 0x2dde}, Range{0x3005, 0x3006},   Range{0x3031, 0x3035},
    Range{0x3041, 0x3096},  Range{0x309d, 0x309f}, Range{0x30a1, 0x30fa},   Range{0x30fc, 0x31bf},
    Range{0x31f0, 0x31ff},  Range{0x3400, 0x4dbf}, Range{0x4e00, 0xa48c},   Range{0xa4d0, 0xa4fd},
    Range{0xa500, 0xa66e},  Range{0xa680, 0xa6e5}, Range{0xac00, 0xd7fb},   Range{0xf900, 0xfb4f},
    Range{0xfb50, 0xfbb1},  Range{0xfbd3, 0xfdfb}, Range{0xfe70, 0xfefc},   Range{0xff21, 0xff3a},
    Range{0xff41, 0xff5a},  Range{0xff66, 0xffdc}, Range{0x10000, 0x100fa}, Range{0x1d400, 0x1d7cb},
    Range{0x20000, 0x323af}};
// Controls, spaces but ' ', formats, surrogates, private use, what will never be or is not yet a character.
constexpr std::array unprintable{
    Range{0, 0x1f},          Range{0x7f, 0xa0},       Range{0xad, 0xad},          Range{0x378, 0x379},
    Range{0x600, 0x605},     Range{0x61c, 0x61c},     Range{0x6dd, 0x6dd},        Range{0x70f, 0x70f},
    Range{0x8e2, 0x8e2},     Range{0x1680, 0x1680},   Range{0x180e, 0x180e},      Range{0x2000, 0x200f},
    Range{0x2028, 0x202f},   Range{0x205f, 0x206f},   Range{0x3000, 0x3000},      Range{0xd800, 0xf8ff},
    Range{0xfdd0, 0xfdef},   Range{0xfeff, 0xfeff},   Range{0xfff0, 0xfffb},      Range{0xfffe, 0xffff},
    Range{0x110bd, 0x110bd}, Range{0x1bca0, 0x1bca3}, Range{0x1d173, 0x1d17a},    Range{0x1fffe, 0x1ffff},
    Range{0x2fa1e, 0x2ffff}, Range{0x323b0, 0xe00ff}, Range{0xe01f0, 0x7fffffffU}};

bool within(std::span<const Range> ranges, char32_t code) {
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), code,
                                      [](char32_t wanted, const Range& range) { return wanted < range.first; });
  return after != ranges.begin() && code <= std::prev(after)->last;
}

// Nothing when the text there ends no space.
std::size_t space_before(std::string_view text, std::size_t end) {
  std::size_t at = end - 1;
  while (at > 0 && end - at < 3 && (static_cast<unsigned char>(text[at]) & 0xc0U) == 0x80U) --at;
  const std::size_t begin = at;
  return is_space(next_code(text, at)) && at == end ? end - begin : 0;
}

std::string hex(char32_t value, int digits) {
  std::string out;
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) out += "0123456789abcdef"[(value >> shift) & 0xfU];
  return out;
}

std::string quote_code(char32_t code) {
  constexpr std::string_view plain = "\a\b\f\n\r\t\v\"\\", named = "abfnrtv\"\\";
  if (const auto found = code < 0x80 ? plain.find(static_cast<char>(code)) : plain.npos; found != plain.npos)
    return std::string("\\") + named[found];
  if ((code & raw_byte) != 0) return "\\x" + hex(code & 0xffU, 2);
  if (code < ' ' || code == 0x7f) return "\\x" + hex(code, 2);
  return code < 0x10000 ? "\\u" + hex(code, 4) : "\\U" + hex(code, 8);
}

}  // namespace

char32_t next_code(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const char32_t first = byte(at);
  if (first < 0x80) return ++at, first;
  const std::size_t size = first < 0xc2 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 1;
  char32_t code = size == 1 ? raw_byte : first & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i)
    code = (byte(at + i) & 0xc0U) == 0x80U ? (code << 6U) | (byte(at + i) & 0x3fU) : raw_byte;
  const bool overlong = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
  if (code > 0x10ffff || overlong || (code >= 0xd800 && code < 0xe000)) return ++at, first | raw_byte;
  at += size;
  return code;
}

bool is_space(char32_t code) { return within(spaces, code); }
bool is_letter(char32_t code) { return within(letters, code); }
bool is_printable(char32_t code) { return (code & raw_byte) == 0 && !within(unprintable, code); }

std::string_view trim_spaces(std::string_view text) {
  for (std::size_t at = 0; at < text.size() && is_space(next_code(text, at)); at = 0) text.remove_prefix(at);
  while (!text.empty()) {
    const auto size = space_before(text, text.size());
    if (size == 0) break;
    text.remove_suffix(size);
  }
  return text;
}

std::string quote_text(std::string_view text) {
  std::string out = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t code = next_code(text, at);
    if (code == '"' || code == '\\' || !is_printable(code))
      out += quote_code(code);
    else
      out += text.substr(begin, at - begin);
  }
  return out + "\"";
}

}  // namespace conductor::parser
