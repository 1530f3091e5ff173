// What the parts of the build checks share: the file cut into stages, what is known of variables, and the list the
// findings go to. See checks.hpp.
#pragma once

#include "parser/checks.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::parser {

// Names that have been declared, and their values as far as they are known.
using Known = std::map<std::string, std::optional<std::string>>;

struct CheckedStage {
  const Instruction* instruction = nullptr;  // FROM
  const From* from = nullptr;
  std::vector<const Instruction*> body;
  std::optional<std::size_t> base;  // the earlier stage it stands on
};

struct CheckedFile {
  const Conductorfile& parsed;
  const CheckOptions& options;
  std::vector<const Instruction*> globals;  // ARGs before the first FROM
  std::vector<CheckedStage> stages;
  // The variables FROM may use, the platform's and the global ARGs: with their defaults, and with the arguments given.
  Known defaults, given;
};
CheckedFile divide(const Conductorfile& parsed, const CheckOptions& options);

// A variable a word names.
struct Use {
  std::string name;
  std::size_t offset = 0;  // of the '$'
  bool guarded = false;    // ${x:-w}, ${x+w}, ${x:?w}: the word itself says what is to be done when x is not set
};
// In order, also those inside the words of modifiers; none from single quotes or behind an escape.
std::vector<Use> uses_in(std::string_view text, char escape);

// The word with its variables, unknown ones as nothing; nothing when a ${x:?word} refuses.
std::optional<std::string> expand_known(const Word& word, const Known& known, char escape);

// The part of `word` at an offset.
base::Position place_in(const Word& word, std::size_t offset);

const Flag* flag_named(const Instruction& instruction, std::string_view name);

class Findings {
 public:
  void add(std::string_view rule, const base::Position& position, std::string message, std::string hint = {});
  // "did you mean …" of a variable; not looked for when there are many findings already.
  std::string suggest(const std::string& name, const Known& known) const;
  std::vector<Finding> found;
};

// One instruction by itself.
void check_forms(const CheckedFile& file, Findings& findings);
// FROM: names of stages, the base image, the platform.
void check_stages(const CheckedFile& file, Findings& findings);
// The instructions of a stage in their order.
void check_steps(const CheckedFile& file, Findings& findings);

}  // namespace conductor::parser
