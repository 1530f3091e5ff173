// Places in a user's text, and messages that show them with the line and a caret.
#pragma once

#include "base/error.hpp"

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace conductor::base {

struct Position {
  std::string file;  // as the user named it
  int line = 0;      // from 1; 0 when unknown
  int column = 0;    // from 1, in bytes; 0 when unknown

  bool operator==(const Position&) const = default;
};

std::string to_text(const Position& position);  // "file:line:column"

enum class Severity { error, warning };

struct Diagnostic {
  Position position;
  std::string message;  // one sentence, no full stop
  std::string hint;     // what was expected or probably meant; may be empty
  Severity severity = Severity::error;
};

// file:line:column: error: message
//     the line
//       ^ hint
// `text` is the whole file, for the line shown; may be empty.
std::string render(const Diagnostic& diagnostic, std::string_view text);

// One or more mistakes in a user's file; what() is all of them rendered, one below the other.
class SourceError : public Error {
 public:
  SourceError(std::vector<Diagnostic> diagnostics, std::string_view text);
  // Mistakes of several files; each shows its line of the text that has the name in its position.
  static SourceError of_files(std::vector<Diagnostic> diagnostics, const std::map<std::string, std::string>& texts);
  const std::vector<Diagnostic>& diagnostics() const { return diagnostics_; }

 private:
  struct Rendered {
    explicit Rendered(std::string all) : text(std::move(all)) {}
    std::string text;
  };
  SourceError(std::vector<Diagnostic> diagnostics, const Rendered& rendered);

  std::vector<Diagnostic> diagnostics_;
};

}  // namespace conductor::base
