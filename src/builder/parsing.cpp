#include "builder/parsing.hpp"

namespace conductor::builder {

parser::Conductorfile parse_file(const BuildContext& context, bool strict) {
  parser::ParseOptions options;
  options.strict = strict;
  options.include = includer_of(context);
  return parser::parse_conductorfile(context.file.text, context.file.name, options);
}

}  // namespace conductor::builder
