#include "linux/seccomp_calls.hpp"

#include <linux/capability.h>

namespace conductor::linux {
namespace {

constexpr CapabilitySet always = 0;
constexpr CapabilitySet with(int capability) { return CapabilitySet{1} << capability; }

}  // namespace

// clone, clone3, socket and personality depend on their arguments and stand in seccomp.cpp.
const std::vector<CallGroup>& call_groups() {
  static const std::vector<CallGroup> groups = {
      {"reading and writing", always,
       "read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek sendfile splice tee "
       "copy_file_range readahead fadvise64 fallocate truncate ftruncate fsync fdatasync sync syncfs sync_file_range "
       "cachestat"},
      {"asynchronous reading and writing", always,
       "io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents"},
      {"descriptors", always,
       "close close_range dup dup2 dup3 fcntl flock ioctl pipe pipe2 memfd_create memfd_secret eventfd eventfd2"},
      {"waiting", always,
       "poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old "
       "epoll_pwait epoll_pwait2 inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark "
       "signalfd signalfd4 timerfd_create timerfd_settime timerfd_gettime"},
      {"opening files", always, "open openat openat2 creat name_to_handle_at"},
      {"looking at files", always,
       "stat fstat lstat newfstatat statx access faccessat faccessat2 readlink readlinkat getdents getdents64 statfs "
       "fstatfs file_getattr"},
      {"changing directories and names", always,
       "getcwd chdir fchdir rename renameat renameat2 mkdir mkdirat rmdir link linkat unlink unlinkat symlink "
       "symlinkat mknod mknodat umask"},
      {"attributes of files", always,
       "chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat utime utimes utimensat futimesat file_setattr"},
      {"extended attributes", always,
       "getxattr lgetxattr fgetxattr setxattr lsetxattr fsetxattr listxattr llistxattr flistxattr removexattr "
       "lremovexattr fremovexattr getxattrat setxattrat listxattrat removexattrat"},
      {"memory", always,
       "brk mmap munmap mremap mprotect msync mincore madvise mlock mlock2 mlockall munlock munlockall mseal "
       "remap_file_pages pkey_alloc pkey_free pkey_mprotect map_shadow_stack membarrier"},
      {"processes", always,
       "fork vfork execve execveat exit exit_group wait4 waitid getpid getppid gettid getpgid setpgid getpgrp getsid "
       "setsid pidfd_open pidfd_send_signal process_mrelease prctl arch_prctl modify_ldt"},
      {"threads", always,
       "futex futex_waitv futex_wake futex_wait futex_requeue set_tid_address set_robust_list get_robust_list "
       "set_thread_area get_thread_area rseq restart_syscall"},
      {"scheduling and limits", always,
       "sched_yield sched_getparam sched_setparam sched_getscheduler sched_setscheduler sched_getattr sched_setattr "
       "sched_getaffinity sched_setaffinity sched_get_priority_max sched_get_priority_min sched_rr_get_interval "
       "getpriority setpriority ioprio_get ioprio_set getrlimit setrlimit prlimit64 getrusage times getcpu"},
      {"signals", always,
       "kill tkill tgkill pause rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigsuspend rt_sigtimedwait "
       "rt_sigqueueinfo rt_tgsigqueueinfo sigaltstack"},
      {"time", always,
       "time gettimeofday clock_gettime clock_getres clock_nanosleep nanosleep alarm getitimer setitimer timer_create "
       "timer_settime timer_gettime timer_getoverrun timer_delete adjtimex"},
      {"users and capabilities", always,
       "getuid geteuid getgid getegid getresuid getresgid getgroups setuid setgid setreuid setregid setresuid "
       "setresgid setfsuid setfsgid setgroups capget capset"},
      {"confining oneself", always, "seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self"},
      {"networking", always,
       "socketpair bind listen accept accept4 connect shutdown getsockname getpeername getsockopt setsockopt sendto "
       "recvfrom sendmsg recvmsg sendmmsg recvmmsg"},
      {"System V and POSIX messages, semaphores, shared memory", always,
       "shmget shmat shmctl shmdt semget semop semctl semtimedop msgget msgsnd msgrcv msgctl mq_open mq_unlink "
       "mq_timedsend mq_timedreceive mq_notify mq_getsetattr"},
      {"the machine", always, "uname sysinfo getrandom"},
      // Since Linux 4.8 a tracer cannot step around the filter of the traced.
      {"debugging", always, "ptrace process_vm_readv process_vm_writev"},

      {"other processes", with(CAP_SYS_PTRACE), "kcmp pidfd_getfd process_madvise"},
      {"mounts", with(CAP_SYS_ADMIN),
       "mount umount umount2 fsopen fsconfig fsmount fspick open_tree open_tree_attr move_mount mount_setattr "
       "pivot_root quotactl quotactl_fd"},
      {"namespaces", with(CAP_SYS_ADMIN), "unshare setns sethostname setdomainname"},
      {"watching the machine", with(CAP_SYS_ADMIN), "fanotify_init lookup_dcookie"},
      {"the change of the root", with(CAP_SYS_CHROOT), "chroot"},
      {"programs in the kernel", with(CAP_SYS_ADMIN) | with(CAP_BPF), "bpf"},
      {"performance counters", with(CAP_SYS_ADMIN) | with(CAP_PERFMON), "perf_event_open"},
      {"the kernel's log", with(CAP_SYS_ADMIN) | with(CAP_SYSLOG), "syslog"},
      {"files by handle", with(CAP_DAC_READ_SEARCH), "open_by_handle_at"},
      {"modules", with(CAP_SYS_MODULE), "init_module finit_module delete_module"},
      {"other kernels", with(CAP_SYS_BOOT), "reboot kexec_load kexec_file_load"},
      {"accounting", with(CAP_SYS_PACCT), "acct"},
      {"input and output ports", with(CAP_SYS_RAWIO), "iopl ioperm"},
      {"the clock", with(CAP_SYS_TIME), "settimeofday stime clock_settime clock_settime64 clock_adjtime"},
      {"terminals of others", with(CAP_SYS_TTY_CONFIG), "vhangup"},
      {"memory nodes", with(CAP_SYS_NICE),
       "get_mempolicy set_mempolicy set_mempolicy_home_node mbind migrate_pages move_pages"},
  };
  return groups;
}

const char* refused_calls() {
  return "keyctl add_key request_key userfaultfd io_uring_setup io_uring_enter io_uring_register vmsplice swapon "
         "swapoff";
}

const std::vector<LateCall>& late_calls() {
  static const std::vector<LateCall> calls = {{"cachestat", 451},    {"fchmodat2", 452},     {"map_shadow_stack", 453},
                                              {"futex_wake", 454},   {"futex_wait", 455},    {"futex_requeue", 456},
                                              {"mseal", 462},        {"setxattrat", 463},    {"getxattrat", 464},
                                              {"listxattrat", 465},  {"removexattrat", 466}, {"open_tree_attr", 467},
                                              {"file_getattr", 468}, {"file_setattr", 469}};
  return calls;
}

}  // namespace conductor::linux
