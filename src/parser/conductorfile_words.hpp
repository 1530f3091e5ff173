// How the rest of an instruction's line falls into words; quotes and escapes stay as written.
#pragma once

#include "parser/conductorfile.hpp"
#include "parser/diagnostics.hpp"

#include <string_view>
#include <vector>

namespace conductor::parser {

struct Span {
  std::size_t offset;
  std::size_t size;
};

// At every run of blanks; quotes mean nothing (FROM, COPY, EXPOSE).
std::vector<Span> split_at_blanks(std::string_view text);

// At blanks that no quotes enclose and no escape precedes (ENV, LABEL, ARG, USER).
std::vector<Span> split_words_kept(std::string_view text, char escape);

// Reports quotes that are not closed and malformed ${…} in words that variables are expanded in.
void check_words(const Statement& statement, char escape, Diagnostics& diagnostics);

}  // namespace conductor::parser
