// The system call filter of a container (seccomp(2)).
#pragma once

#include "linux/capabilities.hpp"
#include "linux/seccomp_profile.hpp"

#include <string>
#include <vector>

namespace conductor::linux {

struct CompiledFilter {
  std::string program;               // an array of struct sock_filter
  std::vector<std::string> unknown;  // names of the profile that this machine or our libseccomp does not have
};

// What the profile says for a process with those capabilities. Needs libseccomp and takes milliseconds; cached by the
// caller. Throws Error: rules that contradict each other …
CompiledFilter compile_filter(const SeccompProfile& profile, CapabilitySet capabilities);

// The default profile, compiled: calls we allow, EPERM for the dangerous ones a program may ask for by name, ENOSYS for
// the rest.
std::string default_filter(CapabilitySet capabilities);

// Installs it on the calling thread; no_new_privs must be set or CAP_SYS_ADMIN held. An empty filter does nothing.
void install_filter(const std::string& filter);

}  // namespace conductor::linux
