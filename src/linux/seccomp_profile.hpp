// A system call profile in the JSON format that docker and podman share: which calls a process may make.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::linux {

// Compares the argument number `index`; `second` is for a masked comparison: argument & value == second.
struct ArgumentTest {
  unsigned index = 0;
  std::uint64_t value = 0, second = 0;
  int comparison = 0;  // enum scmp_compare of libseccomp
};

// When a rule counts: all of one of these, or none of those.
struct RuleCondition {
  std::vector<std::string> capabilities;  // "CAP_CHOWN"
  std::vector<std::string> machines;      // "amd64", as docker says it
  std::string oldest_kernel;              // "4.8"; empty: any
};

struct ProfileRule {
  std::vector<std::string> names;
  std::uint32_t action = 0;  // SCMP_ACT_* of libseccomp
  std::vector<ArgumentTest> arguments;
  RuleCondition includes, excludes;
};

struct SeccompProfile {
  std::uint32_t default_action = 0;
  std::vector<std::uint32_t> architectures;  // SCMP_ARCH_*, beside this machine's own
  std::vector<ProfileRule> rules;
};

// Pure. Throws Error saying where: "syscalls[3]: args[0]: unknown key 'valu'". An unknown name of a call is no error.
SeccompProfile parse_seccomp_profile(std::string_view text);

// The text of the profile a container has unless another is named: src/linux/seccomp_default.json.
std::string_view default_seccomp_profile();

}  // namespace conductor::linux
