// ${…} in the values of a compose file: the Compose Specification's "Interpolation".
#include "parser/compose_file.hpp"
#include "parser/diagnostics.hpp"
#include "parser/substitution.hpp"

#include <algorithm>

namespace conductor::parser {
namespace {

using Variables = std::function<std::optional<std::string>(const std::string&)>;

class Interpolator {
 public:
  Interpolator(std::string_view text, const base::Position& position, const Variables& lookup,
               std::vector<base::Diagnostic>* warnings)
      : text_(text), position_(position), lookup_(lookup), warnings_(warnings) {}

  std::string run() {
    read(0, true);
    return std::move(out_);
  }

 private:
  std::string_view text_;
  const base::Position& position_;
  const Variables& lookup_;
  std::vector<base::Diagnostic>* warnings_;
  std::size_t at_ = 0;
  std::string out_;

  [[noreturn]] void fail(std::string message, std::string hint = {}) const {
    throw base::SourceError({{position_, std::move(message), std::move(hint), base::Severity::error}}, {});
  }

  void put(std::string_view text, bool live) {
    if (!live) return;
    if (out_.size() + text.size() > longest_expansion) fail("the expanded value is longer than 64 KiB");
    out_ += text;
  }

  // Up to the end, or to the '}' of the substitution it is the word of. Without `live` the word is not used.
  void read(int depth, bool live) {
    if (depth > most_nested) fail("variables are nested too deeply");
    while (at_ < text_.size() && !(depth > 0 && text_[at_] == '}')) {
      if (text_[at_] == '$') {
        ++at_;
        dollar(depth, live);
      } else {
        const auto end = std::min(text_.find_first_of(depth > 0 ? "$}" : "$", at_), text_.size());
        put(text_.substr(at_, end - at_), live);
        at_ = end;
      }
    }
  }

  void dollar(int depth, bool live) {
    const char next = at_ < text_.size() ? text_[at_] : '\0';
    if (next == '$') {
      ++at_;
      return put("$", live);
    }
    if (next == '{') return braced(depth, live);
    if (!is_name_start(next)) fail("'$' begins no variable", "write $$ for a dollar sign");
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_name_char(text_[at_])) ++at_;
    value(std::string(text_.substr(begin, at_ - begin)), live);
  }

  void value(const std::string& name, bool live) {
    if (!live) return;
    const auto known = lookup_(name);
    if (known) return put(*known, live);
    if (warnings_ != nullptr)
      warnings_->push_back(
          {position_, "variable " + show(name) + " is not set; it stands for nothing", {}, base::Severity::warning});
  }

  void braced(int depth, bool live) {
    const auto head = read_substitution(text_.substr(++at_));
    if (head.name.empty() || !is_name_start(head.name.front()))
      fail("expected the name of a variable after ${", "write $${ for these two characters");
    if (head.operation == '!')
      fail("expected '}' or one of :- - :? ? :+ + after ${" + head.name, "write $${ for these two characters");
    at_ += head.size;
    const auto known = lookup_(head.name);
    const bool word = takes_word(head, known);
    const std::size_t before = out_.size();
    read(depth + 1, live && word);
    if (at_ == text_.size()) fail("${" + head.name + " is not closed", "expected '}'");
    ++at_;
    if (head.operation == '?' && word && live) {
      const std::string message = out_.substr(before);
      fail("variable " + show(head.name) + " is required" + (message.empty() ? "" : ": " + message));
    }
    if (head.operation == 0)
      value(head.name, live);
    else if (!word && head.operation != '+')
      put(*known, live);
  }
};

}  // namespace

std::string interpolate(std::string_view text, const base::Position& position, const Variables& lookup,
                        std::vector<base::Diagnostic>* warnings) {
  if (text.find('$') == std::string_view::npos) return std::string(text);
  return Interpolator(text, position, lookup, warnings).run();
}

}  // namespace conductor::parser
