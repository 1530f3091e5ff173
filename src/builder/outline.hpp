// What a Conductorfile offers to whoever builds it: its targets, and the arguments, secrets and agents one of them asks
// for. Pure; `build --call=outline|targets` prints it.
#pragma once

#include "builder/builder.hpp"
#include "builder/context.hpp"
#include "builder/stages.hpp"
#include "parser/checks.hpp"

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace conductor::builder {

struct OutlineArgument {
  std::string name;
  std::optional<std::string> value;  // given, or the default with its variables expanded
  std::string description;
};
struct OutlineNeed {  // a secret, or an agent of ssh
  std::string id;
  bool required = false;
};
struct Outline {
  std::string target, description;
  std::vector<OutlineArgument> arguments;  // in the order of the file, each once
  std::vector<OutlineNeed> secrets, ssh;
};
// Of the graph's target and the stages it needs. Global ARGs are told when one of those stages uses them. Throws
// base::SourceError for a mount that cannot be read.
Outline outline_of(const parser::Conductorfile& parsed, const StageGraph& graph, const Variables& given);

struct TargetRow {
  std::string name;  // its number when it has none
  std::string base, description;
  bool standard = false;  // what is built when no target is named
};
std::vector<TargetRow> targets_of(const StageGraph& graph);

// The text behind "# NAME" in the comment right above an instruction; empty when there is none.
std::string description_of(const parser::Instruction& instruction, const std::string& name);

// Rows with the columns below each other, two blanks between; a row without content in its last columns ends early.
std::string columns(const std::vector<std::vector<std::string>>& rows);

// The Conductorfile of the options, read and arranged.
struct ReadProject {
  BuildContext context;
  parser::Conductorfile parsed;
  StageGraph graph;  // points into `parsed`
};
std::unique_ptr<ReadProject> read_project(const BuildOptions& options);

// The build checks, with what the options and the context say; `base_variables` is what base images define. A build
// fails on findings when `error` is set.
parser::CheckResult run_checks(const BuildContext& context, const parser::Conductorfile& parsed,
                               const BuildOptions& options, std::set<std::string> base_variables = {"PATH"});
// With its place, the line and a caret.
std::string render(const parser::Finding& finding, const parser::Conductorfile& parsed, const BuildContext& context);

}  // namespace conductor::builder
