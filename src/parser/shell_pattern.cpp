#include "parser/shell_pattern.hpp"

#include "base/error.hpp"
#include "parser/characters.hpp"
#include "parser/diagnostics.hpp"

#include <algorithm>
#include <optional>

namespace conductor::parser {

// Matching segment by segment: between stars the earliest place is always right, and for the longest match the last
// segment takes its last place.
struct ShellPattern::Search {
  const std::vector<Codes>& segments;
  Codes codes;
  std::vector<std::size_t> offsets;  // of each code in the value, and its end
  std::size_t steps = 0;

  Search(const std::vector<Codes>& pattern, std::string_view value) : segments(pattern) {
    for (std::size_t at = 0; at < value.size();) {
      offsets.push_back(at);
      codes.push_back(next_code(value, at));
    }
    offsets.push_back(value.size());
  }

  bool fits(const Codes& segment, std::size_t at) {
    constexpr std::size_t most_steps = 50'000'000;
    if (at + segment.size() > codes.size()) return false;
    for (std::size_t i = 0; i < segment.size(); ++i) {
      if (++steps > most_steps) throw base::Error("the pattern takes too long");
      if (segment[i] != any_character && segment[i] != codes[at + i]) return false;
    }
    return true;
  }

  std::optional<std::size_t> first(const Codes& segment, std::size_t from) {
    for (std::size_t at = from; at + segment.size() <= codes.size(); ++at)
      if (fits(segment, at)) return at;
    return std::nullopt;
  }

  std::optional<std::size_t> last(const Codes& segment, std::size_t from) {
    if (segment.size() > codes.size()) return std::nullopt;
    for (std::size_t at = codes.size() - segment.size() + 1; at-- > from;)
      if (fits(segment, at)) return at;
    return std::nullopt;
  }

  // The end of what the segments after the first match, which ends at `at`.
  std::optional<std::size_t> rest(std::size_t at, bool longest) {
    for (std::size_t i = 1; i < segments.size(); ++i) {
      const bool final = i + 1 == segments.size();
      const auto found = final && longest ? last(segments[i], at) : first(segments[i], at);
      if (!found) return std::nullopt;
      at = *found + segments[i].size();
    }
    return at;
  }

  std::optional<std::size_t> prefix(bool longest) {
    if (!fits(segments.front(), 0)) return std::nullopt;
    return rest(segments.front().size(), longest);
  }
};

ShellPattern::ShellPattern(std::string_view text) : segments_(1) {
  for (std::size_t at = 0; at < text.size();) {
    char32_t code = next_code(text, at);
    const char next = at < text.size() ? text[at] : '\0';
    if (code == '*') {
      segments_.emplace_back();
      continue;
    }
    if (code == '?') code = any_character;
    if (code == '\\') {
      if (next == '\0' || std::string_view("*?\\}/").find(next) == std::string_view::npos)
        throw base::Error("malformed pattern " + show(text)).with_hint("'\\' stands before * ? \\ only");
      code = next_code(text, at);
    }
    segments_.back().push_back(code);
  }
}

std::string ShellPattern::without_prefix(std::string_view value, bool longest) const {
  Search search(segments_, value);
  const auto end = search.prefix(longest);
  return std::string(value.substr(end ? search.offsets[*end] : 0));
}

std::string ShellPattern::without_suffix(std::string_view value, bool longest) const {
  std::vector<Codes> mirrored(segments_.rbegin(), segments_.rend());
  for (auto& segment : mirrored) std::reverse(segment.begin(), segment.end());
  Search search(mirrored, value);
  std::reverse(search.codes.begin(), search.codes.end());
  const auto end = search.prefix(longest);
  return std::string(value.substr(0, search.offsets[search.codes.size() - end.value_or(0)]));
}

// An empty match counts unless it stands right behind another one.
std::string ShellPattern::replaced(std::string_view value, std::string_view by, bool all, std::size_t limit) const {
  Search search(segments_, value);
  std::string out;
  std::size_t copied = 0, matched = 0;
  const auto copy_to = [&](std::size_t at) {
    out += value.substr(search.offsets[copied], search.offsets[at] - search.offsets[copied]);
    copied = at;
    if (out.size() > limit) throw base::Error("the replaced text is too long");
  };
  for (std::size_t from = 0; from <= search.codes.size();) {
    const auto begin = search.first(segments_.front(), from);
    const auto end = begin ? search.rest(*begin + segments_.front().size(), true) : std::nullopt;
    if (!end) break;
    copy_to(*begin);
    if (*end > matched || *begin == 0) out += by;
    matched = copied = *end;
    if (!all) break;
    from = std::max(*end, *begin + 1);
  }
  copy_to(search.codes.size());
  return out;
}

}  // namespace conductor::parser
