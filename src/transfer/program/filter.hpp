// The system calls that are left to a process that handles hostile bytes (seccomp(2)): lists of what is needed, far
// shorter than a container's. Everything else is ENOSYS; no program is ever executed, no memory made executable.
#pragma once

#include <string>

namespace conductor::transfer::program {

std::string download_filter();  // sockets of the internet, threads; opens files for reading
std::string unpack_filter();    // makes files; no socket, no thread

}  // namespace conductor::transfer::program
