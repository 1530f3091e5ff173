#include "linux/seccomp.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "linux/fd.hpp"
#include "linux/seccomp_calls.hpp"

#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

namespace conductor::linux {
namespace {

using base::Error;

constexpr std::uint32_t low_half = 0xFFFFFFFFU;  // the kernel reads an int: what stands above does not count

void check(int result, const std::string& what) {
  if (result < 0) throw Error("system call filter: " + what, -result);
}

int number_of(const std::string& name) {
  const int number = seccomp_syscall_resolve_name(name.c_str());
  if (number != __NR_SCMP_ERROR) return number;
  for (const auto& late : late_calls())
    if (name == late.name) return late.number;
  return __NR_SCMP_ERROR;
}

class Filter {
 public:
  Filter() : context_(seccomp_init(SCMP_ACT_ERRNO(ENOSYS))) {
    if (context_ == nullptr) throw Error("system call filter: no memory", ENOMEM);
    // Calls of other architectures (32-bit x86, x32) hide their arguments from the filter: all of them are unknown.
    check(seccomp_attr_set(context_, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)), "architecture");
    check(seccomp_attr_set(context_, SCMP_FLTATR_CTL_OPTIMIZE, 2), "optimisation");  // a binary tree
  }
  ~Filter() { seccomp_release(context_); }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  // A name that this architecture does not have is passed over.
  void add(std::uint32_t action, const std::string& name) {
    const int number = number_of(name);
    if (number >= 0) check(seccomp_rule_add(context_, action, number, 0), name);
  }
  void add(std::uint32_t action, int number, scmp_arg_cmp condition) {
    check(seccomp_rule_add_array(context_, action, number, 1, &condition), "call " + std::to_string(number));
  }
  void add_all(std::uint32_t action, const char* names) {
    for (const auto& name : base::split(names, ' ')) add(action, name);
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
};

scmp_arg_cmp first_argument(std::uint64_t mask, std::uint64_t value) {
  return {.arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
}

// New namespaces by clone are refused; clone3, whose flags lie in memory, is unknown, and the C library uses clone
// then.
void add_clone(Filter& filter, CapabilitySet capabilities) {
  if ((capabilities & (CapabilitySet{1} << CAP_SYS_ADMIN)) != 0) return filter.add_all(SCMP_ACT_ALLOW, "clone clone3");
  const std::uint64_t flags[] = {CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                 CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET};
  std::uint64_t all = 0;
  for (const std::uint64_t flag : flags) {
    all |= flag;
    filter.add(SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), first_argument(flag, flag));
  }
  filter.add(SCMP_ACT_ALLOW, SCMP_SYS(clone), first_argument(all, 0));
}

// Every address family but the kernel's cryptography and the host's virtual machines. Family by family, because a range
// would be compared with all 64 bits and let a family with a bit above pass.
void add_socket(Filter& filter) {
  constexpr std::uint64_t families = 46;
  constexpr std::uint64_t af_alg = 38;
  constexpr std::uint64_t af_vsock = 40;
  for (std::uint64_t family = 0; family < families; ++family) {
    const bool refused = family == af_alg || family == af_vsock;
    filter.add(refused ? SCMP_ACT_ERRNO(EAFNOSUPPORT) : SCMP_ACT_ALLOW, SCMP_SYS(socket),
               first_argument(low_half, family));
  }
}

// Linux, 32-bit Linux, each also with UNAME26; and the question which one it is.
void add_personality(Filter& filter) {
  for (const std::uint64_t value : {0x0U, 0x8U, 0x20000U, 0x20008U, 0xFFFFFFFFU})
    filter.add(SCMP_ACT_ALLOW, SCMP_SYS(personality), first_argument(low_half, value));
}

}  // namespace

std::string default_filter(CapabilitySet capabilities) {
  Filter filter;
  for (const auto& group : call_groups()) {
    const bool allowed = group.needs == 0 || (group.needs & capabilities) != 0;
    filter.add_all(allowed ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM), group.calls);
  }
  filter.add_all(SCMP_ACT_ERRNO(EPERM), refused_calls());
  add_clone(filter, capabilities);
  add_socket(filter);
  add_personality(filter);
  return filter.program();
}

}  // namespace conductor::linux
