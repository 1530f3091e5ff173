#include "runtime/signal_relay.hpp"

#include "linux/events.hpp"

namespace conductor::runtime {

SignalRelay::SignalRelay() {
  pthread_sigmask(SIG_SETMASK, nullptr, &before_);
  signals_ = linux::signal_descriptor({SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH});
}

SignalRelay::~SignalRelay() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

}  // namespace conductor::runtime
