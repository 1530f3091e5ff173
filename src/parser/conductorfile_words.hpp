// How the rest of an instruction's line falls into words; quotes and escapes stay as written. The syntax tree shows
// these words, and the statements are made of them.
#pragma once

#include "parser/conductorfile.hpp"
#include "parser/diagnostics.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::parser {

struct Node;

enum class WordForm {
  blanks,          // split at blanks; quotes mean nothing
  list_or_blanks,  // JSON form, or as above
  list_or_rest,    // JSON form, or one text
  rest,            // one text
  pairs,           // three words a pair: name, value, "=" — or "" for the old form
  quoted,          // split at blanks outside quotes
  health,          // one word, then list_or_rest
  instruction,     // another instruction: see inner_node()
};

struct WordList {
  std::vector<Word> words;
  bool json = false;
  bool wrong = false;  // what is wrong has been reported
};

// Reports a JSON list of anything but strings, and pairs without a value.
WordList read_words(const Node& node, WordForm form, char escape, Diagnostics& diagnostics);

struct JsonWord {
  std::string text;
  std::size_t offset;
};
struct JsonWords {
  std::vector<JsonWord> words;
  bool strings_only = true;  // else there are none
};
// Nothing when the text is no JSON list: then it is what the other form makes of it.
std::optional<JsonWords> read_json_words(std::string_view text);

// Reports quotes that are not closed and malformed ${…} in words that variables are expanded in.
void check_words(const Statement& statement, char escape, Diagnostics& diagnostics);

}  // namespace conductor::parser
