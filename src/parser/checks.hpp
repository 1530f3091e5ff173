// The published build checks: what is allowed and yet probably not meant. Pure.
#pragma once

#include "parser/conductorfile.hpp"

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::parser {

struct CheckRule {
  std::string_view name;         // "StageNameCasing"
  std::string_view description;  // one sentence
  bool experimental = false;     // only when asked for: # check=experimental=NAME
};
// All of them, in the order of the reference.
std::span<const CheckRule> check_rules();

struct CheckOptions {
  std::map<std::string, std::string> arguments;  // --build-arg
  std::map<std::string, std::string> platform;   // BUILDPLATFORM …: what is predefined
  std::set<std::string> base_variables{"PATH"};  // ENV of base images
  const IgnoreRules* ignore = nullptr;           // of the context
  std::string target;
};

struct Finding {
  std::string rule;
  base::Diagnostic diagnostic;  // a warning
};
struct CheckResult {
  std::vector<Finding> findings;  // in the order of the text
  bool error = false;             // `# check=error=true`: findings fail the build
};
// Honours `# check=skip=NAME,…|all;error=true;experimental=NAME,…|all`; an unknown name there is a mistake
// (SourceError).
CheckResult check(const Conductorfile& parsed, const CheckOptions& options);

}  // namespace conductor::parser
