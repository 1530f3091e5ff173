#include "monitor/init.hpp"

#include "base/error.hpp"
#include "linux/capabilities.hpp"

#include <linux/capability.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace conductor::monitor {
namespace {

using base::Error;

// Signals of any user's processes need CAP_KILL; nothing else is left.
void give_up_rights() {
  constexpr linux::CapabilitySet kill_only = 1U << CAP_KILL;
  linux::limit_bounding_set(kill_only);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  linux::set_capabilities(kill_only);
  syscall(SYS_close_range, 0U, ~0U, 0U);
}

// Reaps until the program itself has ended.
void serve(pid_t program, const sigset_t& signals) {
  for (;;) {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0) continue;
    if (signal != SIGCHLD) {
      kill(program, signal);
      continue;
    }
    int status = 0;
    for (pid_t ended = 0; (ended = waitpid(-1, &status, WNOHANG)) > 0;)
      if (ended == program) _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
  }
}

}  // namespace

void become_init(linux::Fd& channel) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  const pid_t program = fork();
  if (program < 0) throw Error::from_errno("cannot start the program below init");
  if (program == 0) return;
  channel.reset();
  give_up_rights();
  serve(program, all);
  _exit(base::exit_error);
}

}  // namespace conductor::monitor
