// A pattern of paths, read once: Go's filepath.Match, and the `**` of ignore files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace conductor::parser {

class PathPattern {
 public:
  // Throws base::Error for a malformed one. Without `any_depth` `**` is as `*`.
  PathPattern(std::string_view pattern, bool any_depth);

  bool matches(std::string_view path) const;
  // Also when it matches a directory above the path.
  bool matches_within(std::string_view path) const;
  // False only when nothing below the directory can match, nor match within.
  bool may_match_below(std::string_view directory) const;

 private:
  struct Range {
    char32_t first, last;
  };
  struct Step {
    enum Kind { character, any, star, set, directories, everything } kind;
    char32_t code;              // character
    bool negated = false;       // set
    std::vector<Range> ranges;  // set

    explicit Step(Kind of, char32_t character_code = 0) : kind(of), code(character_code) {}
  };
  class Reader;
  class Matcher;

  // How most patterns are matched without walking the steps.
  enum Form { exact, beginning, end, general } form_ = general;
  std::string text_;         // of the pattern; for `beginning` and `end` without its `**`
  std::string head_, tail_;  // what every match begins and ends with
  std::vector<Step> steps_;

  static bool accepts(const Step& step, char32_t code);
  void choose_form(std::string_view pattern, bool any_depth);
};

}  // namespace conductor::parser
