// The patterns of ${x#…}, ${x%…} and ${x/…/…}: `*` any number of characters, `?` one; `\` makes these and itself
// literal. Brackets stand for themselves, as the reference says.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::parser {

class ShellPattern {
 public:
  explicit ShellPattern(std::string_view text);  // throws base::Error for an escape before anything else

  // Take the shortest or the longest beginning or end away that matches. Throw base::Error when matching would take
  // unreasonably long.
  std::string without_prefix(std::string_view value, bool longest) const;
  std::string without_suffix(std::string_view value, bool longest) const;
  // The first longest match, or all of them from left to right; a result over `limit` bytes throws base::Error.
  std::string replaced(std::string_view value, std::string_view by, bool all, std::size_t limit) const;

 private:
  static constexpr char32_t any_character = 0xffffffffU;
  using Codes = std::vector<char32_t>;
  std::vector<Codes> segments_;  // between stars: one more than there are stars

  struct Search;
};

}  // namespace conductor::parser
