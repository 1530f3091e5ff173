// Mistakes of one text, or of several that include each other, collected while reading goes on, thrown together at the
// end.
#pragma once

#include "base/source.hpp"

#include <map>
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
  // The texts by the names that positions have; looked at when mistakes are thrown.
  explicit Diagnostics(const std::map<std::string, std::string>& texts) : texts_(&texts) {}

  void error(base::Position position, std::string message, std::string hint = {});
  bool clean() const { return errors_.empty(); }
  // Nothing more will be told: reading may stop, suggestions need not be looked for.
  bool full() const { return errors_.size() >= most_errors; }

  // Throws base::SourceError with every mistake, file by file in the order of the text; does nothing when there is
  // none.
  void finish();

 private:
  std::string_view text_;
  const std::map<std::string, std::string>* texts_ = nullptr;
  std::vector<std::string> files_;        // with mistakes, in the order of their first
  std::vector<base::Diagnostic> errors_;  // in the order of the text
  bool more_ = false;

  std::size_t rank(const std::string& file);
};

// A word of the user's in a message: quoted, on one line, shortened.
std::string show(std::string_view word);

// "did you mean 'x'?", or nothing when no candidate is near.
std::string suggestion(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace conductor::parser
