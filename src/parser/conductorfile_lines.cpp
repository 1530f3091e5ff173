#include "parser/conductorfile_lines.hpp"

#include "base/text.hpp"

#include <tao/pegtl.hpp>

#include <algorithm>

namespace conductor::parser {

namespace pegtl = tao::pegtl;
using Input = pegtl::memory_input<pegtl::tracking_mode::eager, pegtl::eol::lf_crlf, const char*>;

// --- the grammar --------------------------------------------------------------------------------------------

// Three small grammars, from the outside to the inside. E is the escape character, which a directive chooses. Each rule
// looks at a byte a bounded number of times, so reading takes time linear in the text.
namespace grammar {
// clang-format off
using namespace tao::pegtl;

struct blanks : star<blank> {};

// 1. The directives at the very top.
struct directive_name  : plus<alpha> {};
struct directive_value : until<at<eolf>> {};
struct directive : seq<blanks, one<'#'>, blanks, directive_name, blanks, one<'='>, directive_value, eolf> {};

// 2. The file: which physical lines make one instruction. Two escape characters in a row do not continue a line.
struct comment_line : seq<blanks, one<'#'>, until<eolf>> {};
struct empty_line   : seq<blanks, eol> {};
template <char E> struct escape_run   : seq<two<E>, star<one<E>>> {};
template <char E> struct continuation : seq<one<E>, blanks, eolf> {};
template <char E> struct joint        : seq<continuation<E>, star<sor<comment_line, empty_line>>> {};
template <char E> struct piece        : plus<sor<escape_run<E>, seq<not_at<sor<continuation<E>, eol>>, any>>> {};
template <char E> struct logical_line : plus<sor<piece<E>, joint<E>>> {};
struct heredoc_bodies;  // as many as the logical line announces: see below
template <char E> struct instruction  : seq<blanks, logical_line<E>, opt<eol>, must<heredoc_bodies>> {};
template <char E> struct file         : until<eof, sor<comment_line, empty_line, instruction<E>, plus<blank>>> {};

// 3. One logical line: keyword, flags, rest.
struct gap     : star<space> {};
struct keyword : plus<not_at<space>, any> {};
template <char E> struct escaped : seq<one<E>, any> {};
struct single_quoted : seq<one<'\''>, until<one<'\''>>> {};
template <char E> struct double_quoted : seq<one<'"'>, until<one<'"'>, sor<escaped<E>, any>>> {};
struct closing_quote : failure {};
template <char E> struct flag_piece
    : sor<double_quoted<E>, single_quoted, if_must<at<one<'"', '\''>>, closing_quote>, escaped<E>, seq<not_at<space>, any>> {};
struct flag_name : plus<not_one<'=', ' ', '\t', '\v', '\f', '\r', '\n'>> {};
template <char E> struct flag_value : star<flag_piece<E>> {};
template <char E> struct flag : seq<two<'-'>, flag_name, opt<one<'='>, flag_value<E>>, gap> {};
struct end_of_flags : seq<two<'-'>, sor<eof, plus<space>>> {};
struct rest : until<eof> {};
template <char E> struct parts : seq<gap, keyword, gap, star<flag<E>>, opt<end_of_flags>, rest> {};

// 4. The here-documents a rest announces: <<NAME at the beginning of a word, not in quotes, and no <<< (here-string).
struct heredoc_fd   : star<digit> {};
struct heredoc_dash : opt<one<'-'>> {};
template <char E> struct heredoc_name
    : plus<sor<double_quoted<E>, single_quoted, escaped<E>, seq<not_at<sor<space, one<'<', '>', '|', '&', ';', '(', ')'>>>, any>>> {};
template <char E> struct heredoc : seq<heredoc_fd, two<'<'>, not_at<one<'<'>>, heredoc_dash, heredoc_name<E>> {};
template <char E> struct shell_word : plus<sor<double_quoted<E>, single_quoted, escaped<E>, seq<not_at<space>, any>>> {};
template <char E> struct shell_line : until<eof, sor<plus<space>, heredoc<E>, shell_word<E>>> {};
// clang-format on
}  // namespace grammar

// --- messages -----------------------------------------------------------------------------------------------
namespace {
template <class Rule>
inline constexpr const char* message_of = nullptr;
template <>
inline constexpr const char* message_of<grammar::heredoc_bodies> = "here-document is not terminated";
template <>
inline constexpr const char* message_of<grammar::closing_quote> = "quote in a flag is not closed";

struct Messages {
  template <class Rule>
  static constexpr auto message = message_of<Rule>;
};
template <class Rule>
using Control = pegtl::must_if<Messages>::control<Rule>;

// --- actions ------------------------------------------------------------------------------------------------
struct PendingHeredoc {
  Heredoc heredoc;
  bool strip_tabs = false;
};

struct FileState {
  const std::string& file;
  Diagnostics& diagnostics;
  Lines lines;
  LogicalLine line;                     // being put together
  std::vector<PendingHeredoc> pending;  // announced by it, body not read yet
};

struct LineState {
  Node& node;
  const std::string& file;
  char escape;
  bool strip_tabs = false;
  std::vector<PendingHeredoc> heredocs;
};

// `text` without quotes and escape characters, as the shell would see it.
std::string unquote(std::string_view text, char escape) {
  std::string out;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == escape && quote != '\'' && i + 1 < text.size())
      out += text[++i];
    else if (quote == 0 && (c == '"' || c == '\''))
      quote = c;
    else if (c == quote)
      quote = 0;
    else
      out += c;
  }
  return out;
}

template <class Rule>
struct LineAction : pegtl::nothing<Rule> {};

template <>
struct LineAction<grammar::keyword> {
  template <class In>
  static void apply(const In& in, LineState& state) {
    state.node.keyword = in.string();
    state.node.position = state.node.line.position(in.position().byte, state.file);
  }
};
template <>
struct LineAction<grammar::flag_name> {
  template <class In>
  static void apply(const In& in, LineState& state) {
    const auto begin = in.position().byte - 2;  // of the dashes
    state.node.flags.push_back({in.string(), {}, state.node.line.position(begin, state.file)});
  }
};
template <char E>
struct LineAction<grammar::flag_value<E>> {
  template <class In>
  static void apply(const In& in, LineState& state) {
    state.node.flags.back().value = unquote(in.string_view(), state.escape);
  }
};
template <>
struct LineAction<grammar::rest> {
  template <class In>
  static void apply(const In& in, LineState& state) {
    const auto all = in.string_view();
    const auto trimmed = base::trim(all);
    state.node.rest = trimmed;
    state.node.rest_offset =
        in.position().byte + (trimmed.empty() ? 0 : static_cast<std::size_t>(trimmed.data() - all.data()));
  }
};
template <>
struct LineAction<grammar::heredoc_dash> {
  template <class In>
  static void apply(const In& in, LineState& state) {
    state.strip_tabs = !in.empty();
  }
};
template <char E>
struct LineAction<grammar::heredoc_name<E>> {
  template <class In>
  static void apply(const In& in, LineState& state) {
    const auto text = in.string_view();
    PendingHeredoc pending;
    pending.heredoc.name = unquote(text, state.escape);
    pending.heredoc.expand =
        text.find_first_of("\"'") == std::string_view::npos && text.find(state.escape) == std::string_view::npos;
    pending.heredoc.position = state.node.at(in.position().byte);
    pending.strip_tabs = state.strip_tabs;
    state.heredocs.push_back(std::move(pending));
  }
};

// Only these take here-documents; the JSON form never does.
bool may_have_heredocs(const Node& node) {
  if (node.rest.find("<<") == std::string::npos || node.rest.front() == '[') return false;
  std::string keyword = base::upper(node.keyword);
  if (keyword == "ONBUILD") keyword = base::upper(node.rest.substr(0, node.rest.find_first_of(" \t")));
  return keyword == "RUN" || keyword == "COPY" || keyword == "ADD";
}

template <char E>
void read_node(FileState& state) {
  Node node;
  node.line = std::move(state.line);
  state.line = {};
  if (base::trim(node.line.text()).empty()) return;
  const std::string text = node.line.text();
  LineState line{node, state.file, E, false, {}};
  try {
    Input parts(text.data(), text.size(), "");
    pegtl::parse<grammar::parts<E>, LineAction, Control>(parts, line);
  } catch (const pegtl::parse_error& error) {
    const auto at = node.line.position(error.positions().front().byte, state.file);
    return state.diagnostics.error(at, std::string(error.message()));
  }
  if (may_have_heredocs(node)) {
    Input rest(node.rest.data(), node.rest.size(), "");
    pegtl::parse<grammar::shell_line<E>, LineAction>(rest, line);
    state.pending = std::move(line.heredocs);
  }
  state.lines.nodes.push_back(std::move(node));
}

template <class Rule>
struct FileAction : pegtl::nothing<Rule> {};

template <char E>
struct FileAction<grammar::piece<E>> {
  template <class In>
  static void apply(const In& in, FileState& state) {
    state.line.append(in.string_view(), static_cast<int>(in.position().line), static_cast<int>(in.position().column));
  }
};
template <char E>
struct FileAction<grammar::logical_line<E>> {
  static void apply0(FileState& state) { read_node<E>(state); }
};

// Reads one physical line with its end; nothing at the end of the text.
template <class In>
std::string_view take_line(In& in) {
  const std::string_view left(in.current(), in.size(0));
  const auto line = left.substr(0, std::min(left.find('\n'), left.size() - 1) + 1);
  in.bump(line.size());
  return line;
}

// False when the text ends before the terminator. Bodies keep their line ends as written.
template <class In>
bool read_body(In& in, PendingHeredoc& pending) {
  while (!in.empty()) {
    auto line = take_line(in);
    if (pending.strip_tabs) line.remove_prefix(std::min(line.find_first_not_of('\t'), line.size()));
    const auto end = line.find_last_not_of("\r\n");
    if (line.substr(0, end == std::string_view::npos ? 0 : end + 1) == pending.heredoc.name) return true;
    pending.heredoc.content += line;
  }
  return false;
}
}  // namespace

// The one rule that no fixed grammar can write: what ends it is named by the line before.
struct grammar::heredoc_bodies {
  using rule_t = heredoc_bodies;
  using subs_t = tao::pegtl::empty_list;
  template <pegtl::apply_mode, pegtl::rewind_mode, template <class...> class, template <class...> class, class In>
  static bool match(In& in, FileState& state) {
    while (!state.pending.empty()) {
      if (!read_body(in, state.pending.front())) return false;
      state.lines.nodes.back().heredocs.push_back(std::move(state.pending.front().heredoc));
      state.pending.erase(state.pending.begin());
    }
    return true;
  }
};

namespace {
struct DirectiveState {
  const std::string& file;
  std::string name;
  std::vector<Directive> found;
};

template <class Rule>
struct DirectiveAction : pegtl::nothing<Rule> {};
template <>
struct DirectiveAction<grammar::directive_name> {
  template <class In>
  static void apply(const In& in, DirectiveState& state) {
    state.name = base::lower(in.string_view());
  }
};
template <>
struct DirectiveAction<grammar::directive_value> {
  template <class In>
  static void apply(const In& in, DirectiveState& state) {
    const auto at = in.position();
    const base::Position position{state.file, static_cast<int>(at.line), static_cast<int>(at.column)};
    state.found.push_back({state.name, std::string(base::trim(in.string_view())), position});
  }
};

// The first comment that is no directive ends them, as the reference says; an unknown name makes an ordinary comment.
void read_directives(std::string_view text, FileState& state) {
  Input in(text.data(), text.size(), "");
  DirectiveState directives{state.file, {}, {}};
  while (pegtl::parse<grammar::directive, DirectiveAction>(in, directives)) {
    Directive directive = std::move(directives.found.back());
    auto& known = state.lines.directives;
    if (directive.name != "escape" && directive.name != "syntax" && directive.name != "check") return;
    if (std::any_of(known.begin(), known.end(), [&](const auto& d) { return d.name == directive.name; }))
      state.diagnostics.error(directive.position, "directive '" + directive.name + "' is given twice");
    if (directive.name == "escape") {
      if (directive.value == "\\" || directive.value == "`")
        state.lines.escape = directive.value.front();
      else
        state.diagnostics.error(directive.position, "the escape character cannot be " + show(directive.value),
                                "\\ or `");
    }
    known.push_back(std::move(directive));
  }
}

template <char E>
void read_file(std::string_view text, FileState& state) {
  Input in(text.data(), text.size(), "");
  try {
    pegtl::parse<grammar::file<E>, FileAction, Control>(in, state);
  } catch (const pegtl::parse_error& error) {
    const auto& heredoc = state.pending.front().heredoc;  // nothing else of this grammar can fail
    state.diagnostics.error(heredoc.position, std::string(error.message()), "expected a line " + show(heredoc.name));
  }
}

// NUL is in no text, and a file of many megabytes is no Conductorfile.
bool is_text(std::string_view text, const std::string& file, Diagnostics& diagnostics) {
  constexpr std::size_t longest = 2U << 20U;
  if (text.size() > longest) {
    diagnostics.error({file, 0, 0}, "the file is longer than 2 MiB");
    return false;
  }
  const auto nul = text.find('\0');
  if (nul == std::string_view::npos) return true;
  const auto before = text.substr(0, nul);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const auto start = before.rfind('\n');
  const auto column = nul - (start == std::string_view::npos ? 0 : start + 1) + 1;
  diagnostics.error({file, static_cast<int>(line), static_cast<int>(column)}, "a NUL byte is not text");
  return false;
}
}  // namespace

void LogicalLine::append(std::string_view piece, int line, int column) {
  pieces_.push_back({text_.size(), line, column});
  text_ += piece;
}

base::Position LogicalLine::position(std::size_t offset, const std::string& file) const {
  auto after = std::upper_bound(pieces_.begin(), pieces_.end(), offset,
                                [](std::size_t wanted, const Piece& piece) { return wanted < piece.offset; });
  if (after == pieces_.begin()) return {file, 0, 0};
  const Piece& piece = *std::prev(after);
  return {file, piece.line, piece.column + static_cast<int>(offset - piece.offset)};
}

Lines parse_lines(std::string_view text, const std::string& file, Diagnostics& diagnostics) {
  FileState state{file, diagnostics, {}, {}, {}};
  if (!is_text(text, file, diagnostics)) return {};
  read_directives(text, state);
  if (state.lines.escape == '`')
    read_file<'`'>(text, state);
  else
    read_file<'\\'>(text, state);
  return std::move(state.lines);
}

}  // namespace conductor::parser
