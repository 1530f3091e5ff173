#include "parser/diagnostics.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <tuple>

namespace conductor::parser {

void Diagnostics::error(base::Position position, std::string message, std::string hint) {
  if (full()) {
    more_ = true;
    return;
  }
  const auto before = [](const base::Position& a, const base::Diagnostic& b) {
    return std::tie(a.line, a.column) < std::tie(b.position.line, b.position.column);
  };
  const auto at = std::upper_bound(errors_.begin(), errors_.end(), position, before);
  errors_.insert(at, {std::move(position), std::move(message), std::move(hint), base::Severity::error});
}

void Diagnostics::finish() {
  if (errors_.empty()) return;
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
