// A template as a tree; shared by the files of template.hpp.
#pragma once

#include "base/json.hpp"
#include "base/template.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace conductor::base {

// A value on its way to the output. Text that the template itself or a function wrote is shown as it is.
struct TemplateValue {
  Json json;
  bool own = false;
};
// As text, control characters of others' strings escaped; lists and objects as Go prints them: "[a b]", "map[k:v]".
std::string template_text(const TemplateValue& value);
// Not false, 0, empty or null.
bool template_truth(const Json& value);

struct TemplatePipeline;

// ".A.B", "$x.A", "(pipeline).A", a literal, or a function's name.
struct TemplateOperand {
  enum class Kind { dot, variable, literal, function, pipeline } kind = Kind::dot;
  std::string name;               // of a variable without "$", of a function
  TemplateValue literal;          // with literal
  std::vector<std::string> path;  // fields, after any kind but a function
  std::shared_ptr<const TemplatePipeline> pipeline;
};

struct TemplatePipeline {
  std::vector<std::string> variables;                  // that take the result: "$a", "$i, $a" of a range
  std::vector<std::vector<TemplateOperand>> commands;  // separated by "|"; each at least one operand
};

struct TemplateNode {
  enum class Kind { text, print, condition, range, with } kind = Kind::text;
  std::string text;
  TemplatePipeline pipeline;
  std::vector<TemplateNode> body, otherwise;
};

struct Template::Body {
  std::vector<TemplateNode> nodes;
};

std::vector<TemplateNode> parse_template(std::string_view text);

// Whether there is such a function; throws Error with what was probably meant.
void require_template_function(const std::string& name);
// Throws Error when it cannot take those. Never `and` and `or`, which look at no more than they need.
TemplateValue call_template_function(const std::string& name, const std::vector<TemplateValue>& arguments);

}  // namespace conductor::base
