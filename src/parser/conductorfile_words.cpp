#include "parser/conductorfile_words.hpp"

namespace conductor::parser {
namespace {
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

// The end of the word that begins at `at`.
std::size_t end_of_word(std::string_view text, std::size_t at, char escape) {
  char quote = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (quote == 0 && is_blank(c)) return at;
    if (c == escape && quote != '\'')
      ++at;
    else if (c == quote)
      quote = 0;
    else if (quote == 0 && (c == '"' || c == '\''))
      quote = c;
  }
  return text.size();
}

template <class End>
std::vector<Span> split(std::string_view text, End end) {
  std::vector<Span> words;
  for (std::size_t at = 0; at < text.size();) {
    if (is_blank(text[at])) {
      ++at;
      continue;
    }
    const std::size_t stop = end(at);
    words.push_back({at, stop - at});
    at = stop;
  }
  return words;
}
}  // namespace

std::vector<Span> split_at_blanks(std::string_view text) {
  return split(text, [text](std::size_t at) {
    while (at < text.size() && !is_blank(text[at])) ++at;
    return at;
  });
}

std::vector<Span> split_words_kept(std::string_view text, char escape) {
  return split(text, [=](std::size_t at) { return end_of_word(text, at, escape); });
}

}  // namespace conductor::parser
