// Signals for us that are meant for a container.
#pragma once

#include "linux/fd.hpp"

#include <csignal>

namespace conductor::runtime {

// While it lives, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 and SIGWINCH of this thread wait in `get()`.
class SignalRelay {
 public:
  SignalRelay();
  ~SignalRelay();
  SignalRelay(const SignalRelay&) = delete;
  SignalRelay& operator=(const SignalRelay&) = delete;
  const linux::Fd& get() const { return signals_; }

 private:
  sigset_t before_{};
  linux::Fd signals_;
};

}  // namespace conductor::runtime
