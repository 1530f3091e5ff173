// What a command says: results on standard output, everything else on standard error; lists as table, JSON or template.
#pragma once

#include "base/json.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace conductor::cli {

void print(std::string_view text);        // to standard output, as it is
void print_line(std::string_view text);   // and a line end
void say(std::string_view line);          // a line to standard error: "conductor: LINE"
void print_error(std::string_view text);  // to standard error, as it is; with a line end if it has none
// With control characters escaped, but of several lines where it has several: the place of a mistake, the last words of
// a service. Words of the user's inside are escaped by who wrote the message.
std::string escape_lines(std::string_view message);

// --- lists
// --------------------------------------------------------------------------------------------------------------

struct Column {
  std::string_view heading;  // "CONTAINER ID"
  std::string_view key;      // "ID": the member of each row
};

// One row is an object; strings are shown with control characters escaped. `format`: empty or "table" (aligned
// columns), "json" (one object a line), "table {{.Key}}\t…" or a template of {{.Key}} and {{json .Key}} per line.
std::string render_list(const std::vector<Column>& columns, const std::vector<base::Json>& rows,
                        const std::string& format);

// A template as base/template.hpp has them; an unknown field or function throws with what was probably meant.
std::string expand_template(const std::string& text, const base::Json& value);

}  // namespace conductor::cli
