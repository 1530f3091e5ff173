#include "transfer/program/filter.hpp"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace conductor::transfer::program {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t native = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t native = AUDIT_ARCH_AARCH64;
#else
#error "no system call filter for this architecture"
#endif

constexpr std::uint32_t refuse(int code) { return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(code); }
constexpr std::uint32_t allow = SECCOMP_RET_ALLOW;

// The program of the filter, as bytes: each rule ends it or goes on with the next one.
class Program {
 public:
  Program() {
    load(offsetof(seccomp_data, arch));
    jump(BPF_JEQ, native, 1, 0);
    give(SECCOMP_RET_KILL_PROCESS);
    load(offsetof(seccomp_data, nr));
  }
  void allow_calls(std::initializer_list<int> calls) {
    for (const int call : calls) {
      jump(BPF_JEQ, number(call), 0, 1);
      give(allow);
    }
  }
  void refuse_call(int call, int code) {
    jump(BPF_JEQ, number(call), 0, 1);
    give(refuse(code));
  }
  // Allowed when that argument, its low half, is one of `values`.
  void allow_values(int call, unsigned argument, std::initializer_list<std::uint32_t> values, int code) {
    const auto count = static_cast<std::uint8_t>(values.size());
    jump(BPF_JEQ, number(call), 0, static_cast<std::uint8_t>(2 * count + 2));
    load_argument(argument);
    for (const std::uint32_t value : values) {
      jump(BPF_JEQ, value, 0, 1);
      give(allow);
    }
    give(refuse(code));
  }
  // Allowed when it has a bit of `bits` (`wanted`), or none of them.
  void allow_bits(int call, unsigned argument, std::uint32_t bits, bool wanted, int code) {
    jump(BPF_JEQ, number(call), 0, 4);
    load_argument(argument);
    jump(BPF_JSET, bits, wanted ? 1 : 0, wanted ? 0 : 1);
    give(refuse(code));
    give(allow);
  }
  std::string finish() {
    give(refuse(ENOSYS));
    return bytes_;
  }

 private:
  static std::uint32_t number(int call) { return static_cast<std::uint32_t>(call); }
  void add(sock_filter instruction) {
    bytes_.append(static_cast<const char*>(static_cast<const void*>(&instruction)), sizeof instruction);
  }
  void load(std::size_t offset) { add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset))); }
  void load_argument(unsigned argument) {
    load(offsetof(seccomp_data, args) + argument * sizeof(std::uint64_t));  // little-endian: the low half is first
  }
  void jump(int test, std::uint32_t value, std::uint8_t yes, std::uint8_t no) {
    add({static_cast<std::uint16_t>(BPF_JMP | test | BPF_K), yes, no, value});
  }
  void give(std::uint32_t result) { add(BPF_STMT(BPF_RET | BPF_K, result)); }

  std::string bytes_;
};

// Memory, reading and writing what is open, waiting, time, and the end.
void allow_basics(Program& program) {
  program.allow_calls({SYS_read,
                       SYS_write,
                       SYS_pread64,
                       SYS_pwrite64,
                       SYS_readv,
                       SYS_writev,
                       SYS_lseek,
                       SYS_close,
                       SYS_fstat,
                       SYS_newfstatat,
                       SYS_statx,
                       SYS_munmap,
                       SYS_mremap,
                       SYS_brk,
                       SYS_madvise,
                       SYS_futex,
                       SYS_rt_sigaction,
                       SYS_rt_sigprocmask,
                       SYS_rt_sigreturn,
                       SYS_sigaltstack,
                       SYS_exit,
                       SYS_exit_group,
                       SYS_sendmsg,
                       SYS_recvmsg,
                       SYS_ppoll,
                       SYS_clock_gettime,
                       SYS_clock_nanosleep,
                       SYS_gettimeofday,
                       SYS_getrandom,
                       SYS_getpid,
                       SYS_gettid,
                       SYS_getuid,
                       SYS_geteuid,
                       SYS_getgid,
                       SYS_getegid,
                       SYS_restart_syscall,
                       SYS_sched_yield,
                       SYS_sched_getaffinity,
                       SYS_fcntl,
                       SYS_ftruncate,
#ifdef SYS_poll
                       SYS_poll,
#endif
#ifdef SYS_time
                       SYS_time,
#endif
                       SYS_set_robust_list,
                       SYS_rseq});
  program.allow_bits(SYS_mmap, 2, PROT_EXEC, false, EACCES);
  program.allow_bits(SYS_mprotect, 2, PROT_EXEC, false, EACCES);
}

}  // namespace

std::string download_filter() {
  Program program;
  allow_basics(program);
  program.allow_calls({SYS_connect, SYS_bind, SYS_getsockname, SYS_getpeername, SYS_getsockopt, SYS_setsockopt,
                       SYS_sendto, SYS_recvfrom, SYS_sendmmsg, SYS_recvmmsg, SYS_pipe2, SYS_eventfd2, SYS_pselect6,
#ifdef SYS_select
                       SYS_select,
#endif
                       SYS_faccessat, SYS_uname, SYS_shutdown});
  // No socket of this machine (AF_UNIX), no kernel interface (netlink, packet, alg …).
  program.allow_values(SYS_socket, 0, {AF_INET, AF_INET6}, EAFNOSUPPORT);
  // Streams alone: a datagram socket of a pair could be sent to any name.
  program.allow_values(SYS_socketpair, 1,
                       {SOCK_STREAM, SOCK_STREAM | SOCK_CLOEXEC, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK},
                       EAFNOSUPPORT);
  program.allow_values(SYS_ioctl, 1, {FIONREAD, FIONBIO}, ENOTTY);
  program.allow_bits(SYS_openat, 2, O_WRONLY | O_RDWR | O_CREAT, false, EROFS);
  // A thread, not a process: names are resolved in one. clone3 hides its flags; the C library uses clone then.
  program.allow_bits(SYS_clone, 0, CLONE_THREAD, true, EPERM);
  program.refuse_call(SYS_clone3, ENOSYS);
  return program.finish();
}

std::string unpack_filter() {
  Program program;
  allow_basics(program);
  program.allow_calls({SYS_openat, SYS_openat2, SYS_mkdirat, SYS_unlinkat, SYS_linkat, SYS_symlinkat, SYS_mknodat,
                       SYS_fchownat, SYS_fchown, SYS_fchmod, SYS_fchmodat, SYS_utimensat, SYS_fsetxattr, SYS_readlinkat,
                       SYS_getdents64, SYS_fstatfs});
  return program.finish();
}

}  // namespace conductor::transfer::program
