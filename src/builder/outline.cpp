#include "builder/outline.hpp"

#include "base/json.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <map>

namespace conductor::builder {
namespace {

std::string last_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// Follows the needed stages, each after those it stands on, with the values their instructions see.
class OutlineReader {
 public:
  OutlineReader(const parser::Conductorfile& parsed, const StageGraph& graph, const Variables& given)
      : parsed_(parsed), graph_(graph), given_(given) {}

  Outline read() {
    find_globals();
    const Stage& target = graph_.stages[graph_.target];
    outline_.target = target.title();
    outline_.description = description_of(*target.instructions.front(), target.name);
    for (const std::size_t number : graph_.order) read_stage(graph_.stages[number]);
    return std::move(outline_);
  }

 private:
  struct State {
    Scope scope;
    std::vector<std::string> environment;
  };

  void find_globals() {
    for (const auto& instruction : parsed_.instructions) {
      if (std::holds_alternative<parser::From>(instruction.statement)) return;
      if (const auto* arg = std::get_if<parser::Arg>(&instruction.statement))
        for (const auto& [name, value] : arg->declarations) globals_.try_emplace(name.text, &instruction);
    }
  }

  void read_stage(const Stage& stage) {
    State state{Scope(given_, graph_.globals), {}};
    if (stage.base_stage) state = states_[*stage.base_stage];
    for (const auto* instruction : stage.instructions) {
      if (const auto* from = std::get_if<parser::From>(&instruction->statement)) read_from(*from, *instruction);
      if (const auto* arg = std::get_if<parser::Arg>(&instruction->statement)) read_arg(*arg, *instruction, state);
      if (const auto* env = std::get_if<parser::Env>(&instruction->statement)) read_env(*env, state);
      for (const auto& flag : instruction->flags)
        if (flag.name == "mount" && flag.value) read_mount({*flag.value, flag.position}, state);
    }
    states_[stage.number] = std::move(state);
  }

  // The global ARGs that choose the base image.
  void read_from(const parser::From& from, const parser::Instruction& instruction) {
    std::string text = from.image.text;
    for (const auto& flag : instruction.flags) text += " " + flag.value.value_or("");
    for (const auto& name : parser::variables_in(text, parsed_.escape))
      if (const auto global = globals_.find(name); global != globals_.end()) {
        const auto value = graph_.globals.find(name);
        add(name, value == graph_.globals.end() ? std::nullopt : std::optional(value->second),
            description_of(*global->second, name));
      }
  }

  void read_arg(const parser::Arg& arg, const parser::Instruction& instruction, State& state) {
    for (const auto& [name, value] : arg.declarations) {
      state.scope.declare(name.text, value ? std::optional(expand(*value, state)) : std::nullopt);
      std::string description = description_of(instruction, name.text);
      const auto global = globals_.find(name.text);
      if (description.empty() && global != globals_.end()) description = description_of(*global->second, name.text);
      const auto& values = state.scope.values();
      const auto known = values.find(name.text);
      add(name.text, known == values.end() ? std::nullopt : std::optional(known->second), std::move(description));
    }
  }

  void read_env(const parser::Env& env, State& state) {
    auto environment = state.environment;
    for (const auto& [key, value] : env.variables) set_variable(environment, expand(key, state), expand(value, state));
    state.environment = std::move(environment);
  }

  void read_mount(const parser::Word& word, const State& state) {
    const auto mount = parser::parse_run_mount(word, lookup(state), parsed_.escape);
    if (mount.type == parser::MountType::secret)
      add(outline_.secrets, mount.id.empty() ? last_name(mount.target) : mount.id, mount.required);
    if (mount.type == parser::MountType::ssh)
      add(outline_.ssh, mount.id.empty() ? "default" : mount.id, mount.required);
  }

  parser::Lookup lookup(const State& state) const {
    return [&state](const std::string& name) { return state.scope.lookup(name, state.environment); };
  }
  std::string expand(const parser::Word& word, const State& state) const {
    return parser::expand(word, lookup(state), parsed_.escape);
  }

  void add(const std::string& name, std::optional<std::string> value, std::string description) {
    auto& list = outline_.arguments;
    const auto there = std::find_if(list.begin(), list.end(), [&](const auto& known) { return known.name == name; });
    if (there == list.end()) return list.push_back({name, std::move(value), std::move(description)});
    if (!there->value) there->value = std::move(value);
    if (there->description.empty()) there->description = std::move(description);
  }
  static void add(std::vector<OutlineNeed>& list, const std::string& id, bool required) {
    const auto there = std::find_if(list.begin(), list.end(), [&](const auto& known) { return known.id == id; });
    if (there == list.end()) return list.push_back({id, required});
    there->required = there->required || required;
  }

  const parser::Conductorfile& parsed_;
  const StageGraph& graph_;
  const Variables& given_;
  std::map<std::string, const parser::Instruction*> globals_;  // where each is declared first
  std::map<std::size_t, State> states_;                        // at the end of each stage
  Outline outline_;
};

// --- text and JSON ----------------------------------------------------------------------------------------------

std::string text_of(const std::vector<OutlineNeed>& needs, const std::string& title) {
  std::vector<std::vector<std::string>> rows{{title, "REQUIRED"}};
  for (const auto& need : needs) rows.push_back({need.id, need.required ? "true" : ""});
  return needs.empty() ? "" : "\n" + columns(rows);
}

std::string text_of(const Outline& outline) {
  std::string text = "TARGET:      " + base::escape_control(outline.target) + "\n";
  if (!outline.description.empty()) text += "DESCRIPTION: " + base::escape_control(outline.description) + "\n";
  std::vector<std::vector<std::string>> rows{{"BUILD ARG", "VALUE", "DESCRIPTION"}};
  for (const auto& argument : outline.arguments)
    rows.push_back({argument.name, argument.value.value_or(""), argument.description});
  if (!outline.arguments.empty()) text += "\n" + columns(rows);
  return text + text_of(outline.secrets, "SECRET") + text_of(outline.ssh, "SSH");
}

base::Json json_of(const std::vector<OutlineNeed>& needs) {
  auto list = base::Json::array();
  for (const auto& need : needs) list.add(base::Json::object().set("name", need.id).set("required", need.required));
  return list;
}

base::Json json_of(const Outline& outline) {
  auto arguments = base::Json::array();
  for (const auto& argument : outline.arguments) {
    auto row = base::Json::object().set("name", argument.name);
    if (argument.value) row.set("value", *argument.value);
    if (!argument.description.empty()) row.set("description", argument.description);
    arguments.add(std::move(row));
  }
  return base::Json::object()
      .set("name", outline.target)
      .set("description", outline.description)
      .set("args", std::move(arguments))
      .set("secrets", json_of(outline.secrets))
      .set("ssh", json_of(outline.ssh));
}

}  // namespace

std::string description_of(const parser::Instruction& instruction, const std::string& name) {
  if (name.empty()) return {};
  for (const auto& comment : instruction.comments) {
    const auto end = comment.find_first_of(" \t");
    if (end != std::string::npos && base::lower(comment.substr(0, end)) == base::lower(name))
      return std::string(base::trim(comment.substr(end)));
  }
  return {};
}

std::string columns(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i == widths.size()) widths.push_back(0);
      widths[i] = std::max(widths[i], base::escape_control(row[i]).size());
    }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string cell = base::escape_control(row[i]);
      line += cell + std::string(widths[i] - cell.size() + 2, ' ');
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

Outline outline_of(const parser::Conductorfile& parsed, const StageGraph& graph, const Variables& given) {
  return OutlineReader(parsed, graph, given).read();
}

std::string outline(const BuildOptions& options, bool json) {
  const auto project = read_project(options);
  const Outline outline = outline_of(project->parsed, project->graph, options.args);
  return json ? json_of(outline).dump(2) + "\n" : text_of(outline);
}

}  // namespace conductor::builder
