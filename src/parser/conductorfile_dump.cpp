// The syntax tree as text: what the words are before anything is expanded or judged.
#include "base/text.hpp"
#include "parser/characters.hpp"
#include "parser/conductorfile_lines.hpp"
#include "parser/conductorfile_rules.hpp"

namespace conductor::parser {
namespace {

constexpr int deepest_trigger = 8;  // ONBUILD ONBUILD … has a tree, though no meaning

// keyword ["--flag"] "word" …
std::string dump_node(const Node& node, char escape, Diagnostics& diagnostics, int depth = 0) {
  const auto* rule = find_rule(node, diagnostics);
  if (rule == nullptr) return {};
  std::string out = base::lower(node.keyword);
  if (!node.flag_words.empty()) {
    std::string flags;
    for (const auto& flag : node.flag_words) flags += (flags.empty() ? "" : " ") + quote_text(flag);
    out += " [" + flags + "]";
  }
  if (rule->form == WordForm::instruction) {
    if (node.rest.empty()) return out;
    const Node inner = inner_node(node);
    if (depth == deepest_trigger)
      diagnostics.error(inner.position, "ONBUILD is nested too deeply");
    else
      out += " (" + dump_node(inner, escape, diagnostics, depth + 1) + ")";
    return out;
  }
  for (const auto& word : read_words(node, rule->form, escape, diagnostics).words) out += " " + quote_text(word.text);
  return out;
}

}  // namespace

std::string dump_syntax(std::string_view text, const std::string& file) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  Diagnostics diagnostics(text);
  const Lines lines = parse_lines(text, file, diagnostics);
  if (lines.nodes.empty() && diagnostics.clean())
    diagnostics.error({file, 0, 0}, "the file has no instructions", "expected FROM image");
  std::string out;
  for (const auto& node : lines.nodes) {
    if (diagnostics.full()) break;
    out += "(" + dump_node(node, lines.escape, diagnostics) + ")\n";
  }
  diagnostics.finish();
  return out;
}

}  // namespace conductor::parser
