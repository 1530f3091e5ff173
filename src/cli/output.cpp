#include "cli/output.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "linux/fd.hpp"

#include <unistd.h>

#include <algorithm>

namespace conductor::cli {

namespace {

// A value inside a line: plain text for strings and numbers, JSON for the rest.
std::string shown(const base::Json& value) {
  if (value.string() != nullptr) return base::escape_control(*value.string());
  if (value.is_null()) return {};
  return value.dump();
}

// "Config.Image" below a value; the object itself for an empty path.
const base::Json& look_up(const base::Json& value, std::string_view path) {
  const base::Json* found = &value;
  for (const auto& name : base::split(path, '.')) {
    if (name.empty()) continue;
    const base::Json* next = found->find(name);
    if (next == nullptr) {
      std::vector<std::string> names;
      if (found->members() != nullptr)
        for (const auto& [known, member] : *found->members()) names.push_back(known);
      const std::string meant = base::did_you_mean(name, names);
      throw base::Error("template: there is no field '" + base::escape_control(name) + "'" +
                        (meant.empty() ? "; known are " + base::join(names, ", ") : meant));
    }
    found = next;
  }
  return *found;
}

std::string evaluate(std::string_view expression, const base::Json& value) {
  expression = base::trim(expression);
  const bool as_json = expression.starts_with("json ");
  if (as_json) expression = base::trim(expression.substr(5));
  if (!expression.starts_with('.') || expression.find_first_of(" |()") != std::string_view::npos)
    throw base::Error("template: '" + base::escape_control(expression) +
                      "' is not supported: {{.Field}}, {{.Field.Member}} and {{json .Field}} are");
  const base::Json& found = look_up(value, expression);
  return as_json ? found.dump() : shown(found);
}

// Moves `position` behind the {{end}} that belongs to a range whose text begins there.
void skip_range(std::string_view text, std::size_t& position) {
  for (int depth = 1; depth > 0;) {
    const auto begin = text.find("{{", position), end = text.find("}}", position);
    if (begin == std::string_view::npos || end == std::string_view::npos)
      throw base::Error("template: {{range …}} without {{end}}");
    const auto expression = base::trim(text.substr(begin + 2, end - begin - 2));
    depth += expression.starts_with("range ") ? 1 : expression == "end" ? -1 : 0;
    position = end + 2;
  }
}

// The text of a template up to its end, or to the {{end}} that belongs to a range; `position` is moved behind it.
std::string expand(std::string_view text, std::size_t& position, const base::Json& value, bool in_range);

// {{range .Path}}…{{end}}: the text between for each item of a list or each member of an object.
std::string expand_range(std::string_view path, std::string_view text, std::size_t& position, const base::Json& value) {
  const base::Json& list = look_up(value, base::trim(path));
  const std::size_t begin = position;
  std::string out;
  if (list.array_items() != nullptr)
    for (const auto& item : *list.array_items()) out += expand(text, position = begin, item, true);
  else if (list.members() != nullptr)
    for (const auto& [name, member] : *list.members()) out += expand(text, position = begin, member, true);
  if (position == begin) skip_range(text, position);
  return out;
}

std::string expand(std::string_view text, std::size_t& position, const base::Json& value, bool in_range) {
  constexpr std::string_view range = "range ";
  std::string out;
  while (position < text.size()) {
    const auto rest = text.substr(position);
    if (rest.starts_with("{{")) {
      const auto end = rest.find("}}");
      if (end == std::string_view::npos) throw base::Error("template: '{{' without '}}'");
      const auto expression = base::trim(rest.substr(2, end - 2));
      position += end + 2;
      if (expression == "end" && in_range) return out;
      if (expression.starts_with(range))
        out += expand_range(expression.substr(range.size()), text, position, value);
      else
        out += evaluate(expression, value);
    } else if (rest.starts_with("\\t") || rest.starts_with("\\n")) {
      out += rest[1] == 't' ? '\t' : '\n';
      position += 2;
    } else {
      out += text[position++];
    }
  }
  if (in_range) throw base::Error("template: {{range …}} without {{end}}");
  return out;
}

// Columns a text takes on a terminal, for text of letters one column wide: bytes that begin a character (UTF-8).
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

// Aligned columns, three blanks between them, none at the end of a line.
std::string align(const std::vector<std::vector<std::string>>& lines) {
  std::vector<std::size_t> widths;
  for (const auto& line : lines)
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (i == widths.size()) widths.push_back(0);
      widths[i] = std::max(widths[i], width_of(line[i]));
    }
  constexpr std::size_t gap = 3;
  std::string text;
  for (const auto& line : lines) {
    std::string row;
    for (std::size_t i = 0; i < line.size(); ++i)
      row += line[i] + std::string(widths[i] - width_of(line[i]) + gap, ' ');
    text += row.substr(0, row.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::string render_table(const std::vector<Column>& columns, const std::vector<base::Json>& rows) {
  std::vector<std::vector<std::string>> lines(1);
  for (const auto& column : columns) lines.front().emplace_back(column.heading);
  for (const auto& row : rows) {
    auto& line = lines.emplace_back();
    for (const auto& column : columns) line.push_back(shown(look_up(row, column.key)));
  }
  return align(lines);
}

// "table {{.ID}}\t{{.Names}}": the headings are the fields' names in capitals, or those of the columns.
std::string render_chosen_table(const std::vector<Column>& columns, const std::vector<base::Json>& rows,
                                const std::string& format) {
  base::Json headings = base::Json::object();
  if (!rows.empty() && rows.front().members() != nullptr)
    for (const auto& [name, member] : *rows.front().members()) headings.set(name, base::upper(name));
  for (const auto& column : columns) headings.set(std::string(column.key), column.heading);
  std::vector<std::vector<std::string>> lines = {base::split(expand_template(format, headings), '\t')};
  for (const auto& row : rows) lines.push_back(base::split(expand_template(format, row), '\t'));
  return align(lines);
}

}  // namespace

void print(std::string_view text) { linux::write_all(STDOUT_FILENO, text); }

void print_line(std::string_view text) { print(std::string(text) + "\n"); }

void say(std::string_view line) { linux::write_all(STDERR_FILENO, "conductor: " + std::string(line) + "\n"); }

void print_error(std::string_view text) {
  linux::write_all(STDERR_FILENO, std::string(text) + (text.ends_with('\n') ? "" : "\n"));
}

std::string escape_lines(std::string_view message) {
  auto lines = base::split(message, '\n');
  for (auto& line : lines) line = base::escape_control(line);
  return base::join(lines, "\n");
}

std::string expand_template(const std::string& text, const base::Json& value) {
  std::size_t position = 0;
  return expand(text, position, value, false);
}

std::string render_list(const std::vector<Column>& columns, const std::vector<base::Json>& rows,
                        const std::string& format) {
  if (format.empty() || format == "table") return render_table(columns, rows);
  constexpr std::string_view table = "table ";
  if (format.starts_with(table)) return render_chosen_table(columns, rows, format.substr(table.size()));
  std::string text;
  for (const auto& row : rows) text += (format == "json" ? row.dump() : expand_template(format, row)) + "\n";
  return text;
}

}  // namespace conductor::cli
