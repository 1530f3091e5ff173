// Variables in the words of a Conductorfile: the shell-like rules of the Dockerfile reference ("Environment
// replacement").
#include "parser/conductorfile.hpp"
#include "parser/diagnostics.hpp"
#include "parser/substitution.hpp"

#include <algorithm>
#include <utility>

namespace conductor::parser {
namespace {

// Reads a text once from left to right; what it stands for is appended to words, which unquoted blanks separate if
// `split`.
class Expander {
 public:
  Expander(const Word& word, const Lookup& lookup, char escape, bool split)
      : word_(word), text_(word.text), lookup_(lookup), escape_(escape), split_(split) {}

  // The text of a here-document: as in double quotes that nothing ends.
  std::string run_document() {
    while (at_ < text_.size()) quoted_character(0, true, "$");
    return std::move(current_);
  }

  std::vector<std::string> run() {
    read(0, true);
    end_word();
    return std::move(words_);
  }

 private:
  const Word& word_;
  std::string_view text_;
  const Lookup& lookup_;
  char escape_;
  bool split_;
  std::size_t at_ = 0;
  std::size_t size_ = 0;  // of all words
  std::string current_;
  bool begun_ = false;  // quotes make a word even of nothing
  std::vector<std::string> words_;

  [[noreturn]] void fail(std::string message) const {
    base::Position place = word_.position;
    if (place.column > 0) place.column += static_cast<int>(std::min(at_, text_.size()));
    throw base::SourceError({{std::move(place), std::move(message), {}, base::Severity::error}}, {});
  }

  void end_word() {
    if (begun_) words_.push_back(std::move(current_));
    current_.clear();
    begun_ = false;
  }

  void put(char c, bool quoted) {
    if (split_ && !quoted && (c == ' ' || c == '\t' || c == '\n')) return end_word();
    if (++size_ > text_.size() + longest_expansion) fail("the expanded text is more than 64 KiB longer than the text");
    begun_ = true;
    current_ += c;
  }

  // Everything up to the end, or to the '}' that ends a word inside a substitution. Without `live` nothing is put out:
  // it is a word that its modifier does not use.
  void read(int depth, bool live) {
    if (depth > most_nested) fail("variables are nested too deeply");
    while (at_ < text_.size() && !(depth > 0 && text_[at_] == '}')) {
      const char c = text_[at_];
      if (c == '\'') {
        single_quoted(live);
      } else if (c == '"') {
        double_quoted(depth, live);
      } else if (c == '$') {
        dollar(depth, live, false);
      } else {
        if (c == escape_) ++at_;  // at the end of the text it stands for nothing
        if (at_ < text_.size()) literal(c == escape_, live);
      }
    }
  }

  void literal(bool quoted, bool live) {
    if (live) put(text_[at_], quoted);
    ++at_;
  }

  void single_quoted(bool live) {
    const auto end = text_.find('\'', at_ + 1);
    if (end == std::string_view::npos) fail("single quote is not closed");
    begun_ = begun_ || live;
    for (++at_; at_ < end;) literal(true, live);
    ++at_;
  }

  void double_quoted(int depth, bool live) {
    begun_ = begun_ || live;
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
    if (text_[at_] == escape_ && (next == escape_ || escapable.find(next) != std::string_view::npos)) ++at_;
    literal(true, live);
  }

  void value(const std::optional<std::string>& text, bool live, bool quoted) {
    if (live && text)
      for (const char c : *text) put(c, quoted);
  }

  void dollar(int depth, bool live, bool quoted) {
    ++at_;
    const char next = at_ < text_.size() ? text_[at_] : '\0';
    if (next == '{') return braced(depth, live, quoted);
    std::size_t end = at_;
    if (is_name_start(next))
      while (end < text_.size() && is_name_char(text_[end])) ++end;
    else if (next != '\0' && std::string_view("0123456789@*#?-$!").find(next) != std::string_view::npos)
      ++end;  // the shell's own, which have no value here
    if (end == at_) {
      if (live) put('$', quoted);
      return;
    }
    const std::string name(text_.substr(at_, end - at_));
    at_ = end;
    value(lookup_(name), live, quoted);
  }

  void braced(int depth, bool live, bool quoted) {
    const std::size_t open = at_ - 1;
    const auto head = read_substitution(text_.substr(++at_));
    if (head.name.empty()) fail("expected the name of a variable after ${");
    at_ += head.size;
    if (head.operation == '!') {
      --at_;
      fail("unknown modifier after ${" + head.name + "; expected one of :- - :+ + :? ?");
    }
    const auto known = lookup_(head.name);
    const bool word = takes_word(head, known);
    if (head.operation == '?' && word && live) missing(head, depth);
    const bool split = std::exchange(split_, split_ && !quoted);
    read(depth + 1, live && word);
    split_ = split;
    if (at_ == text_.size()) {
      at_ = open;
      fail("${ is not closed");
    }
    ++at_;
    if (!word && head.operation != '+') value(known, live, quoted);
  }

  [[noreturn]] void missing(const Substitution& head, int depth) {
    const std::size_t begin = at_;
    Expander message(word_, lookup_, escape_, false);
    message.at_ = begin;
    message.read(depth + 1, true);
    fail(head.name + ": " + (message.current_.empty() ? "the variable is not set" : message.current_));
  }
};

}  // namespace

std::string expand(const Word& word, const Lookup& lookup, char escape) {
  auto words = Expander(word, lookup, escape, false).run();
  return words.empty() ? std::string() : std::move(words.front());
}

std::string expand_document(const Heredoc& heredoc, const Lookup& lookup, char escape) {
  const Word body{heredoc.content, {heredoc.position.file, heredoc.position.line, 0}};  // its lines are not the text's
  return Expander(body, lookup, escape, false).run_document();
}

std::vector<std::string> expand_words(const Word& word, const Lookup& lookup, char escape) {
  return Expander(word, lookup, escape, true).run();
}

std::vector<std::string> variables_in(std::string_view text, char) {
  std::vector<std::string> names;
  for (std::size_t at = text.find('$'); at != std::string_view::npos; at = text.find('$', at)) {
    ++at;
    if (at < text.size() && text[at] == '{') ++at;
    std::size_t end = at;
    if (at < text.size() && is_name_start(text[at]))
      while (end < text.size() && is_name_char(text[end])) ++end;
    std::string name(text.substr(at, end - at));
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
    at = end;
  }
  return names;
}

}  // namespace conductor::parser
