// What an image says about how it was made.
#pragma once

#include "image/image.hpp"
#include "parser/conductorfile.hpp"

#include <string>
#include <vector>

namespace conductor::builder {

// The shell of the shell form: SHELL, else /bin/sh -c.
std::vector<std::string> shell_of(const image::Config& config);

// The line of one instruction, as `history` shows it: a RUN with its shell, commands as lists of words, all else as
// written. Values of arguments and secrets are never in it.
std::string created_by(const parser::Instruction& instruction, const image::Config& config);

// The history of a base, with an entry for each layer that none of its own speaks of.
std::vector<image::History> complete_history(const image::Image& base, const std::string& name);

}  // namespace conductor::builder
