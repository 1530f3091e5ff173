// One logical line: keyword, flags, rest, and the here-documents it announces.
#include "base/text.hpp"
#include "parser/characters.hpp"
#include "parser/conductorfile_grammar.hpp"
#include "parser/conductorfile_words.hpp"

namespace conductor::parser {

namespace pegtl = tao::pegtl;

namespace grammar {
// clang-format off
// One logical line: keyword, flags, rest. In flags a backslash escapes, whatever the directive says, and what is
// not closed ends with the line.
struct keyword : run_before<' ', '\t', '\n', '\v', '\f', '\r'> {};
struct plain_run : run_before<' ', '\t', '\n', '\v', '\f', '\r', '"', '\'', '\\'> {};
struct flag_escaped : seq<one<'\\'>, opt<any>> {};
template <char Q> struct flag_quoted : seq<one<Q>, until<sor<one<Q>, eof>, sor<flag_escaped, any>>> {};
struct flag_word : seq<two<'-'>, star<sor<plain_run, flag_quoted<'"'>, flag_quoted<'\''>, flag_escaped, seq<not_at<space>, any>>>> {};
struct end_of_flags : seq<two<'-'>, sor<eof, plus<space>>> {};
struct rest : all_left {};
struct parts : seq<gap, keyword, gap, star<not_at<end_of_flags>, flag_word, gap>, opt<end_of_flags>, rest> {};

// The here-documents a rest announces: <<NAME at the beginning of a word, not in quotes, and no <<< (here-string).
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

namespace {

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

}  // namespace

Node split_line(LogicalLine line, std::size_t begin, const std::string& file) {
  Node node;
  node.line = std::move(line);
  const std::string_view text = std::string_view(node.line.text()).substr(begin);
  LineState state{node, begin, file};
  Input in(text.data(), text.size(), "");
  pegtl::parse<grammar::parts, LineAction>(in, state);
  return node;
}

namespace {

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

}  // namespace

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

Node inner_node(const Node& outer) {
  Node inner = split_line(outer.line, outer.rest_offset, outer.position.file);
  inner.heredocs = outer.heredocs;
  for (const auto offset : outer.heredoc_offsets)
    inner.heredoc_offsets.push_back(offset + outer.rest_offset - inner.rest_offset);
  return inner;
}

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

}  // namespace conductor::parser
