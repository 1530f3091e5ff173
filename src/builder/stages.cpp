#include "builder/stages.hpp"

#include "base/text.hpp"
#include "base/units.hpp"

#include <algorithm>
#include <cerrno>
#include <set>

namespace conductor::builder {
namespace {

const parser::Flag* find_flag(const parser::Instruction& instruction, std::string_view name) {
  for (const auto& flag : instruction.flags)
    if (flag.name == name) return &flag;
  return nullptr;
}

// The last of that name among stages `first` to `limit`: a later stage of the same name hides the earlier one.
std::optional<std::size_t> stage_named(const std::vector<Stage>& stages, const std::string& name, std::size_t limit,
                                       std::size_t first = 0) {
  const std::string wanted = base::lower(name);
  for (std::size_t i = std::min(limit, stages.size()); i-- > first;)
    if (!wanted.empty() && stages[i].name == wanted) return i;
  return std::nullopt;
}

std::optional<std::size_t> stage_numbered(const std::string& text, std::size_t limit) {
  const auto number = base::parse_number(text);
  if (!number || *number >= static_cast<std::int64_t>(limit)) return std::nullopt;
  return static_cast<std::size_t>(*number);
}

const std::string* find_context(const StageGraph& graph, const std::string& name) {
  const auto found = graph.contexts.find(context_key(name));
  return found != graph.contexts.end() ? &found->second : nullptr;
}

// "linux/amd64", "amd64", "linux", and the other names of architectures: whether it is this machine's.
bool is_native(const std::string& platform, const std::string& architecture) {
  static const std::map<std::string, std::string> others{{"x86_64", "amd64"},   {"x86-64", "amd64"},
                                                         {"aarch64", "arm64"},  {"arm64/v8", "arm64"},
                                                         {"amd64/v1", "amd64"}, {"aarch64/v8", "arm64"}};
  std::string rest = base::lower(platform);
  if (rest == "linux" || rest == "local") return true;
  if (rest.starts_with("linux/")) rest = rest.substr(6);
  if (const auto other = others.find(rest); other != others.end()) rest = other->second;
  return rest == architecture;
}

// Before the stages: the arguments that FROM may use.
class Globals {
 public:
  Globals(const parser::Conductorfile& parsed, const GraphOptions& options)
      : escape_(parsed.escape), known_(platform_arguments(options.architecture, options.target)) {
    for (auto& [name, value] : known_)
      if (const auto given = options.arguments.find(name); given != options.arguments.end()) value = given->second;
    scope_ = Scope(options.arguments, known_);
  }
  void declare(const parser::Arg& arg) {
    for (const auto& declaration : arg.declarations)
      scope_.declare(declaration.name.text,
                     declaration.value ? std::optional(expand(*declaration.value)) : std::nullopt);
  }
  // The platform's arguments need no ARG here.
  std::string expand(const parser::Word& word) const {
    const auto lookup = [&](const std::string& name) -> std::optional<std::string> {
      if (auto value = scope_.lookup(name, {})) return value;
      const auto known = known_.find(name);
      return known != known_.end() ? std::optional(known->second) : std::nullopt;
    };
    return parser::expand(word, lookup, escape_);
  }
  Variables values() const {
    Variables result = known_;
    for (const auto& [name, value] : scope_.values()) result[name] = value;
    return result;
  }

 private:
  char escape_;
  Variables known_;
  Scope scope_;
};

class Arranger {
 public:
  Arranger(const parser::Conductorfile& parsed, const GraphOptions& options, const SourceFile& file)
      : parsed_(parsed), options_(options), file_(file), globals_(parsed, options) {
    graph_.parsed = &parsed;
    for (const auto& [name, value] : options.contexts) graph_.contexts[context_key(name)] = value;
  }

  StageGraph arrange() {
    refuse_endless_files();
    for (const auto& instruction : parsed_.instructions) {
      if (const auto* from = std::get_if<parser::From>(&instruction.statement)) begin_stage(*from, instruction);
      if (graph_.stages.empty())
        declare(instruction);
      else if (!replaced_ || std::holds_alternative<parser::From>(instruction.statement))
        graph_.stages.back().instructions.push_back(&instruction);
    }
    if (graph_.stages.empty()) fail({file_.name, 0, 0}, "the file has no FROM", "begin with FROM image");
    graph_.globals = globals_.values();
    graph_.target = find_target();
    visit(graph_.target);
    return std::move(graph_);
  }

 private:
  [[noreturn]] void fail(const base::Position& position, std::string message, std::string hint = {}) const {
    mistake(file_at(parsed_, position, file_), position, std::move(message), std::move(hint));
  }

  void refuse_endless_files() const {
    std::size_t stages = 0, count = 0;
    for (const auto& instruction : parsed_.instructions) {
      if (std::holds_alternative<parser::From>(instruction.statement) && ++stages > max_stages)
        fail(instruction.position, "there are more than " + std::to_string(max_stages) + " stages");
      if (++count > max_instructions)
        fail(instruction.position, "there are more than " + std::to_string(max_instructions) + " instructions");
    }
  }

  void declare(const parser::Instruction& instruction) {
    const auto* arg = std::get_if<parser::Arg>(&instruction.statement);
    if (arg == nullptr) fail(instruction.position, instruction.keyword + " stands before the first FROM");
    globals_.declare(*arg);
  }

  void begin_stage(const parser::From& from, const parser::Instruction& instruction) {
    Stage stage;
    stage.number = graph_.stages.size();
    stage.name = from.stage;
    stage.base = globals_.expand(from.image);
    if (stage.base.empty())
      fail(from.image.position, "FROM names no image", "a variable has no value; give it one with ARG before FROM");
    check_platform(instruction);
    // A context called like the stage itself stands for all of it, whatever its instructions say.
    const std::string* whole = stage.name.empty() ? nullptr : find_context(graph_, stage.name);
    replaced_ = whole != nullptr;
    stage.base_stage = replaced_ ? std::nullopt : stage_named(graph_.stages, stage.base, graph_.stages.size());
    if (!stage.base_stage) use_context(stage, replaced_ ? stage.name : stage.base);
    graph_.stages.push_back(std::move(stage));
  }

  void use_context(Stage& stage, const std::string& name) const {
    const std::string* value = find_context(graph_, name);
    if (value == nullptr) return;
    if (const auto image = context_image(*value))
      stage.base = *image;
    else
      stage.base_context = context_key(name);
  }

  void check_platform(const parser::Instruction& instruction) const {
    const auto* flag = find_flag(instruction, "platform");
    if (flag == nullptr) return;
    const std::string platform = globals_.expand({flag->value.value_or(""), flag->position});
    if (platform.empty())
      fail(flag->position, "--platform names no platform", "a variable has no value; give it one with ARG before FROM");
    if (!is_native(platform, options_.architecture))
      fail(flag->position, "the platform " + base::escape_control(platform) + " is not this machine's",
           "only linux/" + options_.architecture + " can be built here");
  }

  std::size_t find_target() const {
    const auto& stages = graph_.stages;
    if (options_.target.empty()) return stages.size() - 1;
    if (const auto found = stage_named(stages, options_.target, stages.size())) return *found;
    if (const auto found = stage_numbered(options_.target, stages.size())) return *found;
    std::vector<std::string> names;
    for (const auto& stage : stages)
      if (!stage.name.empty()) names.push_back(stage.name);
    throw base::Error("no stage is called " + base::escape_control(options_.target) +
                      base::did_you_mean(options_.target, names));
  }

  // Depth first, so that what a stage needs comes before it; stages nobody needs are never come to. The depth is that
  // of the stages, which are few.
  void visit(std::size_t number) {
    enum : char { unseen, open, done };
    state_.resize(graph_.stages.size(), unseen);
    Stage& stage = graph_.stages[number];
    if (state_[number] == done) return;
    if (state_[number] == open)
      fail(stage.instructions.front()->position, "stage " + stage.title() + " needs itself",
           "the stages it copies from or stands on lead back to it");
    state_[number] = open;
    add_triggers(stage);
    if (stage.base_stage) stage.needs.push_back(*stage.base_stage);
    for (const auto& used : origins_of(graph_, stage, file_))
      if (used.origin.kind == Origin::Kind::stage) stage.needs.push_back(used.origin.stage);
    std::sort(stage.needs.begin(), stage.needs.end());
    stage.needs.erase(std::unique(stage.needs.begin(), stage.needs.end()), stage.needs.end());
    for (const std::size_t needed : stage.needs) visit(needed);
    state_[number] = done;
    graph_.order.push_back(number);
  }

  // What is done right after FROM. A base's triggers are not handed on: each stage has those of its own base alone.
  void add_triggers(Stage& stage) {
    std::vector<std::string> triggers;
    if (stage.base_stage) {
      for (const auto* instruction : graph_.stages[*stage.base_stage].instructions)
        if (const auto* onbuild = std::get_if<parser::Onbuild>(&instruction->statement))
          triggers.push_back(onbuild->trigger);
    } else if (options_.triggers_of && stage.base_context.empty() && stage.base != "scratch") {
      triggers = options_.triggers_of(stage.base);
    }
    if (graph_.triggers.size() + triggers.size() > max_instructions)
      fail(stage.instructions.front()->position, "the base triggers too many instructions");
    // A named context as base is a COPY of all that is in it.
    if (!stage.base_context.empty()) triggers = {"COPY --from=" + stage.base_context + " . /"};
    std::vector<const parser::Instruction*> parsed;
    for (const auto& trigger : triggers) {
      graph_.triggers.push_back(
          std::make_unique<const parser::Instruction>(parser::parse_trigger(trigger, stage.base)));
      parsed.push_back(graph_.triggers.back().get());
    }
    stage.instructions.insert(stage.instructions.begin() + 1, parsed.begin(), parsed.end());
  }

  const parser::Conductorfile& parsed_;
  const GraphOptions& options_;
  const SourceFile& file_;
  Globals globals_;
  StageGraph graph_;
  bool replaced_ = false;  // the stage being read is a named context
  std::vector<char> state_;
};

// The value of `from` in the CSV text of a mount. Fields may be quoted as a whole.
std::string mount_from(const std::string& text) {
  std::string field, found;
  bool quoted = false;
  const auto take = [&] {
    const auto equals = field.find('=');
    if (equals != std::string::npos && base::lower(base::trim(field.substr(0, equals))) == "from")
      found = field.substr(equals + 1);
    field.clear();
  };
  for (const char c : text) {
    if (c == '"')
      quoted = !quoted;
    else if (c == ',' && !quoted)
      take();
    else
      field += c;
  }
  take();
  return found;
}

}  // namespace

SourceFile file_at(const parser::Conductorfile& parsed, const base::Position& position, const SourceFile& file) {
  if (position.file == file.name) return file;
  const auto text = parsed.texts.find(position.file);
  return {position.file, text != parsed.texts.end() ? text->second : ""};
}

void mistake(const SourceFile& file, const base::Position& position, std::string message, std::string hint) {
  const std::string& text = position.file == file.name || position.file.empty() ? file.text : std::string();
  throw base::SourceError({{position, std::move(message), std::move(hint), base::Severity::error}}, text);
}

base::Error failure_of(const parser::Instruction& instruction, const base::Error& error, const SourceFile& file) {
  constexpr std::size_t title_size = 80;
  std::string title = instruction.text.substr(0, instruction.text.find('\n'));
  if (title.size() > title_size) title = title.substr(0, title_size) + "…";
  std::string hint = error.hint();
  if (error.code() == ENOSPC || error.code() == EDQUOT) hint = "the disk that holds the images is full";
  const base::Diagnostic diagnostic{instruction.position, base::escape_control(title) + ": " + error.message(), hint,
                                    base::Severity::error};
  return base::Error(base::render(diagnostic, file.text)).with_exit_code(error.exit_code());
}

StageGraph arrange_stages(const parser::Conductorfile& parsed, const GraphOptions& options, const SourceFile& file) {
  return Arranger(parsed, options, file).arrange();
}

Origin origin_named(const StageGraph& graph, const Stage& stage, const std::string& word,
                    const base::Position& position, const SourceFile& file) {
  if (word.empty()) return {};
  const auto fail = [&](const std::string& message, const std::string& hint) {
    mistake(graph.parsed != nullptr ? file_at(*graph.parsed, position, file) : file, position, message, hint);
  };
  if (word.find('$') != std::string::npos)
    fail("from=" + base::escape_control(word) + " holds a variable, which is not expanded here",
         "make a stage of it: FROM with an ARG before the first FROM, AS a name to copy from");
  const auto& stages = graph.stages;
  auto found = stage_named(stages, word, stage.number);
  if (!found) found = stage_numbered(word, stages.size());
  if (!found) found = stage_named(stages, word, stages.size(), stage.number);
  const std::string key = context_key(word);
  if (found && stages[*found].base_context != key) return {Origin::Kind::stage, *found, {}, {}};
  if (found) return {Origin::Kind::named, 0, {}, key};  // the context stands for that stage
  if (base::parse_number(word)) fail("there is no stage " + word, "stages are counted from 0");
  if (const std::string* value = find_context(graph, word)) {
    if (const auto image = context_image(*value)) return {Origin::Kind::image, 0, *image, {}};
    return {Origin::Kind::named, 0, {}, key};
  }
  return {Origin::Kind::image, 0, word, {}};
}

Origin origin_of(const StageGraph& graph, const Stage& stage, const parser::Instruction& copy, const SourceFile& file) {
  const auto* from = find_flag(copy, "from");
  if (from == nullptr || !std::holds_alternative<parser::Copy>(copy.statement)) return {};
  return origin_named(graph, stage, from->value.value_or(""), from->position, file);
}

std::vector<UsedOrigin> origins_of(const StageGraph& graph, const Stage& stage, const SourceFile& file) {
  std::vector<UsedOrigin> result;
  for (const auto* instruction : stage.instructions) {
    const auto add = [&](Origin origin) {
      if (origin.kind != Origin::Kind::context) result.push_back({std::move(origin), instruction});
    };
    add(origin_of(graph, stage, *instruction, file));
    if (!std::holds_alternative<parser::Run>(instruction->statement)) continue;
    for (const auto& flag : instruction->flags)
      if (flag.name == "mount")
        add(origin_named(graph, stage, mount_from(flag.value.value_or("")), flag.position, file));
  }
  return result;
}

std::string context_key(const std::string& name) {
  std::string key = base::lower(name);
  for (const std::string_view prefix : {"docker.io/", "library/"})
    if (key.starts_with(prefix)) key = key.substr(prefix.size());
  if (constexpr std::string_view latest = ":latest"; key.ends_with(latest)) key.resize(key.size() - latest.size());
  return key;
}

std::optional<std::string> context_image(const std::string& value) {
  constexpr std::string_view scheme = "docker-image://";
  return value.starts_with(scheme) ? std::optional(value.substr(scheme.size())) : std::nullopt;
}

std::vector<std::string> unused_arguments(const parser::Conductorfile& parsed, const Variables& given) {
  std::set<std::string> declared;
  for (const auto& instruction : parsed.instructions)
    if (const auto* arg = std::get_if<parser::Arg>(&instruction.statement))
      for (const auto& declaration : arg->declarations) declared.insert(declaration.name.text);
  const Variables platform = platform_arguments({}, {});
  std::vector<std::string> result;
  for (const auto& [name, value] : given)
    if (!declared.contains(name) && !is_proxy_argument(name) && !platform.contains(name) && !is_builder_argument(name))
      result.push_back(name);
  return result;
}

}  // namespace conductor::builder
