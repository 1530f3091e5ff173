// Build checks of FROM: names of stages, the image they stand on, the platform.
#include "base/text.hpp"
#include "parser/checks_rules.hpp"
#include "parser/diagnostics.hpp"

#include <algorithm>

namespace conductor::parser {
namespace {

// --- names ------------------------------------------------------------------------------------------------------

void check_name(const CheckedStage& stage, std::map<std::string, int>& first_line, Findings& findings) {
  const From& from = *stage.from;
  if (from.stage.empty()) return;
  const bool placed = from.written_stage.position.line > 0;
  const auto& place = placed ? from.written_stage.position : stage.instruction->position;
  const std::string& written = placed ? from.written_stage.text : from.stage;

  if (written != base::lower(written))
    findings.add("StageNameCasing", place, "the stage's name " + show(written) + " is not lower case",
                 "write " + base::escape_control(base::lower(written)));
  if (from.stage == "scratch" || from.stage == "context")
    findings.add("ReservedStageName", place, show(from.stage) + " means something else and is no name of a stage",
                 "choose another name");
  const auto [first, added] = first_line.try_emplace(from.stage, stage.instruction->position.line);
  if (!added)
    findings.add("DuplicateStageName", place, "a stage before this one is called " + show(from.stage) + " too",
                 "the first is on line " + std::to_string(first->second));
}

// Mixed case of FROM itself is ConsistentInstructionCasing's.
void check_as(const CheckedStage& stage, Findings& findings) {
  const std::string &as = stage.from->as, &keyword = stage.instruction->written_keyword;
  if (as.empty()) return;
  const bool lower = keyword == base::lower(keyword), upper = keyword == base::upper(keyword);
  if ((lower && as != base::lower(as)) || (upper && as != base::upper(as)))
    findings.add("FromAsCasing", stage.instruction->position,
                 "the case of " + show(as) + " is not that of " + show(keyword),
                 "write " + (lower ? base::lower(as) : base::upper(as)));
}

// --- the base image ---------------------------------------------------------------------------------------------

bool all_declared(const std::vector<Use>& uses, const Known& known) {
  return std::all_of(uses.begin(), uses.end(), [&](const Use& use) { return known.contains(use.name); });
}

void report_undeclared(const Word& word, const std::vector<Use>& uses, const Known& known, Findings& findings) {
  for (const auto& use : uses) {
    if (use.guarded || known.contains(use.name)) continue;
    findings.add("UndefinedArgInFrom", place_in(word, use.offset), "no ARG before FROM declares " + show(use.name),
                 findings.suggest(use.name, known));
  }
}

bool only(std::string_view text, std::string_view more) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || more.find(c) != std::string_view::npos;
  });
}

bool is_component(std::string_view text) {
  const auto outer = [](char c) { return only(std::string_view(&c, 1), ""); };
  return !text.empty() && only(text, "._-") && outer(text.front()) && outer(text.back());
}

// [host[:port]/]name[/name][:tag][@digest], as the distribution specification spells references; a stage too.
bool is_image_name(std::string_view text) {
  const auto at = text.find('@');
  if (at != std::string_view::npos && at + 1 == text.size()) return false;
  text = text.substr(0, at);
  const auto slash = text.rfind('/');
  const auto colon = text.find(':', slash == std::string_view::npos ? 0 : slash);
  if (colon != std::string_view::npos) {
    const std::string tag = base::lower(text.substr(colon + 1));
    if (tag.empty() || tag.size() > 128 || !only(tag, "_.-") || tag.front() == '.' || tag.front() == '-') return false;
    text = text.substr(0, colon);
  }
  auto components = base::split(text, '/');
  const bool host = components.size() > 1 && components.front().find_first_of(".:") != std::string::npos;
  if (host) components.erase(components.begin());
  return std::all_of(components.begin(), components.end(),
                     [](const auto& component) { return is_component(component); });
}

bool names_image(const CheckedFile& file, const std::optional<std::string>& name) {
  if (!name) return false;
  return is_image_name(*name) || std::any_of(file.stages.begin(), file.stages.end(), [&](const CheckedStage& stage) {
           return !stage.from->stage.empty() && stage.from->stage == base::lower(*name);
         });
}

void check_image(const CheckedFile& file, const CheckedStage& stage, Findings& findings) {
  const Word& image = stage.from->image;
  const auto uses = uses_in(image.text, file.parsed.escape);
  const Known& defaults = file.defaults;
  report_undeclared(image, uses, defaults, findings);
  if (uses.empty() || !all_declared(uses, defaults)) return;
  const auto name = expand_known(image, defaults, file.parsed.escape);
  if (!names_image(file, name))
    findings.add("InvalidDefaultArgInFrom", image.position,
                 show(image.text) + " names no image unless a build argument is given", "give ARG a default");
}

// --- the platform -----------------------------------------------------------------------------------------------

// One stage for each platform, said by its name (FROM --platform=linux/arm64 … AS build-arm64), is what it is for.
bool says_platform(const std::string& stage, const std::string& platform) {
  const auto parts = base::split(base::lower(platform), '/');
  return std::any_of(parts.begin(), parts.end(),
                     [&](const std::string& part) { return part.size() > 1 && stage.find(part) != std::string::npos; });
}

void check_platform_flag(const CheckedFile& file, const CheckedStage& stage, Findings& findings) {
  const auto* flag = flag_named(*stage.instruction, "platform");
  if (flag == nullptr || !flag->value) return;
  const std::string& platform = *flag->value;
  const auto uses = uses_in(platform, file.parsed.escape);
  report_undeclared({platform, flag->position}, uses, file.defaults, findings);
  if (platform == "$TARGETPLATFORM" || platform == "${TARGETPLATFORM}")
    findings.add("RedundantTargetPlatform", flag->position, "--platform=" + platform + " is what FROM does anyway",
                 "leave it out");
  if (uses.empty() && !says_platform(stage.from->stage, platform))
    findings.add("FromPlatformFlagConstDisallowed", flag->position,
                 "--platform=" + base::escape_control(platform) + " ties the image to one platform",
                 "leave it out, or write $BUILDPLATFORM");
}

}  // namespace

void check_stages(const CheckedFile& file, Findings& findings) {
  std::map<std::string, int> first_line;  // of each name
  for (const auto& stage : file.stages) {
    check_name(stage, first_line, findings);
    check_as(stage, findings);
    check_image(file, stage, findings);
    check_platform_flag(file, stage, findings);
  }
}

}  // namespace conductor::parser
