// A static program that says what a process of a container sees of its confinement, line by line, on standard output
// or into the file that is named. It asks the kernel and nobody else.
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

namespace {

void section(const char* name) { std::printf("[%s]\n", name); }

std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> names_in(const char* path) {
  std::vector<std::string> names;
  DIR* stream = opendir(path);
  while (const dirent* entry = stream != nullptr ? readdir(stream) : nullptr)
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  if (stream != nullptr) closedir(stream);
  std::sort(names.begin(), names.end());
  return names;
}

std::string link_of(const std::string& path) {
  char target[4096] = {};
  return readlink(path.c_str(), target, sizeof target - 1) < 0 ? strerror(errno) : target;
}

void status() {
  section("status");
  for (const auto& line : lines_of("/proc/self/status"))
    for (const char* name : {"Umask", "Uid", "Gid", "Groups", "SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm",
                             "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp:", "Seccomp_filters", "THP_enabled"})
      if (line.starts_with(name)) std::printf("%s\n", line.c_str());
  std::printf("dumpable %d\n", prctl(PR_GET_DUMPABLE));
  std::printf("securebits %d\n", prctl(PR_GET_SECUREBITS));
  std::printf("oom_score_adj %s\n", lines_of("/proc/self/oom_score_adj").at(0).c_str());
}

// Without numbers, sources and the options that name directories of the host.
void mounts() {
  section("mounts");
  for (const auto& line : lines_of("/proc/self/mountinfo")) {
    char target[1024], options[1024], type[256];
    const char* rest = std::strstr(line.c_str(), " - ");
    if (rest == nullptr || std::sscanf(line.c_str(), "%*s %*s %*s %*s %1023s %1023s", target, options) != 2) continue;
    std::sscanf(rest, " - %255s", type);
    const bool shared = std::string(line.c_str(), rest).find("shared:") != std::string::npos;
    std::printf("%s %s %s%s\n", target, type, options, shared ? " shared" : "");
  }
}

void limits() {
  section("limits");
  for (const auto& line : lines_of("/proc/self/limits")) std::printf("%s\n", line.c_str());
}

void sysctls() {
  section("sysctls");
  for (const char* name : {"net/ipv4/ping_group_range", "net/ipv4/ip_unprivileged_port_start",
                           "net/ipv6/conf/all/disable_ipv6", "kernel/shmmax", "kernel/msgmax", "fs/mqueue/msg_max"}) {
    const auto lines = lines_of(std::string("/proc/sys/") + name);
    std::printf("%s %s\n", name, lines.empty() ? "absent" : lines.front().c_str());
  }
}

void namespaces() {
  section("namespaces");
  for (const auto& name : names_in("/proc/self/ns"))
    std::printf("%s %s\n", name.c_str(), link_of("/proc/self/ns/" + name).c_str());
}

// Asked for before anything of our own is open.
std::vector<std::string> open_descriptors() {
  std::vector<std::string> lines;
  constexpr int more_than_any = 1024;
  for (int fd = 0; fd < more_than_any; ++fd)
    if (fcntl(fd, F_GETFD) >= 0)
      lines.push_back(std::to_string(fd) + " " + link_of("/proc/self/fd/" + std::to_string(fd)));
  return lines;
}

void devices() {
  section("devices");
  for (const auto& name : names_in("/dev")) {
    struct stat found{};
    if (lstat(("/dev/" + name).c_str(), &found) != 0) continue;
    if (S_ISLNK(found.st_mode))
      std::printf("%s -> %s\n", name.c_str(), link_of("/dev/" + name).c_str());
    else
      std::printf("%s %o %u:%u\n", name.c_str(), found.st_mode, major(found.st_rdev), minor(found.st_rdev));
  }
}

// --- system calls ------------------------------------------------------------------------------------------

struct Call {
  const char* name;
  long number;
  long arguments[4];
};

constexpr long child_signal = SIGCHLD;
constexpr long high_bit = 1L << 40;
constexpr long bad = -1;

constexpr Call calls[] = {
    {"getpid", SYS_getpid, {}},
    {"uname", SYS_uname, {}},
    {"openat2", SYS_openat2, {}},
    {"chroot", SYS_chroot, {}},
    {"mount", SYS_mount, {}},
    {"umount2", SYS_umount2, {}},
    {"pivot_root", SYS_pivot_root, {}},
    {"fsopen", SYS_fsopen, {}},
    {"fsconfig", SYS_fsconfig, {bad}},
    {"fsmount", SYS_fsmount, {bad}},
    {"fspick", SYS_fspick, {bad}},
    {"open_tree", SYS_open_tree, {bad}},
    {"move_mount", SYS_move_mount, {bad}},
    {"mount_setattr", SYS_mount_setattr, {bad}},
    {"unshare of nothing", SYS_unshare, {0}},
    {"unshare mount", SYS_unshare, {CLONE_NEWNS}},
    {"unshare user", SYS_unshare, {CLONE_NEWUSER}},
    {"setns", SYS_setns, {bad}},
    {"clone", SYS_clone, {child_signal}},
    {"clone mount", SYS_clone, {CLONE_NEWNS | child_signal}},
    {"clone cgroup", SYS_clone, {CLONE_NEWCGROUP | child_signal}},
    {"clone uts", SYS_clone, {CLONE_NEWUTS | child_signal}},
    {"clone ipc", SYS_clone, {CLONE_NEWIPC | child_signal}},
    {"clone user", SYS_clone, {CLONE_NEWUSER | child_signal}},
    {"clone pid", SYS_clone, {CLONE_NEWPID | child_signal}},
    {"clone net", SYS_clone, {CLONE_NEWNET | child_signal}},
    {"clone user and net", SYS_clone, {CLONE_NEWUSER | CLONE_NEWNET | child_signal}},
    {"clone3", SYS_clone3, {}},
    {"keyctl", SYS_keyctl, {}},
    {"add_key", SYS_add_key, {}},
    {"request_key", SYS_request_key, {}},
    {"bpf", SYS_bpf, {bad}},
    {"perf_event_open", SYS_perf_event_open, {}},
    {"userfaultfd", SYS_userfaultfd, {}},
    {"io_uring_setup", SYS_io_uring_setup, {}},
    {"io_uring_enter", SYS_io_uring_enter, {bad}},
    {"io_uring_register", SYS_io_uring_register, {bad}},
    {"open_by_handle_at", SYS_open_by_handle_at, {bad}},
    {"kexec_load", SYS_kexec_load, {}},
    {"kexec_file_load", SYS_kexec_file_load, {bad, bad}},
    {"init_module", SYS_init_module, {}},
    {"finit_module", SYS_finit_module, {bad}},
    {"delete_module", SYS_delete_module, {}},
    {"reboot", SYS_reboot, {}},
    {"swapon", SYS_swapon, {}},
    {"swapoff", SYS_swapoff, {}},
    {"acct", SYS_acct, {bad}},
    {"syslog", SYS_syslog, {10}},
    {"settimeofday", SYS_settimeofday, {}},
    {"clock_settime", SYS_clock_settime, {}},
    {"clock_adjtime", SYS_clock_adjtime, {}},
    {"quotactl", SYS_quotactl, {}},
    {"quotactl_fd", SYS_quotactl_fd, {bad}},
    {"vmsplice", SYS_vmsplice, {bad}},
    {"sethostname", SYS_sethostname, {0, bad}},
    {"setdomainname", SYS_setdomainname, {0, bad}},
    {"fanotify_init", SYS_fanotify_init, {}},
    {"kcmp", SYS_kcmp, {}},
    {"pidfd_getfd", SYS_pidfd_getfd, {bad}},
    {"process_madvise", SYS_process_madvise, {bad}},
    {"vhangup", SYS_vhangup, {}},
    {"mbind", SYS_mbind, {}},
    {"set_mempolicy", SYS_set_mempolicy, {bad}},
    {"migrate_pages", SYS_migrate_pages, {}},
    {"move_pages", SYS_move_pages, {}},
    {"socket unix", SYS_socket, {1, 1}},
    {"socket inet", SYS_socket, {2, 1}},
    {"socket netlink", SYS_socket, {16, 3}},
    {"socket packet", SYS_socket, {17, 3}},
    {"socket alg", SYS_socket, {38, 5}},
    {"socket alg with a high bit", SYS_socket, {38 | high_bit, 5}},
    {"socket vsock", SYS_socket, {40, 1}},
    {"socket of no family", SYS_socket, {46, 1}},
    {"personality asked", SYS_personality, {0xffffffff}},
    {"personality without randomisation", SYS_personality, {0x0040000}},
    {"ptrace of nobody", SYS_ptrace, {16, bad}},
#if defined(__x86_64__)
    {"iopl", SYS_iopl, {}},
    {"ioperm", SYS_ioperm, {}},
    {"x32 getpid", 0x40000000 | SYS_getpid, {}},
#endif
    {"call 9999", 9999, {}},
};

int result_of(const Call& call) {
  errno = 0;
  const auto& a = call.arguments;
  const long result = syscall(call.number, a[0], a[1], a[2], a[3], 0L, 0L);
  if (result == 0 && call.number == SYS_clone) _exit(0);  // the new process
  if (result > 0 && call.number == SYS_clone) waitpid(static_cast<pid_t>(result), nullptr, 0);
  if (result >= 0 && call.number == SYS_socket) close(static_cast<int>(result));
  return result < 0 ? errno : 0;
}

void system_calls() {
  section("calls");
  for (const auto& call : calls) {
    const int code = result_of(call);
    std::printf("%s: %s\n", call.name, code == 0 ? "0" : strerrorname_np(code));
  }
#if defined(__x86_64__)
  // The gate of 32-bit programs: getpid, and a socket through socketcall.
  for (const auto& [name, number] : {std::pair{"i386 getpid", 20L}, std::pair{"i386 socketcall", 102L}}) {
    long result = 0;
    asm volatile("int $0x80" : "=a"(result) : "a"(number), "b"(0L), "c"(0L) : "memory", "r8", "r9", "r10", "r11");
    std::printf("%s: %s\n", name, result >= 0 ? "0" : strerrorname_np(static_cast<int>(-result)));
  }
#endif
}

// --- masks -------------------------------------------------------------------------------------------------

const char* word_of(bool failed) { return failed ? "refused" : "DONE"; }

void masks(const std::vector<std::string>& paths) {
  section("masks");
  for (const auto& path : paths) {
    struct stat found{};
    if (lstat(path.c_str(), &found) != 0) continue;
    struct statvfs where{};
    statvfs(path.c_str(), &where);
    const char* kind = "FILE";
    if (S_ISDIR(found.st_mode)) kind = names_in(path.c_str()).empty() ? "empty directory" : "FULL DIRECTORY";
    if (S_ISCHR(found.st_mode) && found.st_rdev == makedev(1, 3)) kind = "null";
    const std::string inside = S_ISDIR(found.st_mode) ? path + "/x" : path;
    const int file = S_ISDIR(found.st_mode) ? open(inside.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
    std::printf("%s %s, %s, umount %s, rename %s, remove %s, make %s\n", path.c_str(), kind,
                (where.f_flag & ST_RDONLY) != 0 ? "read-only" : "writable",
                word_of(umount2(path.c_str(), MNT_DETACH) != 0),
                word_of(rename(path.c_str(), (path + "-").c_str()) != 0), word_of(remove(path.c_str()) != 0),
                word_of(file < 0));
    if (file >= 0) close(file);
  }
}

}  // namespace

// confinement_probe [FILE [MASKED-PATH…]], or `confinement_probe keyring`: the number of the session's keyring.
int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "keyring") == 0) {
    constexpr long get_keyring_id = 0, session_keyring = -3;
    return std::printf("%ld\n", syscall(SYS_keyctl, get_keyring_id, session_keyring, 0L)) > 0 ? 0 : 1;
  }
  const auto descriptors = open_descriptors();
  if (argc > 1 && std::strcmp(argv[1], "-") != 0 && std::freopen(argv[1], "we", stdout) == nullptr) return 1;
  section("descriptors");
  for (const auto& line : descriptors) std::printf("%s\n", line.c_str());
  status();
  mounts();
  limits();
  sysctls();
  namespaces();
  devices();
  system_calls();
  masks({argv + std::min(argc, 2), argv + argc});
  return std::fflush(stdout) == 0 ? 0 : 1;
}
