// Mistakes of one text, collected while reading goes on, thrown together at the end.
#pragma once

#include "base/source.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace conductor::parser {

class Diagnostics {
 public:
  // A hostile text must not buy a message per byte.
  static constexpr std::size_t most_errors = 20;

  explicit Diagnostics(std::string_view text) : text_(text) {}

  void error(base::Position position, std::string message, std::string hint = {});
  bool clean() const { return errors_.empty(); }
  // Nothing more will be told: reading may stop, suggestions need not be looked for.
  bool full() const { return errors_.size() >= most_errors; }

  // Throws base::SourceError with every mistake, in the order of the text; does nothing when there is none.
  void finish();

 private:
  std::string_view text_;
  std::vector<base::Diagnostic> errors_;  // in the order of the text
  bool more_ = false;
};

// A word of the user's in a message: quoted, on one line, shortened.
std::string show(std::string_view word);

// "did you mean 'x'?", or nothing when no candidate is near.
std::string suggestion(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace conductor::parser
