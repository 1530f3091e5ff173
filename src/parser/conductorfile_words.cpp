#include "parser/conductorfile_words.hpp"

#include "base/json.hpp"
#include "parser/characters.hpp"
#include "parser/conductorfile_lines.hpp"

namespace conductor::parser {
namespace {

struct Span {
  std::size_t offset;
  std::size_t size;
};

constexpr std::string_view blanks = " \t\v\f\r";

std::vector<Span> split_at_blanks(std::string_view text) {
  std::vector<Span> words;
  for (std::size_t at = text.find_first_not_of(blanks); at < text.size();) {
    const auto end = std::min(text.find_first_of(blanks, at), text.size());
    words.push_back({at, end - at});
    at = text.find_first_not_of(blanks, end);
  }
  return words;
}

// The end of the word that begins at `at`. `kept` is where its text ends: an escape at the very end of the text stands
// for nothing.
std::size_t end_of_word(std::string_view text, std::size_t at, char escape, std::size_t& kept) {
  const auto escape_code = static_cast<unsigned char>(escape);
  char32_t quote = 0;
  while (at < text.size()) {
    kept = at;
    const char32_t code = next_code(text, at);
    if (quote == 0 && is_space(code)) return kept;
    if (code == escape_code && quote != '\'') {
      if (at == text.size()) return at;
      next_code(text, at);
    } else if (code == quote) {
      quote = 0;
    } else if (quote == 0 && (code == '"' || code == '\'')) {
      quote = code;
    }
  }
  return kept = text.size();
}

std::vector<Span> split_outside_quotes(std::string_view text, char escape) {
  std::vector<Span> words;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    if (is_space(next_code(text, at))) continue;
    std::size_t kept = begin;
    at = end_of_word(text, begin, escape, kept);
    if (kept > begin) words.push_back({begin, kept - begin});
  }
  return words;
}

Word word_at(const Node& node, std::size_t offset, std::size_t size = std::string::npos) {
  return {node.rest.substr(offset, size), node.at(offset)};
}

WordList plain(const Node& node, const std::vector<Span>& spans) {
  WordList list;
  list.words.reserve(spans.size());
  for (const auto& span : spans) list.words.push_back(word_at(node, span.offset, span.size));
  return list;
}

// The part of the rest from `begin` on in JSON form.
std::optional<WordList> json_list(const Node& node, std::size_t begin, Diagnostics& diagnostics) {
  auto json = read_json_words(std::string_view(node.rest).substr(begin));
  if (!json) return std::nullopt;
  if (!json->strings_only)
    diagnostics.error(node.at(begin), "the JSON form takes strings only", "write every word in double quotes");
  WordList list{{}, true, !json->strings_only};
  list.words.reserve(json->words.size());
  for (auto& word : json->words) list.words.push_back({std::move(word.text), node.at(begin + word.offset)});
  return list;
}

WordList one_text(const Node& node, std::size_t begin) {
  if (begin >= node.rest.size()) return {};
  return {{word_at(node, begin)}, false, false};
}

WordList list_or_text(const Node& node, std::size_t begin, Diagnostics& diagnostics) {
  if (auto list = json_list(node, begin, diagnostics)) return std::move(*list);
  return one_text(node, begin);
}

// The old form: one name, and all that follows is its value. Which it is, the first word tells.
WordList old_pair(const Node& node, Diagnostics& diagnostics) {
  const auto end = node.rest.find_first_of(blanks);
  const auto value = end == std::string::npos ? end : node.rest.find_first_not_of(blanks, end);
  if (value == std::string::npos) {
    diagnostics.error(node.at(0), node.keyword + " " + show(node.rest) + " has no value", "write NAME=value");
    return {{}, false, true};
  }
  return {{word_at(node, 0, end), word_at(node, value), {"", node.at(value)}}, false, false};
}

WordList pairs(const Node& node, char escape, Diagnostics& diagnostics) {
  auto words = plain(node, split_outside_quotes(node.rest, escape)).words;
  if (words.empty()) return {};
  if (words.front().text.find('=') == std::string::npos) return old_pair(node, diagnostics);
  WordList list;
  for (auto& word : words) {
    const auto equals = word.text.find('=');
    if (equals == std::string::npos) {
      diagnostics.error(word.position, show(word.text) + " has no '='", "write NAME=value");
      continue;
    }
    base::Position place = word.position;
    place.column += static_cast<int>(equals) + 1;
    list.words.push_back({word.text.substr(0, equals), word.position});
    list.words.push_back({word.text.substr(equals + 1), place});
    list.words.push_back({"=", std::move(place)});
  }
  return list;
}

WordList health(const Node& node, Diagnostics& diagnostics) {
  constexpr std::string_view spaces = " \t\n\v\f\r";
  if (node.rest.empty()) return {};
  const auto end = std::min(node.rest.find_first_of(spaces), node.rest.size());
  auto list = list_or_text(node, std::min(node.rest.find_first_not_of(spaces, end), node.rest.size()), diagnostics);
  list.words.insert(list.words.begin(), word_at(node, 0, end));
  return list;
}

}  // namespace

std::optional<JsonWords> read_json_words(std::string_view text) {
  if (!text.starts_with('[')) return std::nullopt;
  base::Json json;
  try {
    json = base::Json::parse(text);
  } catch (const base::Error&) {
    return std::nullopt;
  }
  JsonWords found;
  std::size_t at = 0;  // strings alone hold quotes, so each begins at the next one
  for (const auto& item : *json.array_items()) {
    if (item.string() == nullptr) return JsonWords{{}, false};
    const std::size_t begin = text.find('"', at);
    for (at = begin + 1; text[at] != '"'; ++at)
      if (text[at] == '\\') ++at;
    ++at;
    found.words.push_back({*item.string(), begin});
  }
  return found;
}

WordList read_words(const Node& node, WordForm form, char escape, Diagnostics& diagnostics) {
  switch (form) {
    case WordForm::blanks:
      return plain(node, split_at_blanks(node.rest));
    case WordForm::list_or_blanks:
      if (auto list = json_list(node, 0, diagnostics)) return std::move(*list);
      return plain(node, split_at_blanks(node.rest));
    case WordForm::list_or_rest:
      return list_or_text(node, 0, diagnostics);
    case WordForm::pairs:
      return pairs(node, escape, diagnostics);
    case WordForm::quoted:
      return plain(node, split_outside_quotes(node.rest, escape));
    case WordForm::health:
      return health(node, diagnostics);
    case WordForm::rest:
    case WordForm::instruction:
      break;
  }
  return one_text(node, 0);
}

}  // namespace conductor::parser
