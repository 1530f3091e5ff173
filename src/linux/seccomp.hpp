// The system call filter of a container (seccomp(2)).
#pragma once

#include "linux/capabilities.hpp"

#include <string>

namespace conductor::linux {

// The default filter for a process with those capabilities, as an array of struct sock_filter: calls we allow, EPERM
// for the dangerous ones a program may ask for by name, ENOSYS for the rest. Needs libseccomp; cached by the caller.
std::string default_filter(CapabilitySet capabilities);

// Installs it on the calling thread; no_new_privs must be set or CAP_SYS_ADMIN held. An empty filter does nothing.
void install_filter(const std::string& filter);

}  // namespace conductor::linux
