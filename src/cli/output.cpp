#include "cli/output.hpp"

#include "base/error.hpp"
#include "base/template.hpp"
#include "base/text.hpp"
#include "linux/fd.hpp"

#include <unistd.h>

#include <algorithm>

namespace conductor::cli {

namespace {

// A value in a table: plain text for strings and numbers, JSON for the rest.
std::string shown(const base::Json& value) {
  if (value.string() != nullptr) return base::escape_control(*value.string());
  if (value.is_null()) return {};
  return value.dump();
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
    for (const auto& column : columns) {
      const base::Json* value = row.find(column.key);
      line.push_back(value == nullptr ? "" : shown(*value));
    }
  }
  return align(lines);
}

// Of labels by name: those of any row, by the last part of their names.
base::Json heading_of(const std::string& field, const std::vector<base::Json>& rows) {
  if (rows.front().find(field)->members() == nullptr) return base::Json(base::upper(field));
  base::Json headings = base::Json::object();
  for (const auto& row : rows)
    for (const auto& [name, text] : *row.find(field)->members())
      headings.set(name, base::upper(name.substr(name.rfind('.') + 1)));
  return headings;
}

// "table {{.ID}}\t{{.Names}}": the headings are the fields' names in capitals, or those of the columns.
std::string render_chosen_table(const std::vector<Column>& columns, const std::vector<base::Json>& rows,
                                const std::string& format) {
  base::Json headings = base::Json::object();
  if (!rows.empty() && rows.front().members() != nullptr)
    for (const auto& [name, member] : *rows.front().members()) headings.set(name, heading_of(name, rows));
  for (const auto& column : columns) headings.set(std::string(column.key), column.heading);
  const base::Template wanted(format);
  std::vector<std::vector<std::string>> lines = {base::split(wanted.expand(headings), '\t')};
  for (const auto& row : rows) lines.push_back(base::split(wanted.expand(row), '\t'));
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
  return base::Template(text).expand(value);
}

std::string render_list(const std::vector<Column>& columns, const std::vector<base::Json>& rows,
                        const std::string& format) {
  if (format.empty() || format == "table") return render_table(columns, rows);
  constexpr std::string_view table = "table ";
  if (format.starts_with(table)) return render_chosen_table(columns, rows, format.substr(table.size()));
  std::string text;
  if (format == "json") {
    for (const auto& row : rows) text += row.dump() + "\n";
    return text;
  }
  const base::Template wanted(format);
  for (const auto& row : rows) text += wanted.expand(row) + "\n";
  return text;
}

}  // namespace conductor::cli
