// THE table of instructions: keyword, how its rest falls into words, its flags, and what makes a statement of it.
#pragma once

#include "parser/conductorfile_flags.hpp"
#include "parser/conductorfile_lines.hpp"
#include "parser/conductorfile_words.hpp"

#include <span>
#include <string_view>

namespace conductor::parser {

// What a statement is made of.
struct Reader {
  const Node& node;
  WordList list;  // of the row's form; only the JSON form may have no words
  char escape;
  Diagnostics& diagnostics;

  void error(const base::Position& position, std::string message, std::string hint = {}) {
    diagnostics.error(position, std::move(message), std::move(hint));
  }
};

struct InstructionRule {
  std::string_view keyword;
  WordForm form;
  std::span<const FlagRule> flags;
  Statement (*read)(Reader&);  // nullptr: INCLUDE, which is no statement
};

// Nothing for an unknown keyword, which is reported; in any case.
const InstructionRule* find_rule(const Node& node, Diagnostics& diagnostics);

// One instruction, with all that is wrong with it reported; nothing when no statement can be made of it.
std::optional<Instruction> read_instruction(const Node& node, const InstructionRule& rule, char escape,
                                            Diagnostics& diagnostics);

}  // namespace conductor::parser
