// Build checks of one instruction by itself: how it is written, and what it names.
#include "base/text.hpp"
#include "parser/checks_rules.hpp"
#include "parser/diagnostics.hpp"

#include <algorithm>
#include <array>
#include <map>

namespace conductor::parser {
namespace {

bool all_lower(std::string_view text) { return base::lower(text) == text; }
bool all_upper(std::string_view text) { return base::upper(text) == text; }

// The case of the majority; upper case when there are as many of both.
bool mostly_lower(const Conductorfile& parsed) {
  std::ptrdiff_t balance = 0;
  for (const auto& instruction : parsed.instructions) {
    if (all_lower(instruction.written_keyword))
      ++balance;
    else if (all_upper(instruction.written_keyword))
      --balance;
  }
  return balance > 0;
}

void check_casing(const Conductorfile& parsed, Findings& findings) {
  const bool lower = mostly_lower(parsed);
  for (const auto& instruction : parsed.instructions) {
    const auto& keyword = instruction.written_keyword;
    if (lower ? all_lower(keyword) : all_upper(keyword)) continue;
    findings.add("ConsistentInstructionCasing", instruction.position,
                 show(keyword) + " is not written like the other instructions",
                 "write " + (lower ? base::lower(keyword) : base::upper(keyword)));
  }
}

// --- names and values -------------------------------------------------------------------------------------------

// Whether a word of NAME_LIKE_THIS is one of `words`.
template <class Words>
bool has_word(std::string_view name, const Words& words) {
  const auto pieces = base::split(base::lower(name), '_');
  return std::any_of(pieces.begin(), pieces.end(), [&](const std::string& piece) {
    return std::find(words.begin(), words.end(), piece) != words.end();
  });
}

bool sounds_secret(std::string_view name) {
  static constexpr std::array<std::string_view, 10> secret{"apikey",   "auth",  "credential", "credentials", "key",
                                                           "password", "pword", "passwd",     "secret",      "token"};
  static constexpr std::array<std::string_view, 3> harmless{"public", "file", "version"};
  return has_word(name, secret) && !has_word(name, harmless);
}

void check_secret(const Word& name, std::string_view keyword, Findings& findings) {
  if (sounds_secret(name.text))
    findings.add("SecretsUsedInArgOrEnv", name.position,
                 std::string(keyword) + " " + show(name.text) + " stays in the image's history for all to read",
                 "use RUN --mount=type=secret");
}

void check_old_form(const std::vector<KeyValue>& pairs, const Instruction& instruction, Findings& findings) {
  if (pairs.empty()) return;
  const auto& key = pairs.front().key;
  findings.add("LegacyKeyValueFormat", key.position, instruction.keyword + " joins name and value by a blank",
               "write " + instruction.keyword + " " + base::escape_control(key.text) + "=value");
}

// The last instruction that uses each variable, or declares it again.
std::map<std::string, const Instruction*> last_uses(const Conductorfile& parsed) {
  std::map<std::string, const Instruction*> last;
  for (const auto& instruction : parsed.instructions) {
    const auto* arg = std::get_if<Arg>(&instruction.statement);
    if (arg == nullptr)
      for (const auto& name : variables_in(instruction.text, parsed.escape)) last[name] = &instruction;
    else
      for (const auto& [name, value] : arg->declarations) last[name.text] = &instruction;
  }
  return last;
}

// `ARG name value` declares two arguments. That is not meant when nothing after it ever asks for the second.
void check_bare_args(const CheckedFile& file, Findings& findings) {
  std::map<std::string, const Instruction*> last;
  for (const auto& instruction : file.parsed.instructions) {
    const auto* arg = std::get_if<Arg>(&instruction.statement);
    if (arg == nullptr || arg->declarations.size() != 2) continue;
    const auto &first = arg->declarations[0], &second = arg->declarations[1];
    const std::string& name = second.name.text;
    if (first.value || second.value || file.options.arguments.contains(name) || file.defaults.contains(name) ||
        base::lower(name).ends_with("_proxy"))
      continue;
    if (last.empty()) last = last_uses(file.parsed);
    if (last[name] > &instruction) continue;  // instructions lie in one array, in their order
    findings.add("LegacyKeyValueFormat", second.name.position,
                 "ARG declares " + show(name) + " as a second argument, and nothing uses it",
                 "write ARG " + base::escape_control(first.name.text) + "=" + base::escape_control(name));
  }
}

// --- EXPOSE -----------------------------------------------------------------------------------------------------

void check_expose(const Expose& expose, Findings& findings) {
  for (const auto& port : expose.ports) {
    const auto slash = port.text.find('/');
    const auto protocol =
        slash == std::string::npos ? std::string_view{} : std::string_view(port.text).substr(slash + 1);
    if (protocol.find('$') == std::string_view::npos && !all_lower(protocol))
      findings.add("ExposeProtoCasing", place_in(port, slash + 1),
                   "the protocol of " + show(port.text) + " is not lower case",
                   "write " + base::escape_control(base::lower(protocol)));
    // A ':' inside ${…} belongs to a modifier.
    if (port.text.find(':') != std::string::npos && port.text.find("${") == std::string::npos)
      findings.add("ExposeInvalidFormat", port.position,
                   "EXPOSE names ports of the container alone, not " + show(port.text),
                   "addresses and ports of the host are given when a container is started");
  }
}

// --- descriptions -----------------------------------------------------------------------------------------------

bool follows_directive(const Instruction& instruction, const Conductorfile& parsed) {
  return std::any_of(parsed.directives.begin(), parsed.directives.end(), [&](const Directive& directive) {
    return directive.position.file == instruction.position.file &&
           directive.position.line + 1 == instruction.position.line;
  });
}

void check_description(const Instruction& instruction, const std::vector<std::string>& names,
                       const Conductorfile& parsed, Findings& findings) {
  if (instruction.comments.empty() || names.empty() || follows_directive(instruction, parsed)) return;
  const auto& comment = instruction.comments.back();
  const std::string first = base::lower(comment.substr(0, comment.find_first_of(" \t")));
  if (std::any_of(names.begin(), names.end(), [&](const auto& name) { return base::lower(name) == first; })) return;
  findings.add(
      "InvalidDefinitionDescription", instruction.position,
      "the comment above does not begin with " + (names.size() == 1 ? show(names.front()) : "one of the names"),
      "describe it as # NAME text, or leave an empty line between");
}

struct FormCheck {
  const Conductorfile& parsed;
  const Instruction& instruction;
  Findings& findings;

  void operator()(const From& from) const {
    if (!from.stage.empty()) check_description(instruction, {from.stage}, parsed, findings);
  }
  void operator()(const Arg& arg) const {
    std::vector<std::string> names;
    for (const auto& [name, value] : arg.declarations) {
      names.push_back(name.text);
      check_secret(name, "ARG", findings);
    }
    check_description(instruction, names, parsed, findings);
  }
  void operator()(const Env& env) const {
    for (const auto& [key, value] : env.variables) check_secret(key, "ENV", findings);
    if (env.old_form) check_old_form(env.variables, instruction, findings);
  }
  void operator()(const Label& label) const {
    if (label.old_form) check_old_form(label.labels, instruction, findings);
  }
  void operator()(const Expose& expose) const { check_expose(expose, findings); }
  void operator()(const Maintainer& maintainer) const {
    findings.add("MaintainerDeprecated", instruction.position, "MAINTAINER is out of use",
                 "write LABEL org.opencontainers.image.authors=\"" + base::escape_control(maintainer.name.text) + "\"");
  }
  template <class Other>
  void operator()(const Other&) const {}
};

}  // namespace

void check_forms(const CheckedFile& file, Findings& findings) {
  for (const auto& place : file.parsed.empty_continuations)
    findings.add("NoEmptyContinuation", place, "an empty line stands within an instruction",
                 "take it away, or end the line before it without the escape");
  check_casing(file.parsed, findings);
  check_bare_args(file, findings);
  for (const auto& instruction : file.parsed.instructions)
    std::visit(FormCheck{file.parsed, instruction, findings}, instruction.statement);
}

}  // namespace conductor::parser
