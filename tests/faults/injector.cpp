// Preloaded into `conductor`: numbers its calls that change something or may fail, and makes one of them fail or the
// last.
//
//   FAULT_LOG=FILE      appends a line "NUMBER NAME changes|reads" per call
//   FAULT=NUMBER:kill   SIGKILL instead of that call
//   FAULT=NUMBER:ERRNO  the call is not made and fails with that number; the next one that may fail so, when it may not
//
// One count over all threads, in the order of time. The process it is loaded into alone: conductor-monitor is static
// and processes that are forked off do not count.
#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr int no_fault = -1, kill_self = 0;

std::atomic<long> calls{0};
pid_t victim = 0;
int log_file = -1;
long wanted = 0;
int fault = no_fault;
std::atomic<bool> struck{false};

// Calls that fail neither for want of space nor of memory, as far as anybody can do something about it.
bool never_fails(const char* name) {
  for (const char* each : {"flock", "bind", "listen", "connect", "setns"})
    if (std::strcmp(name, each) == 0) return true;
  return false;
}

template <class Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

__attribute__((constructor)) void begin() {
  victim = getpid();
  if (const char* path = std::getenv("FAULT_LOG"))
    log_file = static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (const char* text = std::getenv("FAULT")) {
    char* end = nullptr;
    wanted = std::strtol(text, &end, 10);
    fault = std::strcmp(end, ":kill") == 0 ? kill_self : static_cast<int>(std::strtol(end + 1, nullptr, 10));
  }
  unsetenv("LD_PRELOAD");
}

// True: this call fails, errno is set.
bool strikes(const char* name, bool changes) {
  static const auto write_directly = real<ssize_t (*)(int, const void*, size_t)>("write");
  if (getpid() != victim) return false;
  const long number = ++calls;
  if (log_file >= 0) {
    char line[64];
    const int size = std::snprintf(line, sizeof line, "%ld %s %s\n", number, name, changes ? "changes" : "reads");
    if (write_directly(log_file, line, static_cast<size_t>(size)) != size) std::abort();
  }
  if (fault == no_fault || number < wanted) return false;
  if (fault == kill_self) kill(victim, SIGKILL);
  if (never_fails(name) || struck.exchange(true)) return false;
  errno = fault;
  return true;
}

// A counter of eventfd(2), which cannot fail so: it changes nothing that outlives its process.
bool is_counter(int fd) {
  char path[32], target[32] = {};
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return readlink(path, target, sizeof target - 1) > 0 && std::strcmp(target, "anon_inode:[eventfd]") == 0;
}

bool makes(int flags) { return (flags & (O_CREAT | O_TRUNC)) != 0; }

mode_t mode_of(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? static_cast<mode_t>(va_arg(arguments, int)) : 0;
}

}  // namespace

// Calls of fixed arguments that change something. The names are the C library's.
#define CHANGES(NAME, PARAMETERS, ARGUMENTS)                 \
  int NAME PARAMETERS {                                      \
    static const auto next = real<int(*) PARAMETERS>(#NAME); \
    return strikes(#NAME, true) ? -1 : next ARGUMENTS;       \
  }

extern "C" {

CHANGES(mkdir, (const char* path, mode_t mode), (path, mode))
CHANGES(mkdirat, (int at, const char* path, mode_t mode), (at, path, mode))
CHANGES(mknodat, (int at, const char* path, mode_t mode, dev_t device), (at, path, mode, device))
CHANGES(rename, (const char* from, const char* to), (from, to))
CHANGES(renameat2, (int from_at, const char* from, int to_at, const char* to, unsigned flags),
        (from_at, from, to_at, to, flags))
CHANGES(unlink, (const char* path), (path))
CHANGES(unlinkat, (int at, const char* path, int flags), (at, path, flags))
CHANGES(remove, (const char* path), (path))
CHANGES(rmdir, (const char* path), (path))
CHANGES(link, (const char* from, const char* to), (from, to))
CHANGES(linkat, (int from_at, const char* from, int to_at, const char* to, int flags),
        (from_at, from, to_at, to, flags))
CHANGES(symlinkat, (const char* target, int at, const char* path), (target, at, path))
CHANGES(chmod, (const char* path, mode_t mode), (path, mode))
CHANGES(fchmod, (int fd, mode_t mode), (fd, mode))
CHANGES(fchmodat, (int at, const char* path, mode_t mode, int flags), (at, path, mode, flags))
CHANGES(fchown, (int fd, uid_t user, gid_t group), (fd, user, group))
CHANGES(fchownat, (int at, const char* path, uid_t user, gid_t group, int flags), (at, path, user, group, flags))
CHANGES(ftruncate, (int fd, off_t size), (fd, size))
CHANGES(fsync, (int fd), (fd))
CHANGES(syncfs, (int fd), (fd))
CHANGES(flock, (int fd, int operation), (fd, operation))
CHANGES(bind, (int fd, const sockaddr* address, socklen_t size), (fd, address, size))
CHANGES(listen, (int fd, int backlog), (fd, backlog))
CHANGES(connect, (int fd, const sockaddr* address, socklen_t size), (fd, address, size))
CHANGES(mount, (const char* source, const char* target, const char* type, unsigned long flags, const void* data),
        (source, target, type, flags, data))
CHANGES(umount2, (const char* target, int flags), (target, flags))
CHANGES(setns, (int fd, int type), (fd, type))
CHANGES(memfd_create, (const char* name, unsigned flags), (name, flags))

ssize_t write(int fd, const void* data, size_t size) {
  static const auto next = real<ssize_t (*)(int, const void*, size_t)>("write");
  return !is_counter(fd) && strikes("write", true) ? -1 : next(fd, data, size);
}
ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  static const auto next = real<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  return strikes("pwrite", true) ? -1 : next(fd, data, size, offset);
}
ssize_t copy_file_range(int from, off64_t* from_offset, int to, off64_t* to_offset, size_t size, unsigned flags) {
  static const auto next = real<ssize_t (*)(int, off64_t*, int, off64_t*, size_t, unsigned)>("copy_file_range");
  return strikes("copy_file_range", true) ? -1 : next(from, from_offset, to, to_offset, size, flags);
}
ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  static const auto next = real<ssize_t (*)(int, const msghdr*, int)>("sendmsg");
  return strikes("sendmsg", true) ? -1 : next(fd, message, flags);
}
ssize_t sendto(int fd, const void* data, size_t size, int flags, const sockaddr* address, socklen_t length) {
  static const auto next = real<ssize_t (*)(int, const void*, size_t, int, const sockaddr*, socklen_t)>("sendto");
  return strikes("sendto", true) ? -1 : next(fd, data, size, flags, address, length);
}

int open(const char* path, int flags, ...) {
  static const auto next = real<int (*)(const char*, int, ...)>("open");
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return strikes("open", makes(flags)) ? -1 : next(path, flags, mode);
}
int openat(int at, const char* path, int flags, ...) {
  static const auto next = real<int (*)(int, const char*, int, ...)>("openat");
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return strikes("openat", makes(flags)) ? -1 : next(at, path, flags, mode);
}

// Those the C library has no name for: openat2, fsopen, pidfd_open and their like.
long syscall(long number, ...) {
  static const auto next = real<long (*)(long, ...)>("syscall");
  va_list arguments;
  va_start(arguments, number);
  long values[6];
  for (long& value : values) value = va_arg(arguments, long);
  va_end(arguments);
  if (number != SYS_futex && strikes("syscall", false)) return -1;
  return next(number, values[0], values[1], values[2], values[3], values[4], values[5]);
}

// Returns the error instead of setting errno.
int posix_spawn(pid_t* pid, const char* path, const posix_spawn_file_actions_t* actions,
                const posix_spawnattr_t* attributes, char* const arguments[], char* const environment[]) {
  static const auto next = real<int (*)(pid_t*, const char*, const posix_spawn_file_actions_t*,
                                        const posix_spawnattr_t*, char* const[], char* const[])>("posix_spawn");
  return strikes("posix_spawn", true) ? errno : next(pid, path, actions, attributes, arguments, environment);
}

}  // extern "C"
