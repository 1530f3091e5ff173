// Build checks that follow a stage's instructions in their order: what is defined, set or said already.
#include "base/text.hpp"
#include "parser/checks_rules.hpp"
#include "parser/diagnostics.hpp"

#include <algorithm>
#include <set>

namespace conductor::parser {
namespace {

// What a stage has said so far; a stage that stands on another begins with a copy.
struct StageState {
  Known variables;
  bool shell = false;    // SHELL was given
  bool workdir = false;  // some WORKDIR was given
};

class StepCheck {
 public:
  StepCheck(const CheckedFile& file, StageState& state, Findings& findings)
      : file_(file), state_(state), findings_(findings) {}

  void run(const CheckedStage& stage) {
    for (const auto* instruction : stage.body) {
      instruction_ = instruction;
      reported_.clear();
      std::visit([this](const auto& statement) { (*this)(statement); }, instruction->statement);
      check_flags();
    }
  }

 private:
  // --- variables -------------------------------------------------------------------------------------------------

  void check(const Word& word) {
    for (const auto& use : uses_in(word.text, file_.parsed.escape)) {
      if (use.guarded || state_.variables.contains(use.name) || !reported_.insert(use.name).second) continue;
      findings_.add("UndefinedVar", place_in(word, use.offset), "no ARG or ENV defines $" + use.name,
                    findings_.suggest(use.name, state_.variables));
    }
  }
  void check(const std::vector<Word>& words) {
    for (const auto& word : words) check(word);
  }
  void check(const std::vector<KeyValue>& pairs) {
    for (const auto& [key, value] : pairs) check(key), check(value);
  }
  // Of the flags whose values are expanded.
  void check_flags() {
    for (const auto& flag : instruction_->flags)
      if (flag.value && (flag.name == "chown" || flag.name == "chmod" || flag.name == "mount"))
        check(Word{*flag.value, flag.position});
  }
  std::optional<std::string> value_of(const Word& word) const {
    return expand_known(word, state_.variables, file_.parsed.escape);
  }

  void operator()(const Env& env) {
    check(env.variables);
    Known set;
    for (const auto& [key, value] : env.variables) set[value_of(key).value_or(key.text)] = value_of(value);
    for (auto& [name, value] : set) state_.variables[name] = std::move(value);
  }
  void operator()(const Arg& arg) {
    for (const auto& [name, value] : arg.declarations) {
      if (value) check(*value);
      auto& known = state_.variables[name.text];
      const auto given = file_.options.arguments.find(name.text);
      const auto global = file_.given.find(name.text);
      if (given != file_.options.arguments.end())
        known = given->second;
      else if (value)
        known = value_of(*value);
      else if (global != file_.given.end())
        known = global->second;
    }
  }
  void operator()(const Label& label) { check(label.labels); }
  void operator()(const User& user) { check(user.user); }
  void operator()(const Expose& expose) { check(expose.ports); }
  void operator()(const Volume& volume) { check(volume.paths); }
  void operator()(const Stopsignal& stopsignal) { check(stopsignal.signal); }

  // --- WORKDIR, SHELL and what may stand once ---------------------------------------------------------------------

  // Only the first of a stage: once it is absolute, the relative ones after it are safe too.
  void operator()(const Workdir& workdir) {
    check(workdir.path);
    const auto path = value_of(workdir.path);
    const bool known = path && !path->empty();
    if (!state_.workdir && known && path->front() != '/' && workdir.path.text.front() != '$')
      findings_.add("WorkdirRelativePath", workdir.path.position,
                    "where " + show(workdir.path.text) + " leads depends on the base image", "begin with '/'");
    state_.workdir = true;
  }
  void operator()(const Shell&) { state_.shell = true; }
  void operator()(const Cmd& cmd) { check_command(cmd.command), check_once(); }
  void operator()(const Entrypoint& entrypoint) { check_command(entrypoint.command), check_once(); }
  void operator()(const Healthcheck&) { check_once(); }

  void check_command(const Command& command) {
    if (command.shell && !state_.shell)
      findings_.add("JSONArgsRecommended", instruction_->position,
                    instruction_->keyword + " in shell form keeps signals from the program",
                    "write " + instruction_->keyword + " [\"program\", \"argument\"]");
  }
  // The one that is lost is told, at its place.
  void check_once() {
    auto& before = last_[instruction_->keyword];
    if (before != nullptr)
      findings_.add("MultipleInstructionsDisallowed", before->position,
                    "this " + before->keyword + " has no effect: a later one of the stage takes its place",
                    "the later one is on line " + std::to_string(instruction_->position.line));
    before = instruction_;
  }

  // --- files of the context --------------------------------------------------------------------------------------

  void operator()(const Copy& copy) {
    check(copy.sources);
    check(copy.destination);
    // With exceptions, what is left of a directory is known only when it is read.
    const auto* rules = file_.options.ignore;
    if (rules == nullptr || rules->has_exceptions() || flag_named(*instruction_, "from") != nullptr) return;
    for (const auto& source : copy.sources) {
      const auto path = path_in_context(value_of(source).value_or(""));
      if (!path.empty() && rules->ignores(path))
        findings_.add("CopyIgnoredFile", source.position, "the ignore file leaves " + show(source.text) + " out");
    }
  }
  void operator()(const Add& add) { (*this)(static_cast<const Copy&>(add)); }

  // Without "." and ".."; empty for the context itself, and for what is no path.
  static std::string path_in_context(std::string_view source) {
    if (source.starts_with("<<") || source.starts_with("git@") || source.find("://") != std::string_view::npos)
      return {};
    std::vector<std::string> parts;
    for (auto& part : base::split(source, '/')) {
      if (part.empty() || part == ".") continue;
      if (part != "..")
        parts.push_back(std::move(part));
      else if (!parts.empty())
        parts.pop_back();
    }
    return base::join(parts, "/");
  }

  void operator()(const From&) {}
  void operator()(const Run&) {}  // the shell's business
  void operator()(const Onbuild&) {}
  void operator()(const Maintainer&) {}

  const CheckedFile& file_;
  StageState& state_;
  Findings& findings_;
  const Instruction* instruction_ = nullptr;
  std::set<std::string> reported_;  // of this instruction
  std::map<std::string, const Instruction*> last_;
};

}  // namespace

void check_steps(const CheckedFile& file, Findings& findings) {
  std::vector<StageState> states;
  for (const auto& stage : file.stages) {
    StageState state;
    if (stage.base)
      state = states[*stage.base];
    else
      for (const auto& name : file.options.base_variables) state.variables[name];
    StepCheck(file, state, findings).run(stage);
    states.push_back(std::move(state));
  }
}

}  // namespace conductor::parser
