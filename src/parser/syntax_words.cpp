// Words of a command line, and environment files.
#include "base/source.hpp"
#include "base/text.hpp"
#include "parser/diagnostics.hpp"
#include "parser/substitution.hpp"
#include "parser/syntax.hpp"

#include <algorithm>

namespace conductor::parser {

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool begun = false;  // quotes make a word even of nothing
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool escapes = c == '\\' && quote != '\'' && i + 1 < text.size() &&
                         (quote == 0 || std::string_view("\\\"$`\n").find(text[i + 1]) != std::string_view::npos);
    if (quote == 0 && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
      if (begun) words.push_back(std::move(word));
      word.clear();
      begun = false;
      continue;
    }
    begun = true;
    if (escapes)
      word += text[++i];
    else if (quote == 0 && (c == '"' || c == '\''))
      quote = c;
    else if (c == quote)
      quote = 0;
    else
      word += c;
  }
  if (quote != 0) throw base::Error(show(text) + ": a quote is not closed; expected another " + quote);
  if (begun) words.push_back(std::move(word));
  return words;
}

namespace {

// One variable of an environment file, the text before it already read. Quoted values may run over several lines.
class EnvFileReader {
 public:
  EnvFileReader(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  std::vector<Variable> read() {
    std::vector<Variable> variables;
    while (skip_to_variable()) variables.push_back(variable());
    return variables;
  }

 private:
  std::string_view text_;
  const std::string& file_;
  std::size_t at_ = 0;

  char now() const { return at_ < text_.size() ? text_[at_] : '\n'; }
  void skip_blanks() {
    while (now() == ' ' || now() == '\t' || now() == '\r') ++at_;
  }
  void skip_line() { at_ = std::min(text_.find('\n', at_), text_.size()); }

  [[noreturn]] void fail(std::size_t at, std::string message, std::string hint) const {
    const auto before = text_.substr(0, at);
    const auto start = before.rfind('\n');
    const int line = static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1;
    const int column = static_cast<int>(at - (start == std::string_view::npos ? 0 : start + 1)) + 1;
    throw base::SourceError({{{file_, line, column}, std::move(message), std::move(hint), base::Severity::error}},
                            text_);
  }

  bool skip_to_variable() {
    for (; at_ < text_.size(); ++at_) {
      skip_blanks();
      if (now() == '#') skip_line();
      if (now() != '\n') return true;
    }
    return false;
  }

  Variable variable() {
    constexpr std::string_view prefix = "export";
    if (text_.substr(at_).starts_with(prefix)) {
      const std::size_t back = at_;
      at_ += prefix.size();
      if (now() != ' ' && now() != '\t') at_ = back;
      skip_blanks();
    }
    const std::size_t begin = at_;
    while (is_name_char(now()) || now() == '.' || now() == '-') ++at_;
    Variable result{std::string(text_.substr(begin, at_ - begin)), {}};
    if (result.name.empty()) fail(at_, "expected the name of a variable", "NAME=value");
    skip_blanks();
    if (now() == '\n') return result;
    if (now() != '=') fail(at_, "expected '=' after " + show(result.name), "NAME=value");
    ++at_;
    skip_blanks();
    result.value = now() == '"' || now() == '\'' ? quoted_value() : plain_value();
    return result;
  }

  // To the end of the line, or to a '#' that a blank precedes.
  std::string plain_value() {
    const std::size_t begin = at_;
    skip_line();
    auto value = text_.substr(begin, at_ - begin);
    for (std::size_t i = 0; i < value.size(); ++i)
      if (value[i] == '#' && (i == 0 || value[i - 1] == ' ' || value[i - 1] == '\t')) value = value.substr(0, i);
    return std::string(base::trim(value));
  }

  std::string quoted_value() {
    const std::size_t open = at_;
    const char quote = now();
    std::string value;
    for (++at_; at_ < text_.size() && text_[at_] != quote; ++at_) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size() && (quote == '"' || text_[at_ + 1] == quote))
        escape(value, quote);
      else
        value += text_[at_];
    }
    if (at_ == text_.size()) fail(open, "the quote is not closed", std::string("expected another ") + quote);
    ++at_;
    skip_blanks();
    if (now() == '#') skip_line();
    if (now() != '\n') fail(at_, "expected the end of the line after the value", "");
    return value;
  }

  void escape(std::string& value, char quote) {
    const char c = text_[++at_];
    if (quote == '"' && c == 'n')
      value += '\n';
    else if (quote == '"' && c == 't')
      value += '\t';
    else if (quote == '"' && c == 'r')
      value += '\r';
    else if (c == quote || c == '\\' || c == '$')
      value += c;
    else
      (value += '\\') += c;
  }
};

}  // namespace

std::vector<Variable> parse_env_file(std::string_view text, const std::string& file) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  return EnvFileReader(text, file).read();
}

}  // namespace conductor::parser
