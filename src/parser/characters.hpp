// UTF-8 as the reference's language reads it: its classes of characters are Unicode's, and a byte that is no UTF-8 is a
// character of its own.
#pragma once

#include <string>
#include <string_view>

namespace conductor::parser {

// Marks a byte that is no UTF-8; or'ed with the byte it is its code.
inline constexpr char32_t raw_byte = 0x80000000U;

// The character at `at`, which moves behind it; `at` is less than the size.
char32_t next_code(std::string_view text, std::size_t& at);

bool is_space(char32_t code);   // White_Space
bool is_letter(char32_t code);  // what may stand in a variable's name besides digits and '_'; generous outside ASCII
bool is_printable(char32_t code);

std::string_view trim_spaces(std::string_view text);

// As Go's strconv.Quote: "a\tb", \xNN for control bytes and what is no UTF-8, \uNNNN for what is not printable.
std::string quote_text(std::string_view text);

}  // namespace conductor::parser
