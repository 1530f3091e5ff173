// The Conductorfile of a context as instructions, with what it includes.
#pragma once

#include "builder/context.hpp"
#include "parser/conductorfile.hpp"

namespace conductor::builder {

// INCLUDE names files by their path relative to the file it stands in; none is read outside the context (or outside the
// directory of a Conductorfile that lies elsewhere). Throws base::SourceError with every mistake.
parser::Conductorfile parse_file(const BuildContext& context, bool strict);

}  // namespace conductor::builder
