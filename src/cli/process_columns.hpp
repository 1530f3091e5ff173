// The columns of `top`: ps(1)'s names, headings and values.
#pragma once

#include "base/json.hpp"
#include "cli/output.hpp"
#include "linux/process_info.hpp"

#include <string>
#include <vector>

namespace conductor::cli {

// What stands behind the container: ps options (-ef, aux, -o LIST) or names of columns. Throws Error naming what is
// unknown.
std::vector<Column> process_columns(const std::vector<std::string>& words);

// A row with those columns.
base::Json listed(const linux::ProcessInfo& process, const std::vector<Column>& columns);

}  // namespace conductor::cli
