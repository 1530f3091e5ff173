// Text → tree.
#include "base/error.hpp"
#include "base/template_tree.hpp"
#include "base/text.hpp"

#include <cctype>
#include <charconv>

namespace conductor::base {

namespace {

[[noreturn]] void refuse(const std::string& what) { throw Error("template: " + what); }

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// --- the words of one action
// -------------------------------------------------------------------------------------------------------------

class Action {
 public:
  explicit Action(std::string_view text) : rest_(trim(text)) {}

  bool at_end() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }
  bool take(std::string_view symbol) {
    if (!rest_.starts_with(symbol)) return false;
    rest_ = trim(rest_.substr(symbol.size()));
    return true;
  }
  // A keyword: a word of its own at the beginning.
  bool take_keyword(std::string_view word) {
    if (!rest_.starts_with(word) || (rest_.size() > word.size() && is_word(rest_[word.size()]))) return false;
    return take(word);
  }

  TemplatePipeline pipeline() {
    TemplatePipeline result;
    result.variables = declared();
    for (;;) {
      result.commands.push_back(command());
      if (!take("|")) return result;
    }
  }
  TemplatePipeline whole_pipeline() {
    TemplatePipeline result = pipeline();
    if (!at_end()) refuse("'" + escape_control(rest_) + "' is not understood");
    return result;
  }

 private:
  std::string_view rest_;

  // "$a :=", "$i, $a :=", "$a =".
  std::vector<std::string> declared() {
    const std::string_view before = rest_;
    std::vector<std::string> names;
    while (take("$")) {
      names.emplace_back(word());
      rest_ = trim(rest_);
      if (take(":=") || (!rest_.starts_with("==") && take("="))) return names;
      if (!take(",")) break;
    }
    rest_ = before;
    return {};
  }

  std::vector<TemplateOperand> command() {
    std::vector<TemplateOperand> operands;
    while (!at_end() && rest_.front() != '|' && rest_.front() != ')') operands.push_back(operand());
    if (operands.empty()) refuse("a value is missing in '{{…}}'");
    // docker's one method that people call: {{.Label "x"}} looks in what is under that name.
    if (operands.size() == 2 && !operands.front().path.empty() && operands.front().path.back() == "Label")
      operands.insert(operands.begin(), function("index"));
    if (operands.size() > 1 && operands.front().kind != TemplateOperand::Kind::function)
      refuse("'" + escape_control(rest_of(operands.front())) + "' is no function that could take arguments");
    return operands;
  }
  static std::string rest_of(const TemplateOperand& operand) {
    return operand.path.empty() ? operand.name : "." + join(operand.path, ".");
  }

  TemplateOperand operand() {
    TemplateOperand result = primary();
    // A field belongs to it only without a blank between.
    if (result.kind != TemplateOperand::Kind::function)
      while (rest_.size() > 1 && rest_.front() == '.' && is_word(rest_[1])) {
        rest_.remove_prefix(1);
        result.path.emplace_back(word());
      }
    rest_ = trim(rest_);
    return result;
  }

  TemplateOperand primary() {
    const char first = rest_.front();
    if (first == '.') return dot();
    if (first == '$') return variable();
    if (first == '"' || first == '`') return literal_of(string());
    if (first == '(') return parenthesis();
    if (std::isdigit(static_cast<unsigned char>(first)) != 0 || first == '-' || first == '+') return number();
    const std::string_view name = word();
    if (name.empty()) refuse("'" + escape_control(rest_) + "' is not understood");
    if (name == "true" || name == "false") return literal_of(Json(name == "true"));
    if (name == "nil") return literal_of(Json());
    return function(std::string(name));
  }

  static TemplateOperand function(const std::string& name) {
    require_template_function(name);
    TemplateOperand result;
    result.kind = TemplateOperand::Kind::function;
    result.name = name;
    return result;
  }

  TemplateOperand dot() {
    if (rest_.size() == 1 || !is_word(rest_[1])) rest_.remove_prefix(1);
    return {};
  }
  TemplateOperand variable() {
    rest_.remove_prefix(1);
    TemplateOperand result;
    result.kind = TemplateOperand::Kind::variable;
    result.name = std::string(word());
    return result;
  }
  TemplateOperand parenthesis() {
    take("(");
    TemplateOperand result;
    result.kind = TemplateOperand::Kind::pipeline;
    result.pipeline = std::make_shared<const TemplatePipeline>(pipeline());
    if (!rest_.starts_with(")")) refuse("'(' without ')'");
    rest_.remove_prefix(1);
    return result;
  }
  static TemplateOperand literal_of(Json value) {
    TemplateOperand result;
    result.kind = TemplateOperand::Kind::literal;
    result.literal = {std::move(value), true};
    return result;
  }
  TemplateOperand number() {
    std::int64_t value = 0;
    const std::string_view digits = rest_.substr(rest_.front() == '+' ? 1 : 0);
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    const std::string_view after(end, static_cast<std::size_t>(digits.data() + digits.size() - end));
    if (failure != std::errc() || (!after.empty() && (is_word(after.front()) || after.front() == '.')))
      refuse("'" + escape_control(rest_) + "' begins with no whole number");
    rest_ = after;
    return literal_of(Json(value));
  }

  std::string_view word() {
    std::size_t size = 0;
    while (size < rest_.size() && is_word(rest_[size])) ++size;
    const std::string_view found = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return found;
  }

  std::string string() {
    const char quote = rest_.front();
    std::string text;
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == quote) {
        rest_.remove_prefix(i + 1);
        return text;
      }
      if (quote == '"' && rest_[i] == '\\' && i + 1 < rest_.size())
        text += unescaped(rest_[++i]);
      else
        text += rest_[i];
    }
    refuse("a string without its end: " + escape_control(rest_));
  }
  static char unescaped(char c) {
    if (c == 'n') return '\n';
    if (c == 't') return '\t';
    if (c == '"' || c == '\\' || c == '\'') return c;
    refuse(std::string("'\\") + c + "' is not supported in a string: \\n, \\t, \\\" and \\\\ are");
  }
};

// --- text and actions
// -------------------------------------------------------------------------------------------------------------

class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  std::vector<TemplateNode> all() {
    auto nodes = body();
    if (!stop_.empty()) refuse("{{" + stop_ + "}} without a beginning");
    return nodes;
  }

 private:
  std::string_view rest_;
  std::string stop_;        // "end", "else" or "else if …": what the last body ended with
  bool trim_next_ = false;  // "-}}"

  std::vector<TemplateNode> body() {
    std::vector<TemplateNode> nodes;
    stop_.clear();
    while (!rest_.empty()) {
      const auto begin = rest_.find("{{");
      add_text(nodes, rest_.substr(0, begin), begin);
      if (begin == std::string_view::npos) break;
      const std::string action = next_action();
      if (action == "end" || action == "else" || action.starts_with("else ")) return stop_ = action, nodes;
      if (!action.empty()) nodes.push_back(node(action));
    }
    rest_ = {};
    return nodes;
  }

  void add_text(std::vector<TemplateNode>& nodes, std::string_view text, std::size_t action) {
    if (trim_next_) text.remove_prefix(std::min(text.find_first_not_of(" \t\n"), text.size()));
    trim_next_ = false;
    const bool before_trim = action != std::string_view::npos && rest_.substr(action).starts_with("{{- ");
    if (before_trim) text = text.substr(0, text.find_last_not_of(" \t\n") + 1);
    if (text.empty()) return;
    TemplateNode made;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const bool escape = text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == 't' || text[i + 1] == 'n');
      made.text += !escape ? text[i] : text[++i] == 't' ? '\t' : '\n';
    }
    nodes.push_back(std::move(made));
  }

  // The text between the braces, without trim marks; empty for a comment. Quotes may hide "}}".
  std::string next_action() {
    rest_.remove_prefix(rest_.find("{{") + 2);
    char quote = 0;
    std::size_t end = 0;
    for (; end < rest_.size(); ++end) {
      const char c = rest_[end];
      if (quote == 0 && rest_.substr(end).starts_with("}}")) break;
      if (quote != 0 && c == '\\' && quote == '"')
        ++end;
      else if (quote != 0 && c == quote)
        quote = 0;
      else if (quote == 0 && (c == '"' || c == '`'))
        quote = c;
    }
    if (end >= rest_.size()) refuse("'{{' without '}}'");
    std::string_view action = rest_.substr(0, end);
    rest_.remove_prefix(end + 2);
    if (action.starts_with("- ")) action.remove_prefix(2);
    if (action.ends_with(" -")) action.remove_suffix(2), trim_next_ = true;
    action = trim(action);
    if (action.starts_with("/*") && action.ends_with("*/")) return {};
    if (action.empty()) refuse("'{{}}' says nothing");
    return std::string(action);
  }

  TemplateNode node(const std::string& text) {
    Action action(text);
    if (action.take_keyword("if")) return block(TemplateNode::Kind::condition, action, "if");
    if (action.take_keyword("range")) return block(TemplateNode::Kind::range, action, "range");
    if (action.take_keyword("with")) return block(TemplateNode::Kind::with, action, "with");
    for (const char* word : {"define", "template", "block", "break", "continue"})
      if (action.take_keyword(word)) refuse("{{" + std::string(word) + "}} is not supported");
    TemplateNode made;
    made.kind = TemplateNode::Kind::print;
    made.pipeline = action.whole_pipeline();
    return made;
  }

  TemplateNode block(TemplateNode::Kind kind, Action& action, const std::string& word) {
    TemplateNode made;
    made.kind = kind;
    made.pipeline = action.whole_pipeline();
    made.body = body();
    if (stop_ != "end" && !stop_.empty()) {
      Action next(stop_);
      next.take_keyword("else");
      if (next.at_end()) {
        made.otherwise = body();
      } else {
        if (!next.take_keyword("if")) refuse("{{" + escape_control(stop_) + "}} is not understood");
        made.otherwise.push_back(block(TemplateNode::Kind::condition, next, "if"));
        return made;  // whose {{end}} is ours
      }
    }
    if (stop_ != "end") refuse("{{" + word + " …}} without {{end}}");
    stop_.clear();
    return made;
  }
};

}  // namespace

std::vector<TemplateNode> parse_template(std::string_view text) { return Parser(text).all(); }

}  // namespace conductor::base
