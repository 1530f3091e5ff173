#include "parser/diagnostics.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <tuple>

namespace conductor::parser {

void Diagnostics::finish() {
  if (errors_.empty()) return;
  std::stable_sort(errors_.begin(), errors_.end(), [](const auto& a, const auto& b) {
    return std::tie(a.position.line, a.position.column) < std::tie(b.position.line, b.position.column);
  });
  if (more_) errors_.push_back({{errors_.front().position.file, 0, 0}, "there are more mistakes", {}, {}});
  throw base::SourceError(std::move(errors_), text_);
}

std::string show(std::string_view word) {
  constexpr std::size_t longest = 60;
  const bool cut = word.size() > longest;
  return "'" + base::escape_control(word.substr(0, longest)) + (cut ? "…'" : "'");
}

std::string suggestion(std::string_view word, const std::vector<std::string>& candidates) {
  const auto found = base::nearest(word, candidates);
  return found ? "did you mean '" + *found + "'?" : "";
}

}  // namespace conductor::parser
