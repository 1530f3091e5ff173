// Words to statements: one function an instruction, and the table that names them.
#include "base/json.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "parser/characters.hpp"
#include "parser/conductorfile_rules.hpp"

#include <algorithm>
#include <array>

namespace conductor::parser {
namespace {

// --- commands -----------------------------------------------------------------------------------------------

Command command_from(const Reader& in, std::size_t first) {
  Command command{!in.list.json, {}, in.node.at(0)};
  const auto& words = in.list.words;
  if (first > 0 && first < words.size()) command.position = words[first].position;
  for (std::size_t i = first; i < words.size(); ++i) command.words.push_back(words[i].text);
  return command;
}

Statement read_run(Reader& in) {
  for (const auto& flag : in.node.flags) {
    if (flag.name != "mount" || !flag.value || flag.value->find('$') != std::string::npos) continue;
    try {
      parse_run_mount({*flag.value, flag.position}, [](const std::string&) { return std::nullopt; });
    } catch (const base::SourceError& problem) {
      for (const auto& wrong : problem.diagnostics()) in.error(wrong.position, wrong.message, wrong.hint);
    }
  }
  if (in.list.words.empty()) in.error(in.node.at(0), "RUN has nothing to run");
  return Run{command_from(in, 0), in.node.heredocs};
}

Statement read_cmd(Reader& in) { return Cmd{command_from(in, 0)}; }
Statement read_entrypoint(Reader& in) { return Entrypoint{command_from(in, 0)}; }

Statement read_shell(Reader& in) {
  Shell shell{command_from(in, 0).words};
  if (!in.list.json)
    in.error(in.node.at(0), "SHELL takes the JSON form only", "SHELL [\"program\", \"argument\"]");
  else if (shell.words.empty())
    in.error(in.node.at(0), "SHELL needs at least one word");
  return shell;
}

Statement read_healthcheck(Reader& in) {
  const Word& type = in.list.words.front();
  const std::string name = base::upper(type.text);
  Healthcheck check{name == "NONE", command_from(in, 1)};
  if (name != "NONE" && name != "CMD")
    in.error(type.position, "unknown kind of HEALTHCHECK: " + show(type.text), "CMD command, or NONE");
  else if (check.none && in.list.words.size() > 1)
    in.error(in.list.words[1].position, "HEALTHCHECK NONE takes no words");
  else if (!check.none && in.list.words.size() == 1)
    in.error(type.position, "HEALTHCHECK CMD has nothing to run");
  return check;
}

// --- stages and files ---------------------------------------------------------------------------------------

bool is_stage_name(std::string_view name) {
  const auto inner = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  };
  return !name.empty() && name.front() >= 'a' && name.front() <= 'z' && std::all_of(name.begin(), name.end(), inner);
}

Statement read_from(Reader& in) {
  const auto& words = in.list.words;
  From from{words.front(), {}, {}, {}};
  if (words.size() == 1) return from;
  if (words.size() != 3 || base::lower(words[1].text) != "as") {
    in.error(words[1].position, "FROM takes one image", "FROM image [AS name]");
    return from;
  }
  from.as = words[1].text;
  from.written_stage = words[2];
  from.stage = base::lower(words[2].text);
  if (!is_stage_name(from.stage))
    in.error(words[2].position, show(words[2].text) + " is no name of a stage",
             "a letter, then letters, digits, '-', '_' and '.'");
  return from;
}

// What a variable holds is known later.
bool names_directory(const Word& word, char escape) {
  if (word.text.find('$') != std::string::npos) return true;
  std::string path;
  try {
    path = expand(word, [](const std::string&) { return std::nullopt; }, escape);
  } catch (const base::Error&) {
    return true;  // reported with the other malformed words
  }
  return path.ends_with('/') || path == "." || path == ".." || path.ends_with("/.") || path.ends_with("/..");
}

void read_paths(Reader& in, std::string_view keyword, Copy& copy) {
  copy.heredocs = in.node.heredocs;
  auto& words = in.list.words;
  if (words.size() < 2)
    return in.error(in.node.at(0), std::string(keyword) + " needs a source and a destination",
                    std::string(keyword) + " source... destination");
  copy.destination = std::move(words.back());
  words.pop_back();
  copy.sources = std::move(words);
  if (!in.list.json && !copy.heredocs.empty()) {
    std::size_t next = 0;  // here-documents come in the order of their words
    for (auto& source : copy.sources)
      if (next < copy.heredocs.size() && in.node.at(in.node.heredoc_offsets[next]) == source.position)
        source.text = "<<" + copy.heredocs[next++].name;
    if (next < copy.heredocs.size())
      in.error(copy.destination.position, std::string(keyword) + " cannot copy to a here-document");
  }
  if (copy.sources.size() > 1 && !names_directory(copy.destination, in.escape))
    in.error(copy.destination.position, "several sources need a directory to be copied to",
             "end the destination with '/'");
}

Statement read_copy(Reader& in) {
  Copy copy;
  read_paths(in, "COPY", copy);
  return copy;
}

Statement read_add(Reader& in) {
  Add add;
  read_paths(in, "ADD", add);
  return add;
}

Statement read_volume(Reader& in) {
  Volume volume;
  for (const auto& word : in.list.words) {
    volume.paths.push_back({std::string(trim_spaces(word.text)), word.position});
    if (volume.paths.back().text.empty()) in.error(word.position, "a volume's path is empty");
  }
  if (volume.paths.empty()) in.error(in.node.at(0), "VOLUME needs at least one path");
  return volume;
}

// --- metadata -----------------------------------------------------------------------------------------------

bool is_old_form(const Reader& in) { return in.list.words.size() == 3 && in.list.words[2].text.empty(); }

std::vector<KeyValue> key_values(Reader& in) {
  std::vector<KeyValue> pairs;
  const auto& words = in.list.words;
  pairs.reserve(words.size() / 3);
  for (std::size_t i = 0; i + 1 < words.size(); i += 3) {
    if (words[i].text.empty()) in.error(words[i].position, "a name is missing before '='", "write NAME=value");
    pairs.push_back({words[i], words[i + 1]});
  }
  return pairs;
}

Statement read_env(Reader& in) { return Env{key_values(in), is_old_form(in)}; }
Statement read_label(Reader& in) { return Label{key_values(in), is_old_form(in)}; }
Statement read_workdir(Reader& in) { return Workdir{in.list.words.front()}; }  // blanks belong to the path
Statement read_stopsignal(Reader& in) { return Stopsignal{in.list.words.front()}; }
Statement read_maintainer(Reader& in) { return Maintainer{in.list.words.front()}; }

Statement read_user(Reader& in) {
  const auto words = read_words(in.node, WordForm::quoted, in.escape, in.diagnostics).words;
  if (words.size() > 1 && in.node.rest.find('$') == std::string::npos)
    in.error(words[1].position, "USER takes one word", "USER user[:group]");
  return User{in.list.words.front()};
}

Statement read_expose(Reader& in) {
  for (const auto& port : in.list.words) {
    if (port.text.find_first_of("$\"'") != std::string::npos || port.text.find(in.escape) != std::string::npos)
      continue;  // judged when it is expanded
    if (!parse_exposed(port.text))
      in.error(port.position, show(port.text) + " is no port",
               "1-65535, a range such as 8000-8010, with /tcp, /udp or /sctp");
  }
  return Expose{in.list.words};
}

Statement read_arg(Reader& in) {
  Arg arg;
  for (const auto& word : in.list.words) {
    const auto equals = word.text.find('=');
    if (equals == 0) {
      in.error(word.position, "a name is missing before '='", "ARG NAME[=default]");
      continue;
    }
    Arg::Declaration declaration{{word.text.substr(0, equals), word.position}, {}};
    if (equals != std::string::npos) {
      base::Position place = word.position;
      place.column += static_cast<int>(equals) + 1;
      declaration.value = Word{word.text.substr(equals + 1), place};
    }
    arg.declarations.push_back(std::move(declaration));
  }
  return arg;
}

// --- triggers -----------------------------------------------------------------------------------------------

// The logical line and the bodies of its here-documents, as they can be read again.
std::string trigger_text(const Node& node) {
  std::string text = node.rest;
  for (const auto& heredoc : node.heredocs) text += "\n" + heredoc.content + heredoc.name;
  return text;
}

Statement read_onbuild(Reader& in) {
  const Node inner = inner_node(in.node);
  Onbuild onbuild{trigger_text(in.node)};
  const std::string keyword = base::upper(inner.keyword);
  if (keyword == "ONBUILD" || keyword == "FROM" || keyword == "MAINTAINER" || keyword == "INCLUDE") {
    in.error(inner.position, keyword + " cannot be a trigger of ONBUILD");
    return onbuild;
  }
  if (const auto* rule = find_rule(inner, in.diagnostics)) read_instruction(inner, *rule, in.escape, in.diagnostics);
  return onbuild;
}

// --- the table ----------------------------------------------------------------------------------------------

// clang-format off
constexpr std::array instruction_rules{
    InstructionRule{"FROM",        WordForm::blanks,         from_flags,        read_from},
    InstructionRule{"RUN",         WordForm::list_or_rest,   run_flags,         read_run},
    InstructionRule{"COPY",        WordForm::list_or_blanks, copy_flags,        read_copy},
    InstructionRule{"ADD",         WordForm::list_or_blanks, add_flags,         read_add},
    InstructionRule{"ENV",         WordForm::pairs,          no_flags,          read_env},
    InstructionRule{"ARG",         WordForm::quoted,         no_flags,          read_arg},
    InstructionRule{"WORKDIR",     WordForm::rest,           no_flags,          read_workdir},
    InstructionRule{"CMD",         WordForm::list_or_rest,   no_flags,          read_cmd},
    InstructionRule{"ENTRYPOINT",  WordForm::list_or_rest,   no_flags,          read_entrypoint},
    InstructionRule{"USER",        WordForm::rest,           no_flags,          read_user},
    InstructionRule{"EXPOSE",      WordForm::blanks,         no_flags,          read_expose},
    InstructionRule{"LABEL",       WordForm::pairs,          no_flags,          read_label},
    InstructionRule{"VOLUME",      WordForm::list_or_blanks, no_flags,          read_volume},
    InstructionRule{"STOPSIGNAL",  WordForm::rest,           no_flags,          read_stopsignal},
    InstructionRule{"SHELL",       WordForm::list_or_rest,   no_flags,          read_shell},
    InstructionRule{"HEALTHCHECK", WordForm::health,         healthcheck_flags, read_healthcheck},
    InstructionRule{"ONBUILD",     WordForm::instruction,    no_flags,          read_onbuild},
    InstructionRule{"MAINTAINER",  WordForm::rest,           no_flags,          read_maintainer},
    InstructionRule{"INCLUDE",     WordForm::rest,           no_flags,          nullptr},
};
// clang-format on

// --- nodes to instructions ----------------------------------------------------------------------------------

std::string canonical_words(const Node& node, WordForm form, const WordList& list) {
  if (list.json) {
    base::Json::Array items;
    const std::size_t first = form == WordForm::health ? 1 : 0;
    for (std::size_t i = first; i < list.words.size(); ++i) items.emplace_back(list.words[i].text);
    return (first == 1 ? list.words.front().text + " " : "") + base::Json(std::move(items)).dump();
  }
  if (form == WordForm::rest || form == WordForm::list_or_rest || form == WordForm::instruction) return node.rest;
  std::string text;
  const bool pairs = form == WordForm::pairs;
  for (std::size_t i = 0; i < list.words.size(); i += pairs ? 3 : 1) {
    if (i > 0) text += ' ';
    text += list.words[i].text;
    if (pairs) text += (list.words[i + 2].text.empty() ? " " : "=") + list.words[i + 1].text;
  }
  return text;
}

std::string canonical_text(const Instruction& instruction, const Node& node, const std::string& words) {
  std::string text = instruction.keyword;
  for (const auto& flag : node.flag_words) text += " " + flag;
  text += " " + words;
  for (const auto& heredoc : node.heredocs)
    text += "\n<<" + std::string(heredoc.expand ? "" : "'") + heredoc.name + "\n" + heredoc.content;
  return text;
}

}  // namespace

std::optional<ExposedPorts> parse_exposed(std::string_view text) {
  const auto slash = text.find('/');
  ExposedPorts exposed{0, 0, slash == std::string_view::npos ? "tcp" : base::lower(text.substr(slash + 1))};
  std::string_view ports = text.substr(0, slash);
  ports.remove_prefix(ports.rfind(':') + 1);  // npos + 1 is 0
  const auto dash = ports.find('-');
  const auto first = base::parse_number(ports.substr(0, dash), 65535);
  const auto last = dash == std::string_view::npos ? first : base::parse_number(ports.substr(dash + 1), 65535);
  const bool known = exposed.protocol == "tcp" || exposed.protocol == "udp" || exposed.protocol == "sctp";
  if (!known || !first || !last || *first < 1 || *last < *first) return std::nullopt;
  exposed.first = static_cast<int>(*first);
  exposed.last = static_cast<int>(*last);
  return exposed;
}

const InstructionRule* find_rule(const Node& node, Diagnostics& diagnostics) {
  const std::string keyword = base::upper(node.keyword);
  const auto rule = std::find_if(instruction_rules.begin(), instruction_rules.end(),
                                 [&](const InstructionRule& known) { return known.keyword == keyword; });
  if (rule != instruction_rules.end()) return &*rule;
  std::string hint;
  if (!diagnostics.full()) {
    std::vector<std::string> names;
    for (const auto& known : instruction_rules) names.emplace_back(known.keyword);
    hint = suggestion(keyword, names);
  }
  diagnostics.error(node.position, "unknown instruction " + show(node.keyword), std::move(hint));
  return nullptr;
}

std::optional<Instruction> read_instruction(const Node& node, const InstructionRule& rule, char escape,
                                            Diagnostics& diagnostics) {
  const std::string keyword(rule.keyword);
  check_flags(node, keyword, rule.flags, diagnostics);
  if (node.open_quote) {
    diagnostics.error(*node.open_quote, "quote in a flag is not closed");
    return std::nullopt;
  }
  Reader reader{node, read_words(node, rule.form, escape, diagnostics), escape, diagnostics};
  if (reader.list.wrong) return std::nullopt;
  if (reader.list.words.empty() && !reader.list.json) {
    diagnostics.error(node.position, keyword + " needs at least one word");
    return std::nullopt;
  }
  const std::string words = canonical_words(node, rule.form, reader.list);
  Instruction instruction{rule.read(reader), node.flags, keyword, node.keyword, node.comments, {}, node.position};
  check_words(instruction.statement, escape, diagnostics);
  instruction.text = canonical_text(instruction, node, words);
  return instruction;
}

}  // namespace conductor::parser
