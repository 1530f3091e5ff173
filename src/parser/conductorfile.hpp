// A Conductorfile (the Dockerfile language) as instructions with positions. Pure: text in, values out.
#pragma once

#include "base/source.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace conductor::parser {

// A word as written, before variables are expanded, and where it stands.
struct Word {
  std::string text;
  base::Position position;
};

struct Flag {  // --name=value, or --name
  std::string name;
  std::optional<std::string> value;
  base::Position position;
};

// A here-document: <<NAME, <<-NAME (tabs removed), <<"NAME" (no expansion).
struct Heredoc {
  std::string name;
  std::string content;
  bool expand = true;
  base::Position position;
};

// A command in shell form (one string) or JSON form (words).
struct Command {
  bool shell = true;
  std::vector<std::string> words;  // shell form: exactly one
  base::Position position;
};

// Both may hold quotes and variables: LABEL "a.b"="c d".
struct KeyValue {
  Word key;
  Word value;
};

struct From {
  Word image;
  std::string stage;  // AS name, lower case; may be empty
};
struct Run {
  Command command;
  std::vector<Heredoc> heredocs;
};
struct Copy {
  std::vector<Word> sources;
  Word destination;
  std::vector<Heredoc> heredocs;  // sources that are here-documents, named as the sources "<<NAME"
};
struct Env {
  std::vector<KeyValue> variables;
};
struct Workdir {
  Word path;
};
struct Cmd {
  Command command;
};
struct Entrypoint {
  Command command;
};
struct User {
  Word user;
};
struct Expose {
  std::vector<Word> ports;
};
struct Label {
  std::vector<KeyValue> labels;
};
struct Arg {
  struct Declaration {
    Word name;
    std::optional<Word> value;
  };
  std::vector<Declaration> declarations;
};

using Statement = std::variant<From, Run, Copy, Env, Workdir, Cmd, Entrypoint, User, Expose, Label, Arg>;

struct Instruction {
  Statement statement;
  std::vector<Flag> flags;
  std::string keyword;      // upper case
  std::string text;         // canonical: keyword, flags, words; continuations joined, comments gone; heredocs included
  base::Position position;  // of the keyword
};

struct Conductorfile {
  std::vector<Instruction> instructions;
  char escape = '\\';
};

// Throws base::SourceError with every mistake found: unknown instruction (did you mean), "X is not supported yet",
// wrong number of words, malformed JSON form, unterminated here-document, unknown flag, a first instruction other than
// ARG or FROM …
Conductorfile parse_conductorfile(std::string_view text, const std::string& file);

// Variables as the reference says: $x ${x} ${x:-w} ${x-w} ${x:+w} ${x+w} ${x:?w} ${x?w}, escapes and quotes.
// `lookup` answers the value of a name, or nothing. Quotes are removed unless `keep_quotes`.
using Lookup = std::function<std::optional<std::string>(const std::string& name)>;
std::string expand(const Word& word, const Lookup& lookup, char escape = '\\');
// The body of a here-document whose `expand` is set: variables as above, quotes are text, an escape counts before $ and
// itself alone.
std::string expand_document(const Heredoc& heredoc, const Lookup& lookup, char escape = '\\');
// As expand(), and split at blanks outside quotes, also those a variable's value brings: EXPOSE alone (`EXPOSE
// $PORTS`). The words of COPY are already apart and may hold blanks (JSON form): each goes through expand().
std::vector<std::string> expand_words(const Word& word, const Lookup& lookup, char escape = '\\');
// Names of the variables a text mentions, each once, in order; those in quotes and behind an escape count too, since
// the shell of a RUN may expand them later.
std::vector<std::string> variables_in(std::string_view text, char escape = '\\');

// .dockerignore patterns: order matters, `!` takes back, `**` any depth, comments.
class IgnoreRules {
 public:
  static IgnoreRules parse(std::string_view text);
  bool ignores(std::string_view path) const;  // relative, without leading "./"
  bool empty() const { return patterns_.empty(); }
  bool has_exceptions() const;  // then an ignored directory must still be walked

 private:
  struct Pattern {
    std::string text;
    bool keep = false;
    std::string head, tail;  // what every match begins and ends with: tells most paths apart at once
    bool literal = false;    // nothing in it but the name itself
    bool matches(std::string_view path) const;
  };
  std::vector<Pattern> patterns_;
};

// Go's filepath.Match, with `**` when `any_depth`: * ? [a-z] and \ escapes; linear in the length of the name.
bool match_pattern(std::string_view pattern, std::string_view name, bool any_depth = false);

}  // namespace conductor::parser
