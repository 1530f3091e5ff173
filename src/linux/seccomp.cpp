#include "linux/seccomp.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "linux/fd.hpp"
#include "linux/seccomp_late_calls.hpp"

#include <seccomp.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

namespace conductor::linux {
namespace {

using base::Error;

void check(int result, const std::string& what) {
  if (result < 0) throw Error("system call filter: " + what, -result);
}

int number_of(const std::string& name) {
  const int number = seccomp_syscall_resolve_name(name.c_str());
  if (number != __NR_SCMP_ERROR) return number;
  for (const auto& late : late_calls)
    if (name == late.name) return late.number;
  return __NR_SCMP_ERROR;
}

class Filter {
 public:
  explicit Filter(std::uint32_t default_action)
      : context_(seccomp_init(default_action)), default_action_(default_action) {
    if (context_ == nullptr) throw Error("system call filter: no memory", ENOMEM);
    // Calls of other architectures (32-bit x86, x32) hide their arguments from the filter: all of them are unknown.
    check(seccomp_attr_set(context_, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)), "architecture");
    check(seccomp_attr_set(context_, SCMP_FLTATR_CTL_OPTIMIZE, 2), "optimisation");  // a binary tree
  }
  ~Filter() { seccomp_release(context_); }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  void add_architecture(std::uint32_t token) {
    if (const int result = seccomp_arch_add(context_, token); result != -EEXIST) check(result, "architecture");
  }
  // False: nobody knows that name here.
  bool add(std::uint32_t action, const std::string& name, const std::vector<scmp_arg_cmp>& tests) {
    const int number = number_of(name);
    if (number == __NR_SCMP_ERROR) return false;
    // libseccomp refuses rules that say what happens anyway.
    if (action == default_action_) return true;
    check(seccomp_rule_add_array(context_, action, number, static_cast<unsigned>(tests.size()), tests.data()), name);
    return true;
  }

  std::string program() const {
    const Fd file(memfd_create("seccomp", MFD_CLOEXEC));
    if (!file) throw Error::from_errno("system call filter");
    check(seccomp_export_bpf(context_, file.get()), "export");
    if (lseek(file.get(), 0, SEEK_SET) != 0) throw Error::from_errno("system call filter");
    return read_all(file.get());
  }

 private:
  scmp_filter_ctx context_;
  std::uint32_t default_action_;
};

// This machine's architecture as profiles name it.
std::string_view machine() {
  switch (seccomp_arch_native()) {
    case SCMP_ARCH_X86_64:
      return "amd64";
    case SCMP_ARCH_AARCH64:
      return "arm64";
    case SCMP_ARCH_PPC64LE:
      return "ppc64le";
    case SCMP_ARCH_S390X:
      return "s390x";
    case SCMP_ARCH_RISCV64:
      return "riscv64";
    default:
      return "other";
  }
}

std::pair<int, int> kernel_version(const std::string& text) {
  const auto dot = text.find('.');
  return {atoi(text.c_str()), dot == text.npos ? 0 : atoi(text.c_str() + dot + 1)};
}

bool kernel_is_at_least(const std::string& version) {
  utsname name{};
  uname(&name);
  return kernel_version(name.release) >= kernel_version(version);
}

bool has(CapabilitySet capabilities, const std::string& name) {
  const auto wanted = parse_capability(name);
  return wanted && (capabilities & *wanted) != 0;
}

bool applies(const ProfileRule& rule, CapabilitySet capabilities) {
  const auto held = [&](const std::string& name) { return has(capabilities, name); };
  const auto& in = rule.includes;
  const auto& out = rule.excludes;
  const auto names_us = [](const std::vector<std::string>& names) {
    return std::find(names.begin(), names.end(), machine()) != names.end();
  };
  if (!std::all_of(in.capabilities.begin(), in.capabilities.end(), held)) return false;
  if (std::any_of(out.capabilities.begin(), out.capabilities.end(), held)) return false;
  if (!in.machines.empty() && !names_us(in.machines)) return false;
  if (names_us(out.machines)) return false;
  if (!in.oldest_kernel.empty() && !kernel_is_at_least(in.oldest_kernel)) return false;
  return out.oldest_kernel.empty() || !kernel_is_at_least(out.oldest_kernel);
}

// libseccomp takes one test of an argument a rule. Several tests of one argument are told apart by rules of their own:
// any of them is enough, which is how docker reads them too.
std::vector<std::vector<scmp_arg_cmp>> alternatives(const std::vector<ArgumentTest>& tests) {
  std::vector<scmp_arg_cmp> all;
  bool repeated = false;
  for (const auto& test : tests) {
    for (const auto& other : all) repeated = repeated || other.arg == test.index;
    all.push_back({test.index, static_cast<scmp_compare>(test.comparison), test.value, test.second});
  }
  if (!repeated) return {all};
  std::vector<std::vector<scmp_arg_cmp>> list;
  for (const auto& test : all) list.push_back({test});
  return list;
}

}  // namespace

CompiledFilter compile_filter(const SeccompProfile& profile, CapabilitySet capabilities) {
  Filter filter(profile.default_action);
  for (const std::uint32_t token : profile.architectures) filter.add_architecture(token);
  CompiledFilter compiled;
  for (const auto& rule : profile.rules) {
    if (!applies(rule, capabilities)) continue;
    for (const auto& tests : alternatives(rule.arguments))
      for (const auto& name : rule.names)
        if (!filter.add(rule.action, name, tests)) compiled.unknown.push_back(name);
  }
  compiled.program = filter.program();
  return compiled;
}

std::string default_filter(CapabilitySet capabilities) {
  return compile_filter(parse_seccomp_profile(default_seccomp_profile()), capabilities).program;
}

}  // namespace conductor::linux
