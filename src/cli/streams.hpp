// The program's own streams, as a container gets them.
#pragma once

#include "runtime/runtime.hpp"

namespace conductor::cli {

// Standard input only when it is passed on; with a terminal all three are the terminal.
runtime::Streams foreground_streams(bool terminal, bool open_stdin);
bool on_terminal();  // standard input and output both are one
// Throws Error when standard input is no terminal although -t and -i were given.
void require_terminal();
// From here on standard input is /dev/null.
void close_input();

}  // namespace conductor::cli
