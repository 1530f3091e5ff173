#include "parser/substitution.hpp"

namespace conductor::parser {

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name_char(char c) { return is_name_start(c) || (c >= '0' && c <= '9'); }

Substitution read_substitution(std::string_view text) {
  Substitution head;
  std::size_t at = 0;
  while (at < text.size() && is_name_char(text[at])) ++at;
  head.name = text.substr(0, at);
  head.size = at;
  if (at == text.size() || text[at] == '}') return head;
  head.colon = text[at] == ':';
  if (head.colon) ++at;
  const char operation = at < text.size() ? text[at] : '}';
  head.operation = operation == '-' || operation == '+' || operation == '?' ? operation : '!';
  head.size = at + 1;
  return head;
}

bool takes_word(const Substitution& substitution, const std::optional<std::string>& value) {
  const bool present = value && !(substitution.colon && value->empty());
  return substitution.operation == '+' ? present : !present && substitution.operation != 0;
}

}  // namespace conductor::parser
