// Instructions given to `commit --change` and `import --change`: what an image says about itself, without a build.
#pragma once

#include "image/image.hpp"
#include "parser/conductorfile.hpp"

#include <string>
#include <vector>

namespace conductor::builder {

// Throws Error for what is no instruction, and for those that need a build (RUN, COPY …).
std::vector<parser::Instruction> read_changes(const std::vector<std::string>& texts);
// In order; variables are those of the configuration. Throws Error for values that make no sense.
void apply_changes(const std::vector<parser::Instruction>& instructions, image::Config& config);

}  // namespace conductor::builder
