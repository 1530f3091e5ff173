// The Conductorfile of a context as instructions, with what it includes.
#pragma once

#include "builder/context.hpp"
#include "parser/conductorfile.hpp"

namespace conductor::builder {

// Throws base::SourceError with every mistake. `strict` refuses INCLUDE.
parser::Conductorfile parse_file(const BuildContext& context, bool strict);

}  // namespace conductor::builder
