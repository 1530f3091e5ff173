// What ${NAME…} means in compose files and in what else is interpolated; a Conductorfile's words, which know more, are
// read by expand().
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace conductor::parser {

// Bounds for hostile texts: `${A:-${B:-…}}` may nest, and `A=$A$A` repeated doubles.
inline constexpr int most_nested = 16;
inline constexpr std::size_t longest_expansion = 64U << 10U;

bool is_name_start(char c);
bool is_name_char(char c);

// The head of a braced substitution, after "${": NAME, then '}' or a modifier, after which its word follows.
struct Substitution {
  std::string name;
  bool colon = false;    // an empty value counts as none
  char operation = 0;    // - + ? or 0 for none; '!' when the modifier is not known
  std::size_t size = 0;  // bytes of the head, without the '}'
};
Substitution read_substitution(std::string_view text);

// True when the word after the modifier is what the substitution stands for; for '?' it is then the message of a
// failure.
bool takes_word(const Substitution& substitution, const std::optional<std::string>& value);

}  // namespace conductor::parser
