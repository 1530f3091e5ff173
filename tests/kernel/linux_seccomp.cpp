// The system call filter and the capabilities, tried in children.
#include "base/error.hpp"
#include "linux/process.hpp"
#include "linux/seccomp.hpp"
#include "linux/terminal.hpp"
#include "support/catch.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

using namespace conductor;

namespace {

struct Probe {
  const char* name;
  long number;
  long arguments[4];
  int expected;  // errno; 0 for success
};

// The name of the first probe with another result than expected, and that result; empty when all are as expected.
std::string difference_under(const std::string& filter, const std::vector<Probe>& probes) {
  linux::Pipe pipe = linux::make_pipe();
  const auto child = linux::clone_child(0, [&] {
    linux::install_filter(filter);
    for (const auto& probe : probes) {
      errno = 0;
      const auto& a = probe.arguments;
      const long result = syscall(probe.number, a[0], a[1], a[2], a[3]);
      if (result == 0 && probe.number == SYS_clone) _exit(0);  // the new process
      if (result > 0 && probe.number == SYS_clone) waitpid(static_cast<pid_t>(result), nullptr, 0);
      const int code = result < 0 ? errno : 0;
      if (code != probe.expected) {
        linux::write_all(pipe.write.get(), std::string(probe.name) + " gives " + std::to_string(code));
        return 1;
      }
    }
    return 0;
  });
  pipe.write.reset();
  std::string said = linux::read_all(pipe.read.get());
  const auto ending = linux::wait_for(child.pidfd);
  return said.empty() && ending.shell_code() != 0 ? "ended with " + std::to_string(ending.shell_code()) : said;
}

std::string first_difference(linux::CapabilitySet capabilities, const std::vector<Probe>& probes) {
  return difference_under(linux::default_filter(capabilities), probes);
}

constexpr long sigchld = 17;
constexpr long high_bit = 1L << 40;

}  // namespace

TEST_CASE("dangerous calls fail with EPERM, unknown ones with ENOSYS, usual ones work") {
  // The filter lets it pass; whether the kernel knows it is told by a call without filter.
  constexpr long fchmodat2 = 452;
  const int unfiltered = syscall(fchmodat2, -1, 0, 0, 0) < 0 ? errno : 0;
  CHECK(first_difference(linux::default_capabilities(),
                         {
                             {"getpid", SYS_getpid, {}, 0},
                             {"uname of nothing", SYS_uname, {}, EFAULT},
                             {"mount", SYS_mount, {}, EPERM},
                             {"umount2", SYS_umount2, {}, EPERM},
                             {"fsopen", SYS_fsopen, {}, EPERM},
                             {"open_tree", SYS_open_tree, {}, EPERM},
                             {"move_mount", SYS_move_mount, {}, EPERM},
                             {"mount_setattr", SYS_mount_setattr, {}, EPERM},
                             {"pivot_root", SYS_pivot_root, {}, EPERM},
                             {"unshare", SYS_unshare, {CLONE_NEWUSER}, EPERM},
                             {"setns", SYS_setns, {}, EPERM},
                             {"keyctl", SYS_keyctl, {}, EPERM},
                             {"add_key", SYS_add_key, {}, EPERM},
                             {"bpf", SYS_bpf, {}, EPERM},
                             {"perf_event_open", SYS_perf_event_open, {}, EPERM},
                             {"userfaultfd", SYS_userfaultfd, {}, EPERM},
                             {"io_uring_setup", SYS_io_uring_setup, {}, EPERM},
                             {"open_by_handle_at", SYS_open_by_handle_at, {}, EPERM},
                             {"kexec_load", SYS_kexec_load, {}, EPERM},
                             {"finit_module", SYS_finit_module, {}, EPERM},
                             {"reboot", SYS_reboot, {}, EPERM},
                             {"swapon", SYS_swapon, {}, EPERM},
                             {"acct", SYS_acct, {}, EPERM},
                             {"syslog", SYS_syslog, {}, EPERM},
                             {"settimeofday", SYS_settimeofday, {}, EPERM},
                             {"quotactl", SYS_quotactl, {}, EPERM},
                             {"vmsplice", SYS_vmsplice, {}, EPERM},
                             {"vhangup", SYS_vhangup, {}, EPERM},
                             {"chroot of nothing", SYS_chroot, {}, EFAULT},  // the default set has SYS_CHROOT
                             {"clone3", SYS_clone3, {}, ENOSYS},
                             {"call 9999", 9999, {}, ENOSYS},
                             {"fchmodat2", fchmodat2, {-1, 0, 0, 0}, unfiltered},
                         }) == "");
}

TEST_CASE("clone makes processes and no namespaces") {
  std::vector<Probe> probes = {{"clone", SYS_clone, {sigchld}, 0}};
  for (const long flag : {0x00020000L, 0x02000000L, 0x04000000L, 0x08000000L, 0x10000000L, 0x20000000L, 0x40000000L}) {
    probes.push_back({"clone of a namespace", SYS_clone, {flag | sigchld}, EPERM});
    probes.push_back({"clone of several", SYS_clone, {flag | 0x40000000L | sigchld}, EPERM});
  }
  CHECK(first_difference(linux::default_capabilities(), probes) == "");
}

TEST_CASE("sockets of the kernel's cryptography and of virtual machines are refused, however they are spelled") {
  CHECK(first_difference(linux::default_capabilities(),
                         {
                             {"unix", SYS_socket, {AF_UNIX, SOCK_STREAM, 0}, 0},
                             {"inet", SYS_socket, {AF_INET, SOCK_STREAM, 0}, 0},
                             {"netlink", SYS_socket, {AF_NETLINK, SOCK_RAW, 0}, 0},
                             {"alg", SYS_socket, {38, SOCK_SEQPACKET, 0}, EAFNOSUPPORT},
                             {"vsock", SYS_socket, {40, SOCK_STREAM, 0}, EAFNOSUPPORT},
                             {"alg with a high bit", SYS_socket, {38 | high_bit, SOCK_SEQPACKET, 0}, EAFNOSUPPORT},
                             {"vsock with a high bit", SYS_socket, {40 | high_bit, SOCK_STREAM, 0}, EAFNOSUPPORT},
                             {"inet with a high bit", SYS_socket, {AF_INET | high_bit, SOCK_STREAM, 0}, 0},
                         }) == "");
}

TEST_CASE("personality answers and changes to nothing that weakens") {
  constexpr long no_randomisation = 0x0040000;
  CHECK(first_difference(linux::default_capabilities(),
                         {
                             {"question", SYS_personality, {0xffffffff}, 0},
                             {"linux", SYS_personality, {0}, 0},
                             {"no randomisation", SYS_personality, {no_randomisation}, ENOSYS},
                         }) == "");
}

TEST_CASE("a capability opens its calls") {
  const auto with = [](int capability) { return linux::CapabilitySet{1} << capability; };
  CHECK(first_difference(with(CAP_SYS_ADMIN), {
                                                  {"mount of nothing", SYS_mount, {}, EFAULT},
                                                  {"unshare of nothing", SYS_unshare, {0}, 0},
                                                  {"clone3 of nothing", SYS_clone3, {}, EINVAL},
                                                  {"bpf of nothing", SYS_bpf, {-1}, EINVAL},
                                                  {"keyctl", SYS_keyctl, {}, EPERM},
                                                  {"io_uring_setup", SYS_io_uring_setup, {}, EPERM},
                                                  {"alg", SYS_socket, {38, SOCK_SEQPACKET, 0}, EAFNOSUPPORT},
                                              }) == "");
  CHECK(first_difference(with(CAP_SYS_PTRACE), {{"pidfd_getfd", SYS_pidfd_getfd, {-1}, EBADF},
                                                {"mount", SYS_mount, {}, EPERM},
                                                {"chroot", SYS_chroot, {}, EPERM}}) == "");
  CHECK(first_difference(with(CAP_DAC_READ_SEARCH),
                         {{"open_by_handle_at of nothing", SYS_open_by_handle_at, {-1}, EFAULT}}) == "");
}

#if defined(__x86_64__)
TEST_CASE("calls of other architectures are unknown") {
  constexpr long x32 = 0x40000000;
  CHECK(first_difference(linux::default_capabilities(), {{"getpid of x32", x32 | SYS_getpid, {}, ENOSYS}}) == "");
}
#endif

TEST_CASE("a whole program runs under the filter") {
  const std::string filter = linux::default_filter(linux::default_capabilities());
  const auto child = linux::clone_child(0, [&] {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    linux::install_filter(filter);
    linux::SpawnOptions options;
    options.program = "/bin/sh";
    options.arguments = {"sh", "-c", "ls / | sort | grep -c ."};
    options.environment = {"PATH=/usr/bin:/bin"};
    return linux::run_program(options).ending.shell_code();
  });
  CHECK(linux::wait_for(child.pidfd).shell_code() == 0);
}

TEST_CASE("a filter of a wrong size is refused and an empty one does nothing") {
  CHECK_THROWS_AS(linux::install_filter("1234567"), base::Error);
  CHECK_NOTHROW(linux::install_filter(""));
}

TEST_CASE("capabilities are exactly those set") {
  const auto child = linux::clone_child(0, [] {
    linux::limit_bounding_set(linux::default_capabilities());
    linux::set_capabilities(linux::default_capabilities());
    const std::string status = linux::read_file("/proc/self/status");
    for (const char* line :
         {"CapInh:\t0000000000000000\n", "CapPrm:\t00000000800405fb\n", "CapEff:\t00000000800405fb\n",
          "CapBnd:\t00000000800405fb\n", "CapAmb:\t0000000000000000\n"})
      if (status.find(line) == std::string::npos) return 1;
    return 0;
  });
  CHECK(linux::wait_for(child.pidfd).code == 0);
}

TEST_CASE("a user other than 0 has no capabilities") {
  const auto child = linux::clone_child(0, [] {
    linux::limit_bounding_set(linux::default_capabilities());
    if (setresgid(1000, 1000, 1000) != 0 || setresuid(1000, 1000, 1000) != 0) return 2;
    linux::set_capabilities(linux::default_capabilities());
    const std::string status = linux::read_file("/proc/self/status");
    return status.find("CapPrm:\t0000000000000000\n") != std::string::npos ? 0 : 1;
  });
  CHECK(linux::wait_for(child.pidfd).code == 0);
}

TEST_CASE("a terminal has two ends, a size and a mode that comes back") {
  const linux::Terminal terminal = linux::open_terminal("/dev/pts/ptmx");
  CHECK(linux::is_terminal(terminal.peer.get()));
  CHECK(fcntl(terminal.peer.get(), F_GETFD) == FD_CLOEXEC);
  linux::set_window_size(terminal.controller.get(), {50, 132});
  const auto size = linux::window_size(terminal.peer.get());
  REQUIRE(size.has_value());
  CHECK(size->rows == 50);
  CHECK(size->columns == 132);
  termios mode{};
  REQUIRE(tcgetattr(terminal.peer.get(), &mode) == 0);
  CHECK((mode.c_lflag & ECHO) != 0);
  {
    const linux::RawMode raw(terminal.peer.get());
    REQUIRE(tcgetattr(terminal.peer.get(), &mode) == 0);
    CHECK((mode.c_lflag & ECHO) == 0);
  }
  REQUIRE(tcgetattr(terminal.peer.get(), &mode) == 0);
  CHECK((mode.c_lflag & ECHO) != 0);
  linux::write_all(terminal.controller.get(), "line\n");
  char text[8] = {};
  CHECK(read(terminal.peer.get(), text, sizeof text) == 5);
}

TEST_CASE("a profile may repeat itself, compare ranges and name other architectures, as docker's does") {
  const auto profile = linux::parse_seccomp_profile(R"({
    "defaultAction": "SCMP_ACT_ALLOW",
    "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]}],
    "syscalls": [
      {"names": ["getppid", "getppid", "no_such_call"], "action": "SCMP_ACT_ERRNO", "errnoRet": 17},
      {"names": ["getppid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 17},
      {"names": ["uname"], "action": "SCMP_ACT_ALLOW"},
      {"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 18, "args": [{"index": 0, "value": 2, "op": "SCMP_CMP_LT"}]},
      {"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 18,
       "args": [{"index": 0, "value": 10, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": 16, "op": "SCMP_CMP_EQ"}]},
      {"names": ["getpgid"], "action": "SCMP_ACT_ERRNO", "includes": {"minKernel": "999.0"}},
      {"names": ["getsid"], "action": "SCMP_ACT_ERRNO", "includes": {"arches": ["s390x"]}},
      {"names": ["chroot"], "action": "SCMP_ACT_ERRNO", "excludes": {"caps": ["CAP_SYS_CHROOT"]}}
    ]})");
  const auto compiled = linux::compile_filter(profile, linux::default_capabilities());
  CHECK(compiled.unknown == std::vector<std::string>{"no_such_call"});
  CHECK(difference_under(compiled.program, {
                                               {"getppid", SYS_getppid, {}, 17},
                                               {"unix socket", SYS_socket, {1, 1, 0}, 18},
                                               {"inet socket", SYS_socket, {2, 1, 0}, 0},
                                               {"inet6 socket", SYS_socket, {10, 1, 0}, 18},
                                               {"netlink socket", SYS_socket, {16, 3, 0}, 18},
                                               {"getpgid", SYS_getpgid, {}, 0},
                                               {"getsid", SYS_getsid, {}, 0},
                                               {"chroot of nothing", SYS_chroot, {}, EFAULT},
                                           }) == "");
}
