#include "parser/checks.hpp"

#include "base/text.hpp"
#include "parser/checks_rules.hpp"
#include "parser/diagnostics.hpp"

#include <algorithm>
#include <array>
#include <tuple>

namespace conductor::parser {
namespace {

// clang-format off
constexpr std::array rules{
    CheckRule{"StageNameCasing", "names of stages are lower case"},
    CheckRule{"FromAsCasing", "AS is written in the case of its FROM"},
    CheckRule{"NoEmptyContinuation", "no empty line stands between joined lines"},
    CheckRule{"ConsistentInstructionCasing", "all instructions are written in one case"},
    CheckRule{"DuplicateStageName", "every stage has a name of its own"},
    CheckRule{"ReservedStageName", "scratch and context are no names of stages"},
    CheckRule{"JSONArgsRecommended", "CMD and ENTRYPOINT in JSON form, so that signals reach the program"},
    CheckRule{"MaintainerDeprecated", "MAINTAINER has given way to a label"},
    CheckRule{"UndefinedArgInFrom", "FROM uses arguments that are declared before it"},
    CheckRule{"WorkdirRelativePath", "the first WORKDIR of a stage is absolute"},
    CheckRule{"UndefinedVar", "variables are defined before they are used"},
    CheckRule{"MultipleInstructionsDisallowed", "CMD, ENTRYPOINT and HEALTHCHECK stand once in a stage"},
    CheckRule{"LegacyKeyValueFormat", "names and values are joined by '='"},
    CheckRule{"RedundantTargetPlatform", "--platform=$TARGETPLATFORM is the default"},
    CheckRule{"SecretsUsedInArgOrEnv", "no secrets in ARG or ENV"},
    CheckRule{"InvalidDefaultArgInFrom", "FROM names an image also when no build argument is given"},
    CheckRule{"FromPlatformFlagConstDisallowed", "--platform of FROM is not constant"},
    CheckRule{"CopyIgnoredFile", "what is copied is not left out by the ignore file", true},
    CheckRule{"InvalidDefinitionDescription", "the comment above a stage or argument begins with its name", true},
    CheckRule{"ExposeProtoCasing", "protocols of EXPOSE are lower case"},
    CheckRule{"ExposeInvalidFormat", "EXPOSE names neither an address nor a port of the host"},
};
// clang-format on

// --- which checks are wanted ------------------------------------------------------------------------------------

struct Settings {
  std::set<std::string> skipped, experimental;  // names, or "all"
  bool error = false;

  bool wants(const CheckRule& rule) const {
    const auto lists = [&](const std::set<std::string>& names) {
      return names.contains("all") || names.contains(std::string(rule.name));
    };
    return rule.experimental ? lists(experimental) : !lists(skipped);
  }
};

std::set<std::string> read_names(std::string_view list) {
  std::vector<std::string> known{"all"};
  for (const auto& rule : rules) known.emplace_back(rule.name);
  std::set<std::string> names;
  for (const auto& piece : base::split(list, ',')) {
    const auto name = std::string(base::trim(piece));
    if (base::lower(name) == "all")
      names.insert("all");
    else if (std::find(known.begin(), known.end(), name) != known.end())
      names.insert(name);
    else
      throw base::Error("there is no check " + show(name)).with_hint(suggestion(name, known));
  }
  return names;
}

bool read_truth(std::string_view text) {
  const std::string word = base::lower(text);
  if (word == "true" || word == "1" || word == "t") return true;
  if (word == "false" || word == "0" || word == "f") return false;
  throw base::Error("error is true or false, not " + show(text));
}

// skip=NAME,…;error=true;experimental=NAME,…
Settings read_settings(std::string_view text) {
  Settings settings;
  for (const auto& piece : base::split(text, ';')) {
    const auto option = base::trim(piece);
    if (option.empty()) continue;
    const auto equals = option.find('=');
    const std::string key = base::lower(base::trim(option.substr(0, equals)));
    if (equals == std::string_view::npos) throw base::Error("the option " + show(key) + " has no value");
    const auto value = base::trim(option.substr(equals + 1));
    if (key == "skip")
      settings.skipped = read_names(value);
    else if (key == "experimental")
      settings.experimental = read_names(value);
    else if (key == "error")
      settings.error = read_truth(value);
    else
      throw base::Error("there is no option " + show(key)).with_hint("skip, error and experimental");
  }
  return settings;
}

std::string_view text_of(const Conductorfile& parsed, const std::string& file) {
  const auto found = parsed.texts.find(file);
  return found == parsed.texts.end() ? std::string_view{} : std::string_view(found->second);
}

// The build argument BUILDKIT_DOCKERFILE_CHECK takes the place of the directive.
Settings settings_of(const Conductorfile& parsed, const CheckOptions& options) {
  if (const auto given = options.arguments.find("BUILDKIT_DOCKERFILE_CHECK"); given != options.arguments.end()) {
    const base::Context context("the build argument BUILDKIT_DOCKERFILE_CHECK");
    return read_settings(given->second);
  }
  for (const auto& directive : parsed.directives) {
    if (directive.name != "check") continue;
    try {
      return read_settings(directive.value);
    } catch (const base::Error& error) {
      throw base::SourceError({{directive.position, error.message(), error.hint(), base::Severity::error}},
                              text_of(parsed, directive.position.file));
    }
  }
  return {};
}

// --- the order of findings --------------------------------------------------------------------------------------

// Files in the order in which they are read.
std::vector<std::string> files_of(const Conductorfile& parsed) {
  std::vector<std::string> files;
  const auto note = [&](const std::string& file) {
    if (std::find(files.begin(), files.end(), file) == files.end()) files.push_back(file);
  };
  for (const auto& directive : parsed.directives) note(directive.position.file);
  for (const auto& instruction : parsed.instructions) note(instruction.position.file);
  return files;
}

void sort_by_place(std::vector<Finding>& findings, const std::vector<std::string>& files) {
  const auto place = [&](const Finding& finding) {
    const auto& at = finding.diagnostic.position;
    return std::tuple(std::find(files.begin(), files.end(), at.file) - files.begin(), at.line, at.column);
  };
  std::stable_sort(findings.begin(), findings.end(),
                   [&](const Finding& a, const Finding& b) { return place(a) < place(b); });
}

}  // namespace

std::span<const CheckRule> check_rules() { return rules; }

void Findings::add(std::string_view rule, const base::Position& position, std::string message, std::string hint) {
  found.push_back({std::string(rule), {position, std::move(message), std::move(hint), base::Severity::warning}});
}

std::string Findings::suggest(const std::string& name, const Known& known) const {
  constexpr std::size_t enough = 100;
  if (found.size() > enough) return {};
  std::vector<std::string> names;
  for (const auto& [candidate, value] : known) names.push_back(candidate);
  return suggestion(name, names);
}

CheckResult check(const Conductorfile& parsed, const CheckOptions& options) {
  const Settings settings = settings_of(parsed, options);
  const CheckedFile file = divide(parsed, options);
  Findings findings;
  check_forms(file, findings);
  check_stages(file, findings);
  check_steps(file, findings);

  CheckResult result;
  result.error = settings.error;
  for (auto& finding : findings.found) {
    const auto rule =
        std::find_if(rules.begin(), rules.end(), [&](const CheckRule& known) { return known.name == finding.rule; });
    if (rule != rules.end() && settings.wants(*rule)) result.findings.push_back(std::move(finding));
  }
  sort_by_place(result.findings, files_of(parsed));
  return result;
}

}  // namespace conductor::parser
