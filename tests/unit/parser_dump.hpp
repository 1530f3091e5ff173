// Parsed files as text, for the cases: what differs from the default, a line a thing.
#pragma once

#include "parser/compose_file.hpp"
#include "parser/conductorfile.hpp"

#include <string>

namespace test {
std::string dump(const conductor::parser::Conductorfile& file);
std::string dump(const conductor::parser::ComposeFile& file);
}  // namespace test
