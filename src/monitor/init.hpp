// A small first process for programs that were not written to be one: it reaps what is left behind and passes signals
// on.
#pragma once

#include "linux/fd.hpp"

namespace conductor::monitor {

// Forks. Returns in the child, which goes on to the program; the calling process stays as init, holds no descriptor and
// hardly a right any more, and ends as the program does, which ends the container.
void become_init(linux::Fd& channel);

}  // namespace conductor::monitor
