#include "parser/conductorfile_lines.hpp"

#include "base/text.hpp"
#include "parser/characters.hpp"
#include "parser/conductorfile_words.hpp"

#include <tao/pegtl.hpp>

#include <algorithm>

namespace conductor::parser {

namespace pegtl = tao::pegtl;
using Input = pegtl::memory_input<pegtl::tracking_mode::eager, pegtl::eol::lf_crlf, const char*>;

// --- the grammar --------------------------------------------------------------------------------------------

// Small grammars, from the outside to the inside. E is the escape character, which a directive chooses. Each rule looks
// at a byte a bounded number of times, so reading takes time linear in the text.
namespace grammar {
// clang-format off
using namespace tao::pegtl;

// At least one byte, and all up to the next of the stops: the long runs of a text in one go.
template <char... Stops> struct run_before {
  using rule_t = run_before;
  using subs_t = empty_list;
  template <class In> static bool match(In& in) {
    constexpr char stops[] = {Stops...};
    const std::string_view left(in.current(), in.size(0));
    const auto size = std::min(left.find_first_of(std::string_view(stops, sizeof...(Stops))), left.size());
    in.bump(size);
    return size > 0;
  }
};
struct all_left {
  using rule_t = all_left;
  using subs_t = empty_list;
  template <class In> static bool match(In& in) { return in.bump(in.size(0)), true; }
};
struct gap    : star<space> {};
struct blanks : star<one<' ', '\t', '\v', '\f', '\r'>> {};

// 1. The directives at the very top.
struct directive_name  : seq<alpha, star<alnum>> {};
struct line_text : star<sor<run_before<'\r', '\n'>, seq<not_at<eol>, any>>> {};
struct directive_value : line_text {};
struct directive : seq<blanks, one<'#'>, blanks, directive_name, blanks, one<'='>, directive_value, eolf> {};

// 2. The file: which physical lines make one instruction. Two escape characters in a row do not continue a line.
struct comment_text  : line_text {};
struct comment_line  : seq<blanks, one<'#'>, comment_text, eolf> {};
struct inner_comment : seq<blanks, one<'#'>, line_text, eolf> {};
struct empty_line    : seq<blanks, eol> {};
struct inner_empty   : seq<blanks, eol> {};
template <char E> struct escape_run   : seq<two<E>, star<one<E>>> {};
template <char E> struct continuation : seq<one<E>, star<blank>, star<one<'\r'>>, eolf> {};
template <char E> struct joint        : seq<continuation<E>, star<sor<inner_comment, inner_empty>>> {};
template <char E> struct piece        : plus<sor<run_before<E, '\r', '\n'>, escape_run<E>, seq<not_at<sor<continuation<E>, eol>>, any>>> {};
template <char E> struct logical_line : plus<sor<piece<E>, joint<E>>> {};
struct heredoc_bodies;  // as many as the logical line announces: see below
template <char E> struct instruction  : seq<blanks, logical_line<E>, opt<eol>, must<heredoc_bodies>> {};
template <char E> struct file : until<eof, sor<comment_line, empty_line, instruction<E>, plus<space>>> {};

// 3. One logical line: keyword, flags, rest. In flags a backslash escapes, whatever the directive says, and what is
// not closed ends with the line.
struct keyword : run_before<' ', '\t', '\n', '\v', '\f', '\r'> {};
struct plain_run : run_before<' ', '\t', '\n', '\v', '\f', '\r', '"', '\'', '\\'> {};
struct flag_escaped : seq<one<'\\'>, opt<any>> {};
template <char Q> struct flag_quoted : seq<one<Q>, until<sor<one<Q>, eof>, sor<flag_escaped, any>>> {};
struct flag_word : seq<two<'-'>, star<sor<plain_run, flag_quoted<'"'>, flag_quoted<'\''>, flag_escaped, seq<not_at<space>, any>>>> {};
struct end_of_flags : seq<two<'-'>, sor<eof, plus<space>>> {};
struct rest : all_left {};
struct parts : seq<gap, keyword, gap, star<not_at<end_of_flags>, flag_word, gap>, opt<end_of_flags>, rest> {};

// 4. The here-documents a rest announces: <<NAME at the beginning of a word, not in quotes, and no <<< (here-string).
// In a shell's line the name ends as a shell says, and blanks may stand before it. A line with a quote that is not
// closed announces nothing.
struct escaped : seq<one<'\\'>, any> {};
struct single_quoted : seq<one<'\''>, until<one<'\''>>> {};
struct double_quoted : seq<one<'"'>, until<one<'"'>, sor<escaped, any>>> {};
struct quoted : sor<double_quoted, single_quoted, escaped> {};
struct shell_end : sor<space, one<'<', '>', '|', '&', ';', '(', ')', '"', '\''>> {};
struct list_end  : sor<space, one<'<', '"', '\''>> {};
template <class End> struct name : plus<sor<quoted, seq<not_at<End>, any>>> {};
struct name_begin : sor<alpha, one<'_', '-', '$', '\\', '"', '\''>> {};
struct operation : seq<star<digit>, two<'<'>, not_at<one<'<'>>, opt<one<'-'>>> {};
struct near_heredoc : seq<operation, name<shell_end>, not_at<one<'<'>>> {};
struct far_heredoc  : seq<operation, plus<blank>, at<name_begin>, name<shell_end>, not_at<one<'<', ')'>>> {};
struct list_heredoc : seq<operation, name<list_end>, at<sor<space, eof>>> {};
struct plain_word : plus<sor<plain_run, quoted, one<'\\'>>> {};
struct shell_line : until<eof, sor<plus<space>, near_heredoc, far_heredoc, plain_word>> {};
struct list_line  : until<eof, sor<plus<space>, list_heredoc, plain_word>> {};
// clang-format on
}  // namespace grammar

// --- messages -----------------------------------------------------------------------------------------------
namespace {
template <class Rule>
inline constexpr const char* message_of = nullptr;
template <>
inline constexpr const char* message_of<grammar::heredoc_bodies> = "here-document is not terminated";

struct Messages {
  template <class Rule>
  static constexpr auto message = message_of<Rule>;
};
template <class Rule>
using Control = pegtl::must_if<Messages>::control<Rule>;

// --- actions ------------------------------------------------------------------------------------------------
struct PendingHeredoc {
  Heredoc heredoc;
  std::size_t offset = 0;  // in the rest
  bool strip_tabs = false;
  bool tentative = false;  // `<< NAME`: one only when a line NAME follows
};

struct FileState {
  const std::string& file;
  Diagnostics& diagnostics;
  Lines lines;
  LogicalLine line;                     // being put together
  std::vector<std::string> comments;    // above it
  std::vector<PendingHeredoc> pending;  // announced by it, body not read yet
  int searches = 20;                    // for the ends of tentative here-documents; bounded for hostile texts
};

template <class In>
base::Position place(const In& in, const std::string& file) {
  const auto at = in.position();
  return {file, static_cast<int>(at.line), static_cast<int>(at.column)};
}

// A flag as the reference reads it: a backslash makes any character literal, in single quotes too.
// `open` is the place of a quote that is not closed, or npos.
std::string flag_text(std::string_view text, std::size_t& open) {
  std::string out;
  char quote = 0;
  open = std::string_view::npos;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\') {
      if (i + 1 < text.size()) out += text[++i];
    } else if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
      open = i;
    } else if (c == quote) {
      quote = 0;
      open = std::string_view::npos;
    } else {
      out += c;
    }
  }
  return out;
}

// The name of a here-document without quotes and escapes, as the shell sees it.
std::string unquote(std::string_view text) {
  std::string out;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (c == '\\' && quote != '\'' && (quote == 0 || next == '"' || next == '$' || next == '\\'))
      out += i + 1 < text.size() ? text[++i] : '\\';
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

struct LineState {
  Node& node;
  std::size_t begin;  // of what is read, in the line
  const std::string& file;
};

template <>
struct LineAction<grammar::keyword> {
  template <class In>
  static void apply(const In& in, LineState& state) {
    state.node.keyword = in.string();
    state.node.position = state.node.line.position(state.begin + in.position().byte, state.file);
  }
};
template <>
struct LineAction<grammar::flag_word> {
  template <class In>
  static void apply(const In& in, LineState& state) {
    const std::size_t begin = state.begin + in.position().byte;
    std::size_t open = 0;
    const std::string word = flag_text(in.string_view(), open);
    if (open != std::string_view::npos) state.node.open_quote = state.node.line.position(begin + open, state.file);
    const auto equals = word.find('=');
    Flag flag{word.substr(2, equals == std::string::npos ? equals : equals - 2),
              {},
              state.node.line.position(begin, state.file)};
    if (equals != std::string::npos) flag.value = word.substr(equals + 1);
    state.node.flag_words.push_back(word);
    state.node.flags.push_back(std::move(flag));
  }
};
template <>
struct LineAction<grammar::rest> {
  template <class In>
  static void apply(const In& in, LineState& state) {
    const auto all = in.string_view();
    const auto trimmed = trim_spaces(all);
    state.node.rest = trimmed;
    state.node.rest_offset = state.begin + in.position().byte +
                             (trimmed.empty() ? 0 : static_cast<std::size_t>(trimmed.data() - all.data()));
  }
};

// Reads the line from `begin` on.
Node split_line(LogicalLine line, std::size_t begin, const std::string& file) {
  Node node;
  node.line = std::move(line);
  const std::string_view text = std::string_view(node.line.text()).substr(begin);
  LineState state{node, begin, file};
  Input in(text.data(), text.size(), "");
  pegtl::parse<grammar::parts, LineAction>(in, state);
  return node;
}

// --- here-documents -----------------------------------------------------------------------------------------
struct HeredocState {
  const Node& node;
  std::vector<PendingHeredoc> found;
};

template <class Rule>
struct HeredocAction : pegtl::nothing<Rule> {};
struct AnnounceHeredoc {
  template <class In>
  static void apply(const In& in, HeredocState& state) {
    const auto text = in.string_view();
    PendingHeredoc pending;
    std::size_t at = text.find("<<") + 2;
    pending.strip_tabs = text[at] == '-' && at + 1 < text.size();
    if (pending.strip_tabs) ++at;
    const auto name = text.find_first_not_of(" \t", at);
    pending.tentative = name != at;
    pending.heredoc.name = unquote(text.substr(name));
    pending.heredoc.expand = text.find_first_of("\"'\\") == std::string_view::npos;
    pending.offset = in.position().byte;
    pending.heredoc.position = state.node.at(pending.offset);
    if (!pending.heredoc.name.empty()) state.found.push_back(std::move(pending));
  }
};
template <>
struct HeredocAction<grammar::near_heredoc> : AnnounceHeredoc {};
template <>
struct HeredocAction<grammar::far_heredoc> : AnnounceHeredoc {};
template <>
struct HeredocAction<grammar::list_heredoc> : AnnounceHeredoc {};

template <class Line>
std::vector<PendingHeredoc> announced(const Node& node) {
  HeredocState state{node, {}};
  Input in(node.rest.data(), node.rest.size(), "");
  if (!pegtl::parse<Line, HeredocAction>(in, state)) return {};
  return std::move(state.found);
}

// Only RUN, COPY and ADD take here-documents, and never in JSON form.
std::vector<PendingHeredoc> announced_by(const Node& node) {
  if (node.rest.find("<<") == std::string::npos) return {};
  const std::string keyword = base::upper(node.keyword);
  if (keyword == "ONBUILD") {
    const Node inner = inner_node(node);
    if (base::upper(inner.keyword) == "ONBUILD") return {};
    auto found = announced_by(inner);
    for (auto& pending : found) pending.offset += inner.rest_offset - node.rest_offset;
    return found;
  }
  if ((keyword != "RUN" && keyword != "COPY" && keyword != "ADD") || read_json_words(node.rest)) return {};
  return keyword == "RUN" ? announced<grammar::shell_line>(node) : announced<grammar::list_line>(node);
}

void read_node(FileState& state) {
  LogicalLine line = std::move(state.line);
  state.line = {};
  if (trim_spaces(line.text()).empty()) return;
  Node node = split_line(std::move(line), 0, state.file);
  state.pending = announced_by(node);
  node.comments = std::move(state.comments);
  state.comments.clear();
  state.lines.nodes.push_back(std::move(node));
}

template <class Rule>
struct FileAction : pegtl::nothing<Rule> {};

template <>
struct FileAction<grammar::comment_text> {
  template <class In>
  static void apply(const In& in, FileState& state) {
    state.comments.emplace_back(trim_spaces(in.string_view()));
  }
};
template <>
struct FileAction<grammar::empty_line> {
  static void apply0(FileState& state) { state.comments.clear(); }
};
template <>
struct FileAction<grammar::inner_empty> {
  template <class In>
  static void apply(const In& in, FileState& state) {
    state.lines.empty_continuations.push_back(place(in, state.file));
  }
};
template <char E>
struct FileAction<grammar::piece<E>> {
  template <class In>
  static void apply(const In& in, FileState& state) {
    const auto at = in.position();
    state.line.append(in.string_view(), static_cast<int>(at.line), static_cast<int>(at.column));
  }
};
template <char E>
struct FileAction<grammar::logical_line<E>> {
  static void apply0(FileState& state) { read_node(state); }
};

// Reads one physical line with its end; nothing at the end of the text.
template <class In>
std::string_view take_line(In& in) {
  const std::string_view left(in.current(), in.size(0));
  const auto line = left.substr(0, std::min(left.find('\n'), left.size() - 1) + 1);
  in.bump(line.size());
  return line;
}

bool ends(const PendingHeredoc& pending, std::string_view line) {
  if (pending.strip_tabs) line.remove_prefix(std::min(line.find_first_not_of('\t'), line.size()));
  const auto end = line.find_last_not_of("\r\n");
  return line.substr(0, end == std::string_view::npos ? 0 : end + 1) == pending.heredoc.name;
}

// False when the text ends before the terminator. Bodies keep their line ends as written.
template <class In>
bool read_body(In& in, PendingHeredoc& pending) {
  while (!in.empty()) {
    auto line = take_line(in);
    if (ends(pending, line)) return true;
    if (pending.strip_tabs) line.remove_prefix(std::min(line.find_first_not_of('\t'), line.size()));
    pending.heredoc.content += line;
  }
  return false;
}

bool has_end(std::string_view left, const PendingHeredoc& pending) {
  while (!left.empty()) {
    const auto line = left.substr(0, std::min(left.find('\n'), left.size() - 1) + 1);
    if (ends(pending, line)) return true;
    left.remove_prefix(line.size());
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
    for (std::size_t next = 0; next < state.pending.size(); ++next) {
      auto& pending = state.pending[next];
      if (pending.tentative && (--state.searches < 0 || !has_end({in.current(), in.size(0)}, pending))) continue;
      if (!read_body(in, pending)) {
        std::swap(state.pending.front(), pending);
        return false;
      }
      auto& node = state.lines.nodes.back();
      node.heredocs.push_back(std::move(pending.heredoc));
      node.heredoc_offsets.push_back(pending.offset);
    }
    state.pending.clear();
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
    state.found.push_back({state.name, std::string(trim_spaces(in.string_view())), place(in, state.file)});
  }
};

// The first comment that is no directive ends them, as the reference says; an unknown name makes an ordinary comment.
void read_directives(std::string_view text, FileState& state) {
  Input in(text.data(), text.size(), "");
  DirectiveState directives{state.file, {}, {}};
  while (pegtl::parse<grammar::directive, DirectiveAction>(in, directives)) {
    Directive directive = std::move(directives.found.back());
    auto& known = state.lines.directives;
    const bool known_name = directive.name == "escape" || directive.name == "syntax" || directive.name == "check";
    if (!known_name || directive.value.empty()) return;
    const bool again =
        std::any_of(known.begin(), known.end(), [&](const auto& one) { return one.name == directive.name; });
    const bool escape = directive.name == "escape" && !again;
    if (again)
      state.diagnostics.error(directive.position, "directive '" + directive.name + "' is given twice");
    else if (escape && directive.value != "\\" && directive.value != "`")
      state.diagnostics.error(directive.position, "the escape character cannot be " + show(directive.value), "\\ or `");
    else if (escape)
      state.lines.escape = directive.value.front();
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

Node inner_node(const Node& outer) {
  Node inner = split_line(outer.line, outer.rest_offset, outer.position.file);
  inner.heredocs = outer.heredocs;
  for (const auto offset : outer.heredoc_offsets)
    inner.heredoc_offsets.push_back(offset + outer.rest_offset - inner.rest_offset);
  return inner;
}

Lines parse_lines(std::string_view text, const std::string& file, Diagnostics& diagnostics) {
  FileState state{file, diagnostics, {}, {}, {}, {}};
  if (!is_text(text, file, diagnostics)) return {};
  read_directives(text, state);
  if (state.lines.escape == '`')
    read_file<'`'>(text, state);
  else
    read_file<'\\'>(text, state);
  return std::move(state.lines);
}

}  // namespace conductor::parser
