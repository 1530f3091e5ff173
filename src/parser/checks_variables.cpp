// The file as the build checks see it: stages, and what is known of variables.
#include "base/text.hpp"
#include "parser/checks_rules.hpp"

#include <array>

namespace conductor::parser {
namespace {

constexpr std::array platform_names{"BUILDPLATFORM", "BUILDOS",    "BUILDARCH",     "BUILDVARIANT", "TARGETPLATFORM",
                                    "TARGETOS",      "TARGETARCH", "TARGETVARIANT", "TARGETSTAGE"};

bool begins_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool continues_name(char c) { return begins_name(c) || (c >= '0' && c <= '9'); }

// At the '$' of `text`: the variable named there. Moves `at` behind the name.
std::optional<Use> use_at(std::string_view text, std::size_t& at) {
  Use use{{}, at, false};
  const bool braces = at + 1 < text.size() && text[at + 1] == '{';
  at += braces ? 2 : 1;
  const std::size_t begin = at;
  if (at >= text.size() || !begins_name(text[at])) return std::nullopt;
  while (at < text.size() && continues_name(text[at])) ++at;
  use.name = std::string(text.substr(begin, at - begin));
  const auto modifier = braces ? text.substr(at, 2) : std::string_view{};
  const std::string_view tests = modifier.starts_with(':') ? modifier.substr(1) : modifier.substr(0, 1);
  use.guarded = !tests.empty() && std::string_view("-+?").find(tests.front()) != std::string_view::npos;
  return use;
}

// Global ones; a name without a value keeps what the platform says.
void declare(CheckedFile& file, const Arg& arg) {
  for (const auto& [name, value] : arg.declarations) {
    const auto argument = file.options.arguments.find(name.text);
    const auto write = [&](Known& known) {
      if (value)
        known[name.text] = expand_known(*value, known, file.parsed.escape);
      else
        known.try_emplace(name.text);
    };
    write(file.defaults);
    if (argument != file.options.arguments.end())
      file.given[name.text] = argument->second;
    else
      write(file.given);
  }
}

}  // namespace

std::vector<Use> uses_in(std::string_view text, char escape) {
  std::vector<Use> uses;
  bool literal = false, quoted = false;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (literal || (c == '\'' && !quoted)) {
      if (c == '\'') literal = !literal;
      ++at;
    } else if (c == escape) {
      at += 2;
    } else if (c == '$') {
      if (auto use = use_at(text, at)) uses.push_back(std::move(*use));
    } else {
      if (c == '"') quoted = !quoted;
      ++at;
    }
  }
  return uses;
}

std::optional<std::string> expand_known(const Word& word, const Known& known, char escape) {
  const auto lookup = [&](const std::string& name) {
    const auto found = known.find(name);
    return found == known.end() ? std::nullopt : found->second;
  };
  try {
    return expand(word, lookup, escape);
  } catch (const base::Error&) {
    return std::nullopt;
  }
}

base::Position place_in(const Word& word, std::size_t offset) {
  base::Position place = word.position;
  if (place.column > 0) place.column += static_cast<int>(offset);
  return place;
}

const Flag* flag_named(const Instruction& instruction, std::string_view name) {
  for (const auto& flag : instruction.flags)
    if (flag.name == name) return &flag;
  return nullptr;
}

CheckedFile divide(const Conductorfile& parsed, const CheckOptions& options) {
  CheckedFile file{parsed, options, {}, {}, {}, {}};
  for (const std::string name : platform_names) file.defaults[name] = "any";
  for (const auto& [name, value] : options.platform) file.defaults[name] = value;
  file.given = file.defaults;
  std::map<std::string, std::size_t> named;  // the last of each name, as a later stage hides an earlier one
  for (const auto& instruction : parsed.instructions) {
    if (const auto* from = std::get_if<From>(&instruction.statement)) {
      const auto image = expand_known(from->image, file.given, parsed.escape);
      const auto base = named.find(base::lower(image.value_or("")));
      file.stages.push_back({&instruction, from, {}, {}});
      if (base != named.end()) file.stages.back().base = base->second;
      if (!from->stage.empty()) named[from->stage] = file.stages.size() - 1;
    } else if (!file.stages.empty()) {
      file.stages.back().body.push_back(&instruction);
    } else if (std::holds_alternative<Arg>(instruction.statement)) {
      file.globals.push_back(&instruction);
      declare(file, std::get<Arg>(instruction.statement));
    }
  }
  return file;
}

}  // namespace conductor::parser
