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
  const auto before = [this](const base::Position& a, const base::Diagnostic& b) {
    const auto file = rank(a.file), other = rank(b.position.file);
    return std::tie(file, a.line, a.column) < std::tie(other, b.position.line, b.position.column);
  };
  const auto at = std::upper_bound(errors_.begin(), errors_.end(), position, before);
  errors_.insert(at, {std::move(position), std::move(message), std::move(hint), base::Severity::error});
}

std::size_t Diagnostics::rank(const std::string& file) {
  const auto found = std::find(files_.begin(), files_.end(), file);
  const auto place = static_cast<std::size_t>(found - files_.begin());
  if (found == files_.end()) files_.push_back(file);
  return place;
}

void Diagnostics::finish() {
  if (errors_.empty()) return;
  if (more_) errors_.push_back({{errors_.front().position.file, 0, 0}, "there are more mistakes", {}, {}});
  if (texts_ != nullptr) throw base::SourceError::of_files(std::move(errors_), *texts_);
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
