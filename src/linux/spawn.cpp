// Starting other programs: spawn and run_program, on posix_spawn(3), which shares the caller's memory until exec.
#include "base/error.hpp"
#include "linux/process.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace conductor::linux {
namespace {

using base::Error;

void check(int code, const char* what) {
  if (code != 0) throw Error(what, code);
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> list;
  list.reserve(strings.size() + 1);
  for (const auto& text : strings) list.push_back(const_cast<char*>(text.c_str()));
  list.push_back(nullptr);
  return list;
}

class Attributes {
 public:
  explicit Attributes(bool new_session) {
    check(posix_spawnattr_init(&value_), "cannot prepare a process");
    sigset_t all;
    sigset_t none;
    // Not sigfillset, which leaves out glibc's two own signals: posix_spawn would hand those on ignored.
    std::memset(&all, 0xff, sizeof all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&value_, &all);
    posix_spawnattr_setsigmask(&value_, &none);
    short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    if (new_session) flags |= POSIX_SPAWN_SETSID;
    posix_spawnattr_setflags(&value_, flags);
  }
  ~Attributes() { posix_spawnattr_destroy(&value_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  const posix_spawnattr_t* get() const { return &value_; }

 private:
  posix_spawnattr_t value_{};
};

// `descriptors[i]` onto i, everything else closed. A descriptor whose number is itself a target is copied out of the
// way first, else a descriptor put in place could overwrite one that is still to be placed.
class Descriptors {
 public:
  explicit Descriptors(const std::vector<int>& descriptors) {
    const int count = static_cast<int>(descriptors.size());
    check(posix_spawn_file_actions_init(&actions_), "cannot prepare a process");
    try {
      for (int i = 0; i < count; ++i) {
        int from = descriptors[static_cast<std::size_t>(i)];
        if (from < count && from != i) {
          copies_.emplace_back(fcntl(from, F_DUPFD_CLOEXEC, count));
          if (!copies_.back()) throw Error::from_errno("cannot duplicate a descriptor");
          from = copies_.back().get();
        }
        check(posix_spawn_file_actions_adddup2(&actions_, from, i), "cannot prepare a process");
      }
      check(posix_spawn_file_actions_addclosefrom_np(&actions_, count), "cannot prepare a process");
    } catch (...) {
      posix_spawn_file_actions_destroy(&actions_);
      throw;
    }
  }
  ~Descriptors() { posix_spawn_file_actions_destroy(&actions_); }
  Descriptors(const Descriptors&) = delete;
  Descriptors& operator=(const Descriptors&) = delete;
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
  std::vector<Fd> copies_;
};

}  // namespace

Child spawn(const SpawnOptions& options) {
  const Attributes attributes(options.new_session);
  const Descriptors descriptors(options.descriptors);
  auto arguments = pointers(options.arguments);
  auto environment = pointers(options.environment);
  Child child;
  const int code = posix_spawn(&child.pid, options.program.c_str(), descriptors.get(), attributes.get(),
                               arguments.data(), environment.data());
  if (code != 0)
    throw Error("cannot start " + options.program, code)
        .with_exit_code(code == ENOENT ? base::exit_not_found : base::exit_not_executable);
  // Nobody has waited for it yet, so the pid cannot have been given to another.
  child.pidfd = Fd(static_cast<int>(syscall(SYS_pidfd_open, child.pid, 0)));
  if (!child.pidfd) {
    const Error error = Error::from_errno("cannot open the process of " + options.program);
    kill(child.pid, SIGKILL);
    waitpid(child.pid, nullptr, 0);
    throw error;
  }
  return child;
}

Output run_program(const SpawnOptions& options) {
  Pipe pipe = make_pipe();
  const Fd null = open_file("/dev/null", O_RDONLY);
  SpawnOptions own = options;
  own.descriptors = {null.get(), pipe.write.get(), pipe.write.get()};
  const Child child = spawn(own);
  pipe.write.reset();
  Output output;
  try {
    output.text = read_all(pipe.read.get());
  } catch (...) {
    send_signal(child.pidfd, SIGKILL);
    wait_for(child.pidfd);
    throw;
  }
  output.ending = wait_for(child.pidfd);
  return output;
}

}  // namespace conductor::linux
