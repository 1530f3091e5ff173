// `build --check` and `--call=ast`: what can be said of a Conductorfile without building it.
#include "base/json.hpp"
#include "builder/outline.hpp"
#include "builder/parsing.hpp"

#include <algorithm>

namespace conductor::builder {
namespace {

std::unique_ptr<ReadProject> parse_project(const BuildOptions& options) {
  auto project = std::make_unique<ReadProject>(ReadProject{open_context(options.context, options.file), {}, {}});
  project->parsed = parse_file(project->context, options.strict);
  return project;
}

void arrange(ReadProject& project, const BuildOptions& options) {
  GraphOptions wanted;
  wanted.target = options.target;
  wanted.arguments = options.args;
  wanted.architecture = image::native_architecture();
  wanted.contexts = options.contexts;
  project.graph = arrange_stages(project.parsed, wanted, project.context.file);
}

std::string text_of(const parser::CheckResult& result, const ReadProject& project) {
  std::string text;
  for (const auto& finding : result.findings) text += render(finding, project.parsed, project.context) + "\n";
  const auto count = result.findings.size();
  return text + "Check complete, " + (count == 0 ? "no" : std::to_string(count)) + " warning" +
         (count == 1 ? "" : "s") + " found.\n";
}

base::Json json_of(const parser::Finding& finding) {
  const auto& [position, message, hint, severity] = finding.diagnostic;
  const auto rules = parser::check_rules();
  const auto rule =
      std::find_if(rules.begin(), rules.end(), [&](const auto& known) { return known.name == finding.rule; });
  const auto place = base::Json::object().set("line", position.line).set("character", position.column);
  const auto range = base::Json::object().set("start", place).set("end", place);
  auto row = base::Json::object()
                 .set("ruleName", finding.rule)
                 .set("description", rule == rules.end() ? std::string_view{} : rule->description)
                 .set("detail", message);
  if (!hint.empty()) row.set("hint", hint);
  auto ranges = base::Json::array();
  ranges.add(range);
  row.set("location", base::Json::object().set("file", position.file).set("ranges", std::move(ranges)));
  return row;
}

}  // namespace

parser::CheckResult run_checks(const BuildContext& context, const parser::Conductorfile& parsed,
                               const BuildOptions& options, std::set<std::string> base_variables) {
  parser::CheckOptions wanted;
  wanted.base_variables = std::move(base_variables);
  wanted.arguments = options.args;
  wanted.platform = platform_arguments(image::native_architecture(), options.target);
  if (!context.ignore.empty()) wanted.ignore = &context.ignore;
  wanted.target = options.target;
  return parser::check(parsed, wanted);
}

std::string render(const parser::Finding& finding, const parser::Conductorfile& parsed, const BuildContext& context) {
  auto shown = finding.diagnostic;
  shown.message = finding.rule + ": " + shown.message;
  const auto found = parsed.texts.find(shown.position.file);
  return base::render(shown, found == parsed.texts.end() ? context.file.text : found->second);
}

CheckReport check(const BuildOptions& options, bool json) {
  const auto project = parse_project(options);
  const auto result = run_checks(project->context, project->parsed, options);
  // What cannot be built at all is no matter of warnings, but for the one that tells why a FROM names no image.
  const auto unnamed = [](const auto& finding) { return finding.rule == "InvalidDefaultArgInFrom"; };
  if (std::none_of(result.findings.begin(), result.findings.end(), unnamed)) arrange(*project, options);

  auto list = base::Json::array();
  for (const auto& finding : result.findings) list.add(json_of(finding));
  const auto document = base::Json::object().set("warnings", std::move(list)).set("error", result.error);
  return {json ? document.dump(2) + "\n" : text_of(result, *project), !result.findings.empty()};
}

std::string syntax_tree(const BuildOptions& options) {
  const BuildContext context = open_context(options.context, options.file);
  return parser::dump_syntax(context.file.text, context.file.name);
}

std::unique_ptr<ReadProject> read_project(const BuildOptions& options) {
  auto project = parse_project(options);
  arrange(*project, options);
  return project;
}

}  // namespace conductor::builder
