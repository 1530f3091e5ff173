// Profiles in docker's JSON format: what is read, and what is refused where.
#include "base/error.hpp"
#include "linux/seccomp_profile.hpp"
#include "support/catch.hpp"

#include <seccomp.h>

#include <string>

using namespace conductor;

namespace {

std::string refusal_of(const std::string& text) {
  try {
    linux::parse_seccomp_profile(text);
  } catch (const base::Error& error) {
    return error.message();
  }
  return "(nothing)";
}

std::string with_rule(const std::string& rule) {
  return R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}, )" +
         rule + "]}";
}

}  // namespace

TEST_CASE("a profile is read with everything it can say") {
  const auto profile = linux::parse_seccomp_profile(R"({
    "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
    "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]},
                {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]},
                {"architecture": "SCMP_ARCH_LOONGARCH64", "subArchitectures": null}],
    "syscalls": [
      {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW", "comment": "", "args": null, "includes": {}, "excludes": {}},
      {"name": "clone", "action": "SCMP_ACT_ALLOW",
       "args": [{"index": 0, "value": 2114060288, "valueTwo": 1, "op": "SCMP_CMP_MASKED_EQ"}],
       "includes": {"arches": ["amd64"], "minKernel": "4.8"}, "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
      {"names": ["mount"], "action": "SCMP_ACT_ERRNO"},
      {"names": ["umount"], "action": "SCMP_ACT_KILL_PROCESS"}
    ]})");
  CHECK(profile.default_action == SCMP_ACT_ERRNO(38));
  REQUIRE(profile.rules.size() == 4);
  CHECK(profile.rules[0].names == std::vector<std::string>{"read", "write"});
  CHECK(profile.rules[1].names == std::vector<std::string>{"clone"});
  REQUIRE(profile.rules[1].arguments.size() == 1);
  CHECK(profile.rules[1].arguments[0].value == 2114060288);
  CHECK(profile.rules[1].arguments[0].second == 1);
  CHECK(profile.rules[1].includes.machines == std::vector<std::string>{"amd64"});
  CHECK(profile.rules[1].includes.oldest_kernel == "4.8");
  CHECK(profile.rules[1].excludes.capabilities == std::vector<std::string>{"CAP_SYS_ADMIN"});
  CHECK(profile.rules[2].action == SCMP_ACT_ERRNO(1));
  CHECK(profile.rules[3].action == SCMP_ACT_KILL_PROCESS);
#if defined(__x86_64__)
  CHECK(profile.architectures == std::vector<std::uint32_t>{SCMP_ARCH_X86, SCMP_ARCH_X32});
#endif
}

TEST_CASE("what a profile does not know is an error with its place") {
  const std::pair<std::string, std::string> cases[] = {
      {"{}", "defaultAction is missing"},
      {"[]", "an object is expected here"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "syscall": []})", "unknown key 'syscall'; did you mean 'syscalls'?"},
      {R"({"defaultAction": "SCMP_ACT_ALOW"})",
       "unknown defaultAction 'SCMP_ACT_ALOW'; did you mean 'SCMP_ACT_ALLOW'?"},
      {R"({"defaultAction": 1})", "defaultAction is not a string"},
      {R"({"defaultAction": "SCMP_ACT_NOTIFY"})",
       "SCMP_ACT_NOTIFY needs a program that answers for the kernel, which is not supported"},
      {R"({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": -1})",
       "defaultErrnoRet is not a whole number from 0 to 4095"},
      {R"({"defaultAction": "SCMP_ACT_ERRNO", "listenerPath": "/x"})", "unknown key 'listenerPath'"},
      {R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": {}})", "syscalls is not a list"},
      {R"({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_Z80"]})",
       "architectures[0]: unknown architecture 'SCMP_ARCH_Z80'; did you mean 'SCMP_ARCH_X86'?"},
      {with_rule("{}"), "syscalls[1]: names is missing"},
      {with_rule(R"({"names": "mount"})"), "syscalls[1]: names is not a list"},
      {with_rule(R"({"names": [1], "action": "SCMP_ACT_ALLOW"})"), "syscalls[1]: names[0]: a string is expected here"},
      {with_rule(R"({"names": ["mount"]})"), "syscalls[1]: action is missing"},
      {with_rule(R"({"names": ["mount"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 6, "op": "SCMP_CMP_EQ"}]})"),
       "syscalls[1]: args[0]: index is not a whole number from 0 to 5"},
      {with_rule(R"({"names": ["mount"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0}]})"),
       "syscalls[1]: args[0]: op is missing"},
      {with_rule(R"({"names": ["mount"], "action": "SCMP_ACT_ALLOW", "args": [{"op": "SCMP_CMP_EQ", "valu": 1}]})"),
       "syscalls[1]: args[0]: unknown key 'valu'; did you mean 'value'?"},
      {with_rule(R"({"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_FLY"]}})"),
       "syscalls[1]: includes: unknown capability 'CAP_FLY'"},
      {with_rule(R"({"names": ["mount"], "action": "SCMP_ACT_ALLOW", "excludes": {"minKernel": "new"}})"),
       "syscalls[1]: excludes: minKernel is not a version such as 4.8"},
  };
  for (const auto& [text, message] : cases) CHECK(refusal_of(text) == message);
}

TEST_CASE("the default profile gives everything it does not know ENOSYS and lets nothing through that is dangerous") {
  const auto profile = linux::parse_seccomp_profile(linux::default_seccomp_profile());
  CHECK(profile.default_action == SCMP_ACT_ERRNO(38));
  CHECK(profile.architectures.empty());
  const std::vector<std::string> dangerous = {
      "mount",           "unshare",     "setns",          "keyctl",     "bpf",
      "perf_event_open", "userfaultfd", "io_uring_setup", "reboot",     "open_by_handle_at",
      "init_module",     "kexec_load",  "swapon",         "quotactl",   "vmsplice",
      "add_key",         "acct",        "syslog",         "iopl",       "settimeofday",
      "fsopen",          "move_mount",  "open_tree",      "pivot_root", "umount2",
      "mount_setattr",   "ioperm",      "request_key"};
  for (const auto& name : dangerous) {
    bool refused = false;
    for (const auto& rule : profile.rules) {
      if (std::find(rule.names.begin(), rule.names.end(), name) == rule.names.end()) continue;
      if (rule.action == SCMP_ACT_ALLOW) CHECK_FALSE(rule.includes.capabilities.empty());
      refused = refused || rule.action == SCMP_ACT_ERRNO(1);
    }
    CHECK(refused);
  }
}
