#include "parser/conductorfile.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "parser/conductorfile_flags.hpp"
#include "parser/conductorfile_lines.hpp"
#include "parser/conductorfile_words.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>

namespace conductor::parser {
namespace {

struct Reader {
  const Node& node;
  char escape;
  Diagnostics& diagnostics;
  std::string canonical;  // of the words; set by those whose words are not simply the rest of the line

  void error(std::size_t offset, std::string message, std::string hint = {}) {
    diagnostics.error(node.rest.empty() ? node.position : node.at(offset), std::move(message), std::move(hint));
  }
};

// --- words --------------------------------------------------------------------------------------------------

Word word_at(const Reader& in, const Span& span) {
  return {in.node.rest.substr(span.offset, span.size), in.node.at(span.offset)};
}

std::vector<Word> words_of(const Reader& in, const std::vector<Span>& spans) {
  std::vector<Word> words;
  words.reserve(spans.size());
  for (const auto& span : spans) words.push_back(word_at(in, span));
  return words;
}

std::vector<Word> blank_separated(const Reader& in) { return words_of(in, split_at_blanks(in.node.rest)); }
std::vector<Word> quote_separated(const Reader& in) { return words_of(in, split_words_kept(in.node.rest, in.escape)); }

std::string joined(const std::vector<Word>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word.text;
  return text;
}

// The rest as JSON form: nothing when it is none. As the reference says, what begins like JSON form and is none is
// shell form (or blank-separated words): `RUN [ -f /x ] && y` is a shell's test. A list of anything but strings is a
// mistake.
std::optional<std::vector<std::string>> json_form(Reader& in) {
  if (in.node.rest.empty() || in.node.rest.front() != '[') return std::nullopt;
  base::Json json;
  try {
    json = base::Json::parse(in.node.rest);
  } catch (const base::Error&) {
    return std::nullopt;
  }
  if (json.array_items() == nullptr) return std::nullopt;
  in.canonical = json.dump();
  std::vector<std::string> words;
  for (const auto& item : *json.array_items()) {
    if (item.string() == nullptr) {
      in.error(0, "the JSON form takes strings only", "write every word in double quotes");
      return std::vector<std::string>{"?"};
    }
    words.push_back(*item.string());
  }
  return words;
}

Command command(Reader& in) {
  auto words = json_form(in);
  if (words) return {false, std::move(*words), in.node.at(0)};
  return {true, {in.node.rest}, in.node.at(0)};
}

std::vector<KeyValue> key_values(Reader& in) {
  const auto words = quote_separated(in);
  if (words.empty()) return {};
  if (words.front().text.find('=') ==
      std::string::npos) {  // the old form: one name, then its value to the end of the line
    const std::size_t value = in.node.rest.find_first_not_of(" \t", words.front().text.size());
    if (value == std::string::npos) {
      in.error(0, in.node.keyword + " " + show(words.front().text) + " has no value", "write NAME=value");
      return {};
    }
    return {{words.front(), {in.node.rest.substr(value), in.node.at(value)}}};
  }
  std::vector<KeyValue> pairs;
  for (const auto& word : words) {
    const auto equals = word.text.find('=');
    if (equals == std::string::npos || equals == 0) {
      in.diagnostics.error(word.position,
                           equals == 0 ? "a name is missing before '='" : show(word.text) + " has no '='",
                           "write NAME=value");
      continue;
    }
    base::Position place = word.position;
    place.column += static_cast<int>(equals) + 1;
    pairs.push_back({{word.text.substr(0, equals), word.position}, {word.text.substr(equals + 1), place}});
  }
  in.canonical = joined(words);
  return pairs;
}

// --- instructions -------------------------------------------------------------------------------------------

bool is_stage_name(std::string_view name) {
  const auto inner = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  };
  return !name.empty() && name.front() >= 'a' && name.front() <= 'z' && std::all_of(name.begin(), name.end(), inner);
}

Statement parse_from(Reader& in) {
  const auto words = blank_separated(in);
  in.canonical = joined(words);
  From from{words.front(), {}, {}, {}};
  if (words.size() == 1) return from;
  if (words.size() != 3 || base::lower(words[1].text) != "as") {
    in.diagnostics.error(words[1].position, "FROM takes one image", "FROM image [AS name]");
    return from;
  }
  from.stage = base::lower(words[2].text);
  if (!is_stage_name(from.stage))
    in.diagnostics.error(words[2].position, show(words[2].text) + " is no name of a stage",
                         "a letter, then letters, digits, '-', '_' and '.'");
  return from;
}

Statement parse_run(Reader& in) {
  Run run{command(in), in.node.heredocs};
  if (run.command.words.empty()) in.error(0, "RUN has nothing to run");
  return run;
}

// `<<NAME` for the source a here-document stands for, however its name was quoted.
void name_heredocs(Copy& copy) {
  std::size_t next = 0;
  for (auto& source : copy.sources)
    if (next < copy.heredocs.size() && source.text.starts_with("<<")) source.text = "<<" + copy.heredocs[next++].name;
}

bool names_directory(std::string_view path) {
  return path.ends_with('/') || path == "." || path == ".." || path.ends_with("/.") || path.ends_with("/..") ||
         path.find('$') != std::string_view::npos;  // what a variable holds is known later
}

Statement parse_copy(Reader& in) {
  std::vector<Word> words;
  if (const auto json = json_form(in)) {
    for (const auto& word : *json) words.push_back({word, in.node.at(0)});
  } else {
    words = blank_separated(in);
    in.canonical = joined(words);
  }
  Copy copy;
  copy.heredocs = in.node.heredocs;
  if (words.size() < 2) {
    in.error(0, "COPY needs a source and a destination", "COPY source... destination");
    return copy;
  }
  copy.destination = std::move(words.back());
  words.pop_back();
  copy.sources = std::move(words);
  name_heredocs(copy);
  if (copy.sources.size() > 1 && !names_directory(copy.destination.text))
    in.diagnostics.error(copy.destination.position, "several sources need a directory to be copied to",
                         "end the destination with '/'");
  return copy;
}

Statement parse_env(Reader& in) { return Env{key_values(in)}; }
Statement parse_label(Reader& in) { return Label{key_values(in)}; }
Statement parse_cmd(Reader& in) { return Cmd{command(in)}; }
Statement parse_entrypoint(Reader& in) { return Entrypoint{command(in)}; }
Statement parse_workdir(Reader& in) { return Workdir{{in.node.rest, in.node.at(0)}}; }  // blanks belong to the path

Statement parse_user(Reader& in) {
  const auto words = quote_separated(in);
  if (words.size() > 1) in.diagnostics.error(words[1].position, "USER takes one word", "USER user[:group]");
  return User{{in.node.rest, in.node.at(0)}};
}

// port, port/protocol, first-last, first-last/protocol; with a variable in it, it is judged when its value is known.
bool is_exposed_port(std::string_view text) {
  if (text.find('$') != std::string_view::npos) return true;
  const auto slash = text.find('/');
  const std::string protocol = slash == std::string_view::npos ? "tcp" : base::lower(text.substr(slash + 1));
  const auto ports = base::split(text.substr(0, slash), '-');
  std::int64_t last = 1;
  for (const auto& port : ports) {
    const auto number = base::parse_number(port, 65535);
    if (!number || *number < last) return false;
    last = *number;
  }
  return ports.size() <= 2 && (protocol == "tcp" || protocol == "udp");
}

Statement parse_expose(Reader& in) {
  Expose expose{blank_separated(in)};
  for (const auto& port : expose.ports)
    if (!is_exposed_port(port.text))
      in.diagnostics.error(port.position, show(port.text) + " is no port",
                           "1-65535, a range such as 8000-8010, with /tcp or /udp");
  in.canonical = joined(expose.ports);
  return expose;
}

Statement parse_arg(Reader& in) {
  const auto words = quote_separated(in);
  Arg arg;
  for (const auto& word : words) {
    const auto equals = word.text.find('=');
    if (equals == 0) {
      in.diagnostics.error(word.position, "a name is missing before '='", "ARG NAME[=default]");
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
  in.canonical = joined(words);
  return arg;
}

// --- THE table of instructions: keyword, what reads its words, its flags ------------------------------------

struct InstructionRule {
  std::string_view keyword;
  Statement (*parse)(Reader&);  // called with at least one word; nullptr: of the language, not supported yet
  std::span<const FlagRule> flags;
};

// clang-format off
constexpr std::array instruction_rules{
    InstructionRule{"FROM",        parse_from,       from_flags},
    InstructionRule{"RUN",         parse_run,        run_flags},
    InstructionRule{"COPY",        parse_copy,       copy_flags},
    InstructionRule{"ENV",         parse_env,        no_flags},
    InstructionRule{"ARG",         parse_arg,        no_flags},
    InstructionRule{"WORKDIR",     parse_workdir,    no_flags},
    InstructionRule{"CMD",         parse_cmd,        no_flags},
    InstructionRule{"ENTRYPOINT",  parse_entrypoint, no_flags},
    InstructionRule{"USER",        parse_user,       no_flags},
    InstructionRule{"EXPOSE",      parse_expose,     no_flags},
    InstructionRule{"LABEL",       parse_label,      no_flags},
    InstructionRule{"ADD",         nullptr,          no_flags},
    InstructionRule{"VOLUME",      nullptr,          no_flags},
    InstructionRule{"STOPSIGNAL",  nullptr,          no_flags},
    InstructionRule{"SHELL",       nullptr,          no_flags},
    InstructionRule{"HEALTHCHECK", nullptr,          no_flags},
    InstructionRule{"ONBUILD",     nullptr,          no_flags},
    InstructionRule{"MAINTAINER",  nullptr,          no_flags},
};
// clang-format on

template <class Rules, class Name>
auto find_rule(const Rules& rules, Name name) {
  return std::find_if(rules.begin(), rules.end(), name);
}

// --- nodes to instructions ----------------------------------------------------------------------------------

std::string canonical_text(const Instruction& instruction, const Node& node, const std::string& words) {
  std::string text = instruction.keyword;
  for (const auto& flag : instruction.flags) text += " --" + flag.name + (flag.value ? "=" + *flag.value : "");
  text += " " + (words.empty() ? node.rest : words);
  for (const auto& heredoc : node.heredocs)
    text += "\n<<" + std::string(heredoc.expand ? "" : "'") + heredoc.name + "\n" + heredoc.content;
  return text;
}

std::optional<Instruction> parse_node(const Node& node, char escape, Diagnostics& diagnostics) {
  const std::string keyword = base::upper(node.keyword);
  const auto rule =
      find_rule(instruction_rules, [&](const InstructionRule& known) { return known.keyword == keyword; });
  if (rule == instruction_rules.end()) {
    std::vector<std::string> names;
    names.reserve(instruction_rules.size());
    for (const auto& known : instruction_rules) names.emplace_back(known.keyword);
    diagnostics.error(node.position, "unknown instruction " + show(node.keyword), suggestion(node.keyword, names));
    return std::nullopt;
  }
  if (rule->parse == nullptr) {
    diagnostics.error(node.position, keyword + " is not supported yet");
    return std::nullopt;
  }
  check_flags(node, keyword, rule->flags, diagnostics);
  if (node.rest.empty()) {
    diagnostics.error(node.position, keyword + " needs at least one word");
    return std::nullopt;
  }
  Reader reader{node, escape, diagnostics, {}};
  Instruction instruction{rule->parse(reader), node.flags, keyword, node.keyword, {}, {}, node.position};
  check_words(instruction.statement, escape, diagnostics);
  instruction.text = canonical_text(instruction, node, reader.canonical);
  return instruction;
}

// What stands where: nothing but ARG before the first FROM. Unknown keywords have been reported already.
void check_order(const Lines& lines, const std::string& file, Diagnostics& diagnostics) {
  const auto is = [](const Node& node, std::string_view keyword) { return base::upper(node.keyword) == keyword; };
  const auto first_from = find_rule(lines.nodes, [&](const Node& node) { return is(node, "FROM"); });
  if (lines.nodes.empty())
    return diagnostics.error({file, 0, 0}, "the file has no instructions", "expected FROM image");
  if (first_from == lines.nodes.end())
    return diagnostics.error(lines.nodes.front().position, "the file has no FROM", "begin with FROM image");
  const auto stray = std::find_if(lines.nodes.begin(), first_from, [&](const Node& node) { return !is(node, "ARG"); });
  if (stray != first_from)
    diagnostics.error(stray->position, base::upper(show(stray->keyword)) + " stands before the first FROM",
                      "the first instruction is FROM; only ARG may precede it");
}

}  // namespace

Conductorfile parse_conductorfile(std::string_view text, const std::string& file, const ParseOptions&) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  Diagnostics diagnostics(text);
  const Lines lines = parse_lines(text, file, diagnostics);
  if (!lines.nodes.empty() || diagnostics.clean()) check_order(lines, file, diagnostics);
  Conductorfile result;
  result.escape = lines.escape;
  for (const auto& node : lines.nodes) {
    if (diagnostics.full()) break;
    if (auto instruction = parse_node(node, lines.escape, diagnostics))
      result.instructions.push_back(std::move(*instruction));
  }
  diagnostics.finish();
  return result;
}

}  // namespace conductor::parser
