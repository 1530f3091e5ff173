// Variables in the words of a Conductorfile: the shell-like rules of the Dockerfile reference ("Environment
// replacement").
#include "parser/characters.hpp"
#include "parser/conductorfile.hpp"
#include "parser/diagnostics.hpp"
#include "parser/shell_pattern.hpp"
#include "parser/substitution.hpp"

#include <algorithm>
#include <set>

namespace conductor::parser {
namespace {

// `A=$A$A` repeated doubles; a result may be this much longer than its text.
constexpr std::size_t longest_result = 1U << 20U;
// `${A##*}${A##*}…` reads a long value again and again: bytes of values that one text may read.
constexpr std::size_t most_read = 16U << 20U;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The end of the variable's name at `at`: digits, one of the shell's own, or letters, digits and '_'; `at` for none.
std::size_t name_end(std::string_view text, std::size_t at) {
  if (at == text.size()) return at;
  if (is_digit(text[at])) return std::min(text.find_first_not_of("0123456789", at), text.size());
  if (std::string_view("@*#?-$!").find(text[at]) != std::string_view::npos) return at + 1;
  for (std::size_t next = at; at < text.size(); at = next) {
    const char32_t code = next_code(text, next);
    if (!is_letter(code) && code != '_' && !(code >= '0' && code <= '9')) return at;
  }
  return at;
}

// What a text is read as.
enum class Reading {
  word,      // quotes and escapes have their meaning, and are gone afterwards
  pattern,   // the same, but escapes stay: they mean something to the pattern
  document,  // quotes are text
};

// Reads a text once from left to right; what it stands for is appended to words, which unquoted blanks separate if
// `split`.
class Expander {
 public:
  Expander(const Word& word, const Lookup& lookup, char escape, bool split, Reading reading = Reading::word)
      : word_(word), text_(word.text), lookup_(lookup), escape_(escape), split_(split), reading_(reading) {}

  std::vector<std::string> words() {
    read('\0', 0, true);
    end_word();
    return std::move(words_);
  }

  std::string text() {
    read('\0', 0, true);
    return std::move(current_);
  }

 private:
  const Word& word_;
  std::string_view text_;
  const Lookup& lookup_;
  char escape_;
  bool split_;
  Reading reading_;
  std::size_t at_ = 0;
  std::size_t size_ = 0;    // of all words
  std::size_t values_ = 0;  // bytes of all values read
  std::string current_;
  std::vector<std::string> words_;

  [[noreturn]] void fail(std::string message, std::string hint = {}) const {
    base::Position place = word_.position;
    if (place.column > 0) place.column += static_cast<int>(std::min(at_, text_.size()));
    throw base::SourceError({{std::move(place), std::move(message), std::move(hint), base::Severity::error}},
                            std::string_view{});
  }

  std::optional<std::string> value_of(const std::string& name) {
    auto value = lookup_(name);
    values_ += value ? value->size() : 0;
    if (values_ > most_read) fail("the text reads more than 16 MiB of values");
    return value;
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void end_word() {
    if (!current_.empty()) words_.push_back(std::move(current_));
    current_.clear();
  }

  void put(char c, bool quoted) {
    if (split_ && !quoted && (c == ' ' || (c >= '\t' && c <= '\r'))) return end_word();
    if (++size_ > text_.size() + longest_result) fail("the expanded text is more than 1 MiB longer than the text");
    current_ += c;
  }
  void put(std::string_view text, bool quoted) {
    for (const char c : text) put(c, quoted);
  }

  // Everything up to `stop`, which is left, or to the end. Without `live` nothing is put out: it is a word that its
  // modifier does not use.
  void read(char stop, int depth, bool live) {
    if (depth > most_nested) fail("variables are nested too deeply");
    while (at_ < text_.size() && (stop == '\0' || text_[at_] != stop)) {
      const char c = text_[at_];
      if (c == '\'' && reading_ != Reading::document)
        single_quoted(live);
      else if (c == '"' && reading_ != Reading::document)
        double_quoted(depth, live);
      else if (c == '$')
        dollar(depth, live, false);
      else if (c == escape_)
        escaped(live);
      else
        literal(false, live);
    }
  }

  void literal(bool quoted, bool live) {
    if (live) put(text_[at_], quoted);
    ++at_;
  }

  // At the end of the text an escape stands for nothing.
  void escaped(bool live) {
    if (reading_ == Reading::pattern && live) put(escape_, true);
    if (++at_ < text_.size()) literal(true, live);
  }

  void single_quoted(bool live) {
    const auto end = text_.find('\'', at_ + 1);
    if (end == std::string_view::npos) fail("single quote is not closed");
    for (++at_; at_ < end;) literal(true, live);
    ++at_;
  }

  void double_quoted(int depth, bool live) {
    const std::size_t open = at_++;
    while (at_ < text_.size() && text_[at_] != '"') quoted_character(depth, live, "\"$");
    if (at_ == text_.size()) {
      at_ = open;
      fail("double quote is not closed");
    }
    ++at_;
  }

  // `escapable`: what an escape makes literal, besides itself; before anything else it is text.
  void quoted_character(int depth, bool live, std::string_view escapable) {
    if (text_[at_] == '$') return dollar(depth, live, true);
    const char next = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    if (text_[at_] == escape_ && (next == escape_ || escapable.find(next) != std::string_view::npos)) {
      if (reading_ == Reading::pattern && live) put(escape_, true);
      ++at_;
    }
    literal(true, live);
  }

  void dollar(int depth, bool live, bool quoted) {
    const std::size_t begin = ++at_;
    if (peek() == '{') return braced(depth, live, quoted);
    at_ = name_end(text_, begin);
    if (!live) return;
    if (at_ == begin) return put('$', quoted);
    if (const auto value = value_of(std::string(text_.substr(begin, at_ - begin)))) put(*value, quoted);
  }

  // ${name}, or ${name, a modifier, its word, and }.
  void braced(int depth, bool live, bool quoted) {
    const std::size_t open = at_ - 1, begin = ++at_;
    if (peek() == '{' || peek() == '}' || peek() == ':') fail("expected the name of a variable after ${");
    at_ = name_end(text_, begin);
    const std::string name(text_.substr(begin, at_ - begin));
    if (name.empty() && at_ < text_.size()) fail("expected the name of a variable after ${");
    const auto value = live ? value_of(name) : std::nullopt;
    const auto result = peek() == '}' ? value.value_or("") : modified(name, value, depth, live);
    if (peek() != '}') {
      at_ = open;
      fail("${ is not closed");
    }
    ++at_;
    if (live) put(result, quoted);
  }

  // Reads modifier and word, up to the '}'.
  std::string modified(const std::string& name, const std::optional<std::string>& value, int depth, bool live) {
    const bool colon = peek() == ':';
    if (colon) ++at_;
    const char operation = peek();
    const bool known = std::string_view("-+?#%").find(operation) != std::string_view::npos;
    if (operation == '\0') return {};  // not closed
    if (operation == '/' && !colon) return replaced(value, depth, live);
    if (!known) fail("unknown modifier after ${" + name, "expected one of :- - :+ + :? ? # ## % %% / //");
    ++at_;
    if (operation == '#' || operation == '%') return trimmed(operation, value, depth, live);
    const bool present = value && !(colon && value->empty());
    const bool used = live && (operation == '+' ? present : !present);
    const std::size_t begin = at_;
    std::string word = inner('}', Reading::word, depth, used);
    if (operation == '?' && used) {
      at_ = begin;
      fail(name + ": " + (word.empty() ? value ? "the variable is empty" : "the variable is not set" : word));
    }
    return operation == '+' || !present ? word : *value;
  }

  std::string trimmed(char operation, const std::optional<std::string>& value, int depth, bool live) {
    const std::size_t begin = at_;
    std::string pattern = inner('}', Reading::pattern, depth, live);
    const bool longest = pattern.starts_with(operation);
    if (!live) return {};
    const std::string whole = value.value_or("");
    const auto trim = [&](const ShellPattern& matcher) {
      return operation == '#' ? matcher.without_prefix(whole, longest) : matcher.without_suffix(whole, longest);
    };
    return matched(begin, pattern.substr(longest ? 1 : 0), trim);
  }

  std::string replaced(const std::optional<std::string>& value, int depth, bool live) {
    const bool all = text_.substr(at_).starts_with("//");
    const std::size_t begin = at_ += all ? 2 : 1;
    const std::string pattern = inner('/', Reading::pattern, depth, live);
    if (at_ == text_.size()) {
      at_ = begin;
      fail("expected '/' and a replacement after the pattern");
    }
    ++at_;
    const std::string by = inner('}', Reading::pattern, depth, live);
    if (!live) return {};
    return matched(begin, pattern, [&](const ShellPattern& matcher) {
      return matcher.replaced(value.value_or(""), by, all, longest_result);
    });
  }

  template <class Apply>
  std::string matched(std::size_t begin, const std::string& pattern, Apply apply) {
    try {
      return apply(ShellPattern(pattern));
    } catch (const base::Error& problem) {
      at_ = begin;
      fail(problem.message());
    }
  }

  // The word of a modifier, up to `stop`.
  std::string inner(char stop, Reading reading, int depth, bool live) {
    Expander word(word_, lookup_, escape_, false, reading_ == Reading::document ? reading_ : reading);
    word.at_ = at_;
    word.values_ = values_;
    word.read(stop, depth + 1, live);
    at_ = word.at_;
    values_ = word.values_;
    return std::move(word.current_);
  }
};

}  // namespace

std::string expand(const Word& word, const Lookup& lookup, char escape) {
  return Expander(word, lookup, escape, false).text();
}

std::string expand_document(const Heredoc& heredoc, const Lookup& lookup, char escape) {
  const Word body{heredoc.content, {heredoc.position.file, heredoc.position.line, 0}};  // its lines are not the text's
  return Expander(body, lookup, escape, false, Reading::document).text();
}

std::vector<std::string> expand_words(const Word& word, const Lookup& lookup, char escape) {
  return Expander(word, lookup, escape, true).words();
}

std::vector<std::string> variables_in(std::string_view text, char) {
  std::vector<std::string> names;
  std::set<std::string_view> seen;
  for (std::size_t at = text.find('$'); at != std::string_view::npos; at = text.find('$', at)) {
    ++at;
    if (at < text.size() && text[at] == '{') ++at;
    const std::size_t end = name_end(text, at);
    const auto name = text.substr(at, end - at);
    const bool own =
        name.empty() || is_digit(name.front()) || std::string_view("@*#?-$!").find(name.front()) != name.npos;
    if (!own && seen.insert(name).second) names.emplace_back(name);
    at = own ? at : end;
  }
  return names;
}

}  // namespace conductor::parser
