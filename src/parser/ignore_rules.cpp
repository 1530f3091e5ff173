// The .dockerignore file: patterns in order, comments, and what `!` brings back.
#include "base/error.hpp"
#include "base/text.hpp"
#include "parser/characters.hpp"
#include "parser/conductorfile.hpp"
#include "parser/path_pattern.hpp"

#include <algorithm>

namespace conductor::parser {
namespace {

// Go's path.Clean without the leading '/': no empty, "." and ".." components where they can be dropped.
std::string clean(std::string_view path) {
  std::vector<std::string> kept;
  for (auto& part : base::split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == ".." && !kept.empty() && kept.back() != "..")
      kept.pop_back();
    else if (part != ".." || path.front() != '/')
      kept.push_back(std::move(part));
  }
  return base::join(kept, "/");
}

}  // namespace

IgnoreRules IgnoreRules::parse(std::string_view text) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  IgnoreRules rules;
  int number = 0;
  for (const auto& line : base::split(text, '\n')) {
    ++number;
    if (line.starts_with('#')) continue;
    const base::Context context("line " + std::to_string(number));
    std::string_view rest = trim_spaces(line);
    const bool keep = rest.starts_with('!');
    if (keep) rest = trim_spaces(rest.substr(1));
    if (keep && rest.empty()) throw base::Error("a pattern is missing after '!'");
    const std::string pattern = rest.empty() ? std::string() : clean(rest);
    constexpr std::size_t most_rules = 50'000;
    if (rules.patterns_.size() == most_rules) throw base::Error("there are more than 50000 patterns");
    if (pattern.empty()) continue;  // an empty line; "." and "/" name the context itself, which always stays
    rules.patterns_.push_back({std::make_shared<const PathPattern>(pattern, true), keep});
  }
  return rules;
}

// A path is ignored like the directory it lies in; the last pattern that speaks of it or of one above it decides.
bool IgnoreRules::ignores(std::string_view path) const {
  bool ignored = false;
  for (const auto& [pattern, keep] : patterns_)
    if (keep == ignored && pattern->matches_within(path)) ignored = !keep;  // any other would change nothing
  return ignored;
}

bool IgnoreRules::may_keep_below(std::string_view directory) const {
  return std::any_of(patterns_.begin(), patterns_.end(), [&](const Pattern& pattern) {
    return pattern.keep && pattern.pattern->may_match_below(directory);
  });
}

bool IgnoreRules::has_exceptions() const {
  return std::any_of(patterns_.begin(), patterns_.end(), [](const Pattern& pattern) { return pattern.keep; });
}

}  // namespace conductor::parser
