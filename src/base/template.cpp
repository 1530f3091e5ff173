// Tree and value → text.
#include "base/template.hpp"

#include "base/error.hpp"
#include "base/template_tree.hpp"
#include "base/text.hpp"

#include <algorithm>

namespace conductor::base {

namespace {

[[noreturn]] void refuse(const std::string& what) { throw Error("template: " + what); }

class Expansion {
 public:
  explicit Expansion(const Json& value) { variables_.emplace_back("", TemplateValue{value, false}); }

  void expand(const std::vector<TemplateNode>& nodes, const TemplateValue& dot) {
    const std::size_t known = variables_.size();
    for (const auto& node : nodes) expand(node, dot);
    variables_.resize(known);
  }
  std::string text;

 private:
  std::vector<std::pair<std::string, TemplateValue>> variables_;  // "$" itself has no name

  void expand(const TemplateNode& node, const TemplateValue& dot) {
    switch (node.kind) {
      case TemplateNode::Kind::text:
        text += node.text;
        return;
      case TemplateNode::Kind::print:
        return print(node, dot);
      case TemplateNode::Kind::range:
        return range(node, dot);
      case TemplateNode::Kind::condition:
      case TemplateNode::Kind::with:
        break;
    }
    const std::size_t known = variables_.size();
    const TemplateValue value = result(node.pipeline, dot);
    if (!node.pipeline.variables.empty()) variables_.emplace_back(node.pipeline.variables.back(), value);
    const bool holds = template_truth(value.json);
    expand(holds ? node.body : node.otherwise, holds && node.kind == TemplateNode::Kind::with ? value : dot);
    variables_.resize(known);
  }

  void print(const TemplateNode& node, const TemplateValue& dot) {
    const TemplateValue value = result(node.pipeline, dot);
    if (node.pipeline.variables.empty())
      text += template_text(value);
    else
      set_variable(node.pipeline.variables.back(), value);
  }

  void set_variable(const std::string& name, const TemplateValue& value) {
    const auto found =
        std::find_if(variables_.rbegin(), variables_.rend(), [&](const auto& v) { return v.first == name; });
    if (found != variables_.rend())
      found->second = value;
    else
      variables_.emplace_back(name, value);
  }

  void range(const TemplateNode& node, const TemplateValue& dot) {
    const TemplateValue list = result(node.pipeline, dot);
    bool any = false;
    const auto once = [&](const Json& key, const Json& item) {
      any = true;
      const std::size_t known = variables_.size();
      const auto& names = node.pipeline.variables;
      const TemplateValue value{item, list.own};
      if (names.size() > 1) variables_.emplace_back(names.front(), TemplateValue{key, false});
      if (!names.empty()) variables_.emplace_back(names.back(), value);
      expand(node.body, value);
      variables_.resize(known);
    };
    if (const auto* items = list.json.array_items()) {
      for (std::size_t i = 0; i < items->size(); ++i) once(Json(i), (*items)[i]);
    } else if (const auto* members = list.json.members()) {
      for (const auto& [name, member] : *members) once(Json(name), member);
    } else if (!list.json.is_null()) {
      refuse("range takes a list or an object");
    }
    if (!any) expand(node.otherwise, dot);
  }

  TemplateValue result(const TemplatePipeline& pipeline, const TemplateValue& dot) {
    std::optional<TemplateValue> value;
    for (const auto& command : pipeline.commands) value = result(command, dot, value);
    return *value;
  }

  // `before` is the value of the command in front of a "|": the last argument.
  TemplateValue result(const std::vector<TemplateOperand>& command, const TemplateValue& dot,
                       const std::optional<TemplateValue>& before) {
    const auto& first = command.front();
    if (first.kind != TemplateOperand::Kind::function) {
      if (before) refuse("what follows '|' is a function");
      return result(first, dot);
    }
    const bool is_and = first.name == "and", is_or = first.name == "or";
    std::vector<TemplateValue> arguments;
    for (std::size_t i = 1; i < command.size(); ++i) {
      arguments.push_back(result(command[i], dot));
      // The first that decides is the result; what follows may not even exist.
      if ((is_and || is_or) && template_truth(arguments.back().json) == is_or) return arguments.back();
    }
    if (before) arguments.push_back(*before);
    return call_template_function(first.name, arguments);
  }

  TemplateValue result(const TemplateOperand& operand, const TemplateValue& dot) {
    switch (operand.kind) {
      case TemplateOperand::Kind::dot:
        return field(dot, operand.path);
      case TemplateOperand::Kind::variable:
        return field(variable(operand.name), operand.path);
      case TemplateOperand::Kind::literal:
        return field(operand.literal, operand.path);
      case TemplateOperand::Kind::pipeline:
        return field(result(*operand.pipeline, dot), operand.path);
      case TemplateOperand::Kind::function:
        break;
    }
    return call_template_function(operand.name, {});
  }

  const TemplateValue& variable(const std::string& name) const {
    const auto found =
        std::find_if(variables_.rbegin(), variables_.rend(), [&](const auto& v) { return v.first == name; });
    if (found == variables_.rend()) refuse("there is no variable '$" + escape_control(name) + "'");
    return found->second;
  }

  static TemplateValue field(const TemplateValue& value, const std::vector<std::string>& path) {
    const Json* found = &value.json;
    for (const auto& name : path) {
      const Json* next = found->find(name);
      if (next == nullptr) no_field(*found, name);
      found = next;
    }
    return {*found, value.own};
  }

  [[noreturn]] static void no_field(const Json& value, const std::string& name) {
    std::vector<std::string> names;
    if (value.members() != nullptr)
      for (const auto& [known, member] : *value.members()) names.push_back(escape_control(known));
    const std::string meant = did_you_mean(name, names);
    refuse("there is no field '" + escape_control(name) + "'" +
           (!meant.empty()  ? meant
            : names.empty() ? ""
                            : "; known are " + join(names, ", ")));
  }
};

}  // namespace

std::string template_text(const TemplateValue& value) {
  const Json& json = value.json;
  if (json.string() != nullptr) return value.own ? *json.string() : escape_control(*json.string());
  if (json.is_null()) return {};
  std::vector<std::string> texts;
  if (const auto* items = json.array_items()) {
    for (const auto& item : *items) texts.push_back(template_text({item, value.own}));
    return "[" + join(texts, " ") + "]";
  }
  if (const auto* members = json.members()) {
    for (const auto& [name, member] : *members)
      texts.push_back(escape_control(name) + ":" + template_text({member, value.own}));
    return "map[" + join(texts, " ") + "]";
  }
  return json.dump();
}

bool template_truth(const Json& value) {
  if (value.boolean() != nullptr) return *value.boolean();
  if (value.integer() != nullptr) return *value.integer() != 0;
  if (value.number() != nullptr) return *value.number() != 0;
  if (value.string() != nullptr) return !value.string()->empty();
  if (value.array_items() != nullptr) return !value.array_items()->empty();
  return value.members() != nullptr && !value.members()->empty();
}

Template::Template(std::string_view text) : body_(std::make_unique<Body>(Body{parse_template(text)})) {}
Template::~Template() = default;
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;

std::string Template::expand(const Json& value) const {
  Expansion expansion(value);
  expansion.expand(body_->nodes, {value, false});
  return std::move(expansion.text);
}

}  // namespace conductor::base
