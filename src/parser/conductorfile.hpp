// A Conductorfile (the Dockerfile language) as instructions with positions. Pure: text in, values out.
#pragma once

#include "base/source.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
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

struct Flag {  // --name=value, or --name; quotes are taken away as the reference does
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
  std::string stage;   // AS name, lower case; may be empty
  Word written_stage;  // the name as written; for checks
  std::string as;      // the word AS as written; for checks
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
// As Copy; sources may also be URLs and archives.
struct Add : Copy {};
struct Env {
  std::vector<KeyValue> variables;
  bool old_form = false;  // ENV name value
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
  std::vector<Word> ports;  // each holds one or more after expansion: see parse_exposed()
};
struct Label {
  std::vector<KeyValue> labels;
  bool old_form = false;  // LABEL name value
};
struct Volume {
  std::vector<Word> paths;
};
struct Stopsignal {
  Word signal;
};
struct Shell {
  std::vector<std::string> words;  // JSON form only, at least one
};
struct Healthcheck {
  bool none = false;  // HEALTHCHECK NONE; else CMD. Times and retries are flags
  Command command;
};
struct Onbuild {
  std::string trigger;  // the instruction as it can be parsed again: one logical line, then its here-documents
};
struct Maintainer {
  Word name;
};
struct Arg {
  struct Declaration {
    Word name;
    std::optional<Word> value;
  };
  std::vector<Declaration> declarations;
};

using Statement = std::variant<From, Run, Copy, Add, Env, Workdir, Cmd, Entrypoint, User, Expose, Label, Arg, Volume,
                               Stopsignal, Shell, Healthcheck, Onbuild, Maintainer>;

struct Instruction {
  Statement statement;
  std::vector<Flag> flags;
  std::string keyword;  // upper case
  std::string written_keyword;
  std::vector<std::string> comments;  // the comment lines right above, without "#" and blanks around
  std::string text;         // canonical: keyword, flags, words; continuations joined, comments gone; heredocs included
  base::Position position;  // of the keyword
};

// `# name=value` above everything else: escape, syntax (accepted, without effect) and check.
struct Directive {
  std::string name;  // lower case
  std::string value;
  base::Position position;
};

struct Conductorfile {
  std::vector<Instruction> instructions;
  char escape = '\\';
  std::vector<Directive> directives;
  std::vector<base::Position> empty_continuations;  // empty lines between joined ones; for checks
  std::map<std::string, std::string> texts;         // of every file read, by its name in positions
};

// Reads what INCLUDE names; `path` is relative to the directory of the including file. Throws base::Error.
struct SourceText {
  std::string name;  // for messages
  std::string text;
};
using Includer = std::function<SourceText(const std::string& path, const std::string& including)>;
struct ParseOptions {
  bool strict = false;  // INCLUDE is a mistake
  Includer include;     // none: INCLUDE is a mistake
};

// Throws base::SourceError with every mistake found: unknown instruction (did you mean), "X is not supported yet",
// wrong number of words, malformed JSON form, unterminated here-document, unknown flag, a first instruction other than
// ARG or FROM …
Conductorfile parse_conductorfile(std::string_view text, const std::string& file, const ParseOptions& options = {});

// A trigger of a base image (see Onbuild): one instruction. FROM, ONBUILD and MAINTAINER are refused, also by
// parse_conductorfile.
Instruction parse_trigger(const std::string& trigger, const std::string& image);

// `build --call=ast`: one S-expression an instruction and line, before words are expanded or checked; see
// docs/conductorfile.md. Throws base::SourceError for what has no syntax tree: an unknown instruction, a list that is
// not of strings, an unterminated here-document.
std::string dump_syntax(std::string_view text, const std::string& file);

// What is wrong with a platform (FROM --platform, after expansion), or nothing: only this machine's can be built for.
std::string check_platform(const std::string& value);

// Answers the value of a variable, or nothing.
using Lookup = std::function<std::optional<std::string>(const std::string& name)>;

// An expanded word of EXPOSE: "80", "8000-8010/udp"; what stands before a ':' publishes nothing and is left out.
// Protocols are tcp, udp and sctp, in any case. Nothing for anything else.
struct ExposedPorts {
  int first = 0, last = 0;  // 1..65535
  std::string protocol;     // lower case
};
std::optional<ExposedPorts> parse_exposed(std::string_view text);

// --- RUN --mount: type=cache,target=/x,… ------------------------------------------------------------------------

enum class MountType { bind, cache, tmpfs, secret, ssh };
enum class Sharing { shared, locked, exclusive };  // exclusive is written "private"
struct RunMount {
  MountType type = MountType::bind;
  std::string target;            // may be relative to WORKDIR; empty: the default of the type
  std::string source, from, id;  // as far as given
  bool read_only = false;        // with the type's default: bind is read-only unless rw is given
  bool required = false;         // secret, ssh
  Sharing sharing = Sharing::shared;
  std::optional<std::uint32_t> uid, gid;
  std::optional<unsigned> mode;      // octal
  std::optional<std::int64_t> size;  // tmpfs, bytes
  std::string environment;           // secret: the variable that holds it
};
// Fields are separated as CSV does, and expanded each. Throws base::SourceError at the flag.
RunMount parse_run_mount(const Word& text, const Lookup& lookup, char escape = '\\');

// Variables as the reference says: $x ${x} ${x:-w} ${x-w} ${x:+w} ${x+w} ${x:?w} ${x?w} ${x#p} ${x##p} ${x%p} ${x%%p}
// ${x/p/r} ${x//p/r}, escapes and quotes.
std::string expand(const Word& word, const Lookup& lookup, char escape = '\\');
// The body of a here-document of COPY or ADD whose `expand` is set: variables and escapes as above, quotes are text. As
// the reference has it, an escape before any character goes away: `\\` and `\$` stand for `\` and `$`, `\n` for `n`.
std::string expand_document(const Heredoc& heredoc, const Lookup& lookup, char escape = '\\');
// As expand(), and split at blanks outside quotes, also those a variable's value brings: EXPOSE alone (`EXPOSE
// $PORTS`). The words of COPY are already apart and may hold blanks (JSON form): each goes through expand().
std::vector<std::string> expand_words(const Word& word, const Lookup& lookup, char escape = '\\');
// Names of the variables a text mentions, each once, in order; those in quotes and behind an escape count too, since
// the shell of a RUN may expand them later.
std::vector<std::string> variables_in(std::string_view text, char escape = '\\');

class PathPattern;

// .dockerignore patterns: order matters, `!` takes back, `**` any depth, comments.
class IgnoreRules {
 public:
  static IgnoreRules parse(std::string_view text);
  bool ignores(std::string_view path) const;  // relative, without leading "./"
  bool empty() const { return patterns_.empty(); }
  bool has_exceptions() const;
  // False only when an ignored directory holds nothing that is taken back: it need not be walked.
  bool may_keep_below(std::string_view directory) const;

 private:
  struct Pattern {
    std::shared_ptr<const PathPattern> pattern;
    bool keep = false;
  };
  std::vector<Pattern> patterns_;
};

// Go's filepath.Match, with `**` when `any_depth`: * ? [a-z] and \ escapes; linear in the length of the name.
bool match_pattern(std::string_view pattern, std::string_view name, bool any_depth = false);

}  // namespace conductor::parser
