// The file: directives, comments, which physical lines make one instruction, and the bodies of here-documents.
#include "parser/conductorfile_lines.hpp"

#include "base/text.hpp"
#include "parser/characters.hpp"
#include "parser/conductorfile_grammar.hpp"

#include <algorithm>

namespace conductor::parser {

namespace pegtl = tao::pegtl;

// --- the grammar --------------------------------------------------------------------------------------------

// E is the escape character, which a directive chooses. Each rule looks at a byte a bounded number of times, so reading
// takes time linear in the text.
namespace grammar {
// clang-format off
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
    const auto& directives = state.lines.directives;
    const bool directive = !directives.empty() && place(in, state.file).line <= directives.back().position.line;
    if (!directive) state.comments.emplace_back(trim_spaces(in.string_view()));
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
