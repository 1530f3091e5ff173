#include "base/source.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace conductor::base {
namespace {

std::string_view line_of(std::string_view text, int number) {
  for (int line = 1; line < number; ++line) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, std::min(text.find('\n'), text.size()));
}

// What is shown of a line with thousands of characters: those around the column.
void cut_around(std::string_view& line, std::size_t& column) {
  constexpr std::size_t widest = 400;
  if (line.size() <= widest) return;
  auto begin = column < widest / 2 ? 0 : column - widest / 2;
  while (begin > 0 && (static_cast<unsigned char>(line[begin]) & 0xc0U) == 0x80U) --begin;  // within a character
  line = line.substr(begin, widest);
  column -= begin;
}

template <class TextOf>
std::string render_all(const std::vector<Diagnostic>& diagnostics, TextOf text_of) {
  std::string out;
  for (const auto& diagnostic : diagnostics) {
    if (!out.empty()) out += '\n';
    out += render(diagnostic, text_of(diagnostic.position.file));
  }
  return out;
}

}  // namespace

std::string to_text(const Position& position) {
  std::string text = position.file;
  if (position.line > 0) text += ":" + std::to_string(position.line);
  if (position.line > 0 && position.column > 0) text += ":" + std::to_string(position.column);
  return text;
}

std::string render(const Diagnostic& diagnostic, std::string_view text) {
  std::string out = to_text(diagnostic.position);
  if (!out.empty()) out += ": ";
  out += diagnostic.severity == Severity::error ? "error: " : "warning: ";
  out += diagnostic.message;
  auto line = diagnostic.position.line > 0 ? line_of(text, diagnostic.position.line) : std::string_view{};
  if (trim(line).empty() || diagnostic.position.column <= 0) {
    if (!diagnostic.hint.empty()) out += " (" + diagnostic.hint + ")";
    return out;
  }
  auto column = std::min(line.size(), static_cast<std::size_t>(diagnostic.position.column - 1));
  cut_around(line, column);
  // Tabs stay tabs above the caret, so that it stands below what it points at.
  const auto before = line.substr(0, column);
  std::string shown, indent;
  for (const char c : line) c == '\t' ? shown += c : shown += escape_control(std::string_view(&c, 1));
  for (const char c : before) indent += c == '\t' ? '\t' : ' ';
  out += "\n    " + shown + "\n    " + indent + "^";
  if (!diagnostic.hint.empty()) out += " " + diagnostic.hint;
  return out;
}

SourceError::SourceError(std::vector<Diagnostic> diagnostics, std::string_view text)
    : Error(render_all(diagnostics, [&](const std::string&) { return text; })), diagnostics_(std::move(diagnostics)) {}

SourceError::SourceError(std::vector<Diagnostic> diagnostics, const Rendered& rendered)
    : Error(rendered.text), diagnostics_(std::move(diagnostics)) {}

SourceError SourceError::of_files(std::vector<Diagnostic> diagnostics,
                                  const std::map<std::string, std::string>& texts) {
  const Rendered rendered(render_all(diagnostics, [&](const std::string& file) {
    const auto found = texts.find(file);
    return found == texts.end() ? std::string_view{} : std::string_view(found->second);
  }));
  return {std::move(diagnostics), rendered};
}

}  // namespace conductor::base
