#include "builder/stages.hpp"

#include "base/text.hpp"
#include "base/units.hpp"

#include <algorithm>
#include <set>

namespace conductor::builder {
namespace {

const parser::Flag* find_flag(const parser::Instruction& instruction, std::string_view name) {
  for (const auto& flag : instruction.flags)
    if (flag.name == name) return &flag;
  return nullptr;
}

// The last of that name before `limit`: a later stage of the same name hides the earlier one.
std::optional<std::size_t> stage_named(const std::vector<Stage>& stages, const std::string& name, std::size_t limit) {
  const std::string wanted = base::lower(name);
  for (std::size_t i = std::min(limit, stages.size()); i-- > 0;)
    if (!wanted.empty() && stages[i].name == wanted) return i;
  return std::nullopt;
}

std::optional<std::size_t> stage_numbered(const std::string& text, std::size_t limit) {
  const auto number = base::parse_number(text);
  if (!number || *number >= static_cast<std::int64_t>(limit)) return std::nullopt;
  return static_cast<std::size_t>(*number);
}

void begin_stage(StageGraph& graph, const parser::From& from, const Scope& globals, const parser::Conductorfile& parsed,
                 const SourceFile& file) {
  const auto lookup = [&](const std::string& name) -> std::optional<std::string> {
    if (auto value = globals.lookup(name, {})) return value;
    const auto known = graph.globals.find(name);
    return known != graph.globals.end() ? std::optional(known->second) : std::nullopt;
  };
  Stage stage;
  stage.number = graph.stages.size();
  stage.name = from.stage;
  stage.base = parser::expand(from.image, lookup, parsed.escape);
  if (stage.base.empty())
    mistake(file, from.image.position, "FROM names no image",
            "a variable has no value; give it one with ARG before FROM");
  stage.base_stage = stage_named(graph.stages, stage.base, graph.stages.size());
  graph.stages.push_back(std::move(stage));
}

void add_need(Stage& stage, std::size_t needed) {
  if (std::find(stage.needs.begin(), stage.needs.end(), needed) == stage.needs.end()) stage.needs.push_back(needed);
}

void find_needs(StageGraph& graph, const SourceFile& file) {
  for (auto& stage : graph.stages) {
    if (stage.base_stage) add_need(stage, *stage.base_stage);
    for (const auto* instruction : stage.instructions) {
      const Origin origin = origin_of(graph, stage, *instruction, file);
      if (origin.kind == Origin::Kind::stage) add_need(stage, origin.stage);
    }
  }
}

std::size_t find_target(const std::vector<Stage>& stages, const std::string& wanted) {
  if (wanted.empty()) return stages.size() - 1;
  if (const auto found = stage_named(stages, wanted, stages.size())) return *found;
  if (const auto found = stage_numbered(wanted, stages.size())) return *found;
  std::vector<std::string> names;
  for (const auto& stage : stages)
    if (!stage.name.empty()) names.push_back(stage.name);
  throw base::Error("no stage is called " + base::escape_control(wanted) + base::did_you_mean(wanted, names));
}

// A stage needs earlier ones only, so the numbers themselves are an order; a stage nobody needs is left out.
std::vector<std::size_t> needed_stages(const StageGraph& graph) {
  std::set<std::size_t> needed{graph.target};
  for (std::size_t i = graph.target + 1; i-- > 0;)
    if (needed.contains(i)) needed.insert(graph.stages[i].needs.begin(), graph.stages[i].needs.end());
  return {needed.begin(), needed.end()};
}

}  // namespace

void mistake(const SourceFile& file, const base::Position& position, std::string message, std::string hint) {
  throw base::SourceError({{position, std::move(message), std::move(hint), base::Severity::error}}, file.text);
}

StageGraph arrange_stages(const parser::Conductorfile& parsed, const GraphOptions& options, const SourceFile& file) {
  StageGraph graph;
  graph.globals = platform_arguments(options.architecture, options.target);
  Scope globals(options.arguments, graph.globals);
  for (const auto& instruction : parsed.instructions) {
    if (const auto* from = std::get_if<parser::From>(&instruction.statement))
      begin_stage(graph, *from, globals, parsed, file);
    if (!graph.stages.empty()) {
      graph.stages.back().instructions.push_back(&instruction);
      continue;
    }
    const auto* arg = std::get_if<parser::Arg>(&instruction.statement);
    if (arg == nullptr) mistake(file, instruction.position, instruction.keyword + " stands before the first FROM");
    for (const auto& declaration : arg->declarations) {
      std::optional<std::string> value;
      if (declaration.value)
        value = parser::expand(
            *declaration.value, [&](const auto& name) { return globals.lookup(name, {}); }, parsed.escape);
      globals.declare(declaration.name.text, value);
    }
  }
  if (graph.stages.empty()) mistake(file, {file.name, 0, 0}, "the file has no FROM", "begin with FROM image");
  for (const auto& [name, value] : globals.values()) graph.globals[name] = value;
  find_needs(graph, file);
  graph.target = find_target(graph.stages, options.target);
  graph.order = needed_stages(graph);
  return graph;
}

Origin origin_of(const StageGraph& graph, const Stage& stage, const parser::Instruction& copy, const SourceFile& file) {
  const auto* from = find_flag(copy, "from");
  if (from == nullptr || !std::holds_alternative<parser::Copy>(copy.statement)) return {};
  const std::string word = from->value.value_or("");
  if (const auto found = stage_named(graph.stages, word, stage.number)) return {Origin::Kind::stage, *found, {}};
  if (const auto found = stage_numbered(word, stage.number)) return {Origin::Kind::stage, *found, {}};
  if (stage_named(graph.stages, word, graph.stages.size()))
    mistake(file, from->position, "COPY --from=" + word + " names a stage that is not made before this one",
            "only earlier stages can be copied from");
  if (base::parse_number(word))
    mistake(file, from->position, "there is no earlier stage " + word, "stages are counted from 0");
  return {Origin::Kind::image, 0, word};
}

std::vector<std::string> unused_arguments(const parser::Conductorfile& parsed, const Variables& given) {
  std::set<std::string> declared;
  for (const auto& instruction : parsed.instructions)
    if (const auto* arg = std::get_if<parser::Arg>(&instruction.statement))
      for (const auto& declaration : arg->declarations) declared.insert(declaration.name.text);
  const Variables platform = platform_arguments({}, {});
  std::vector<std::string> result;
  for (const auto& [name, value] : given)
    if (!declared.contains(name) && !is_proxy_argument(name) && !platform.contains(name)) result.push_back(name);
  return result;
}

}  // namespace conductor::builder
