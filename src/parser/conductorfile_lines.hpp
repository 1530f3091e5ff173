// The line structure of a Conductorfile, the first of two layers: comments, continuations, parser directives, flags and
// here-documents are resolved, words are not read yet. The second layer (conductorfile.cpp) makes statements of the
// nodes.
#pragma once

#include "base/source.hpp"
#include "parser/conductorfile.hpp"
#include "parser/diagnostics.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::parser {

// A line with its continuations joined, that knows where each byte was written.
class LogicalLine {
 public:
  void append(std::string_view piece, int line, int column);
  const std::string& text() const { return text_; }
  base::Position position(std::size_t offset, const std::string& file) const;

 private:
  struct Piece {
    std::size_t offset;
    int line;
    int column;
  };
  std::string text_;
  std::vector<Piece> pieces_;  // by offset
};

struct Node {
  std::string keyword;                  // as written
  std::vector<std::string> flag_words;  // "--name=value", quotes taken away
  std::vector<Flag> flags;              // the same, read
  std::string rest;                     // after the flags, without blanks at both ends
  std::vector<Heredoc> heredocs;
  std::vector<std::size_t> heredoc_offsets;  // in `rest`, of each "<<"-word; a number may stand before "<<"
  base::Position position;                   // of the keyword
  std::optional<base::Position> open_quote;  // of a flag that ends with the line
  LogicalLine line;
  std::size_t rest_offset = 0;        // of `rest` in the line
  std::vector<std::string> comments;  // right above, without "#" and blanks around

  // The place of a byte of `rest`.
  base::Position at(std::size_t offset) const { return line.position(rest_offset + offset, position.file); }
};

struct Lines {
  std::vector<Directive> directives;
  std::vector<Node> nodes;
  std::vector<base::Position> empty_continuations;
  char escape = '\\';
};

// What cannot be read is added to `diagnostics`; the nodes up to there are returned.
Lines parse_lines(std::string_view text, const std::string& file, Diagnostics& diagnostics);

// The instruction that the rest of another is (ONBUILD), with the here-documents of the whole.
Node inner_node(const Node& outer);

}  // namespace conductor::parser
