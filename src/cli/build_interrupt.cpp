#include "cli/build_interrupt.hpp"

#include "base/error.hpp"
#include "linux/events.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>

namespace conductor::cli {

BuildInterrupt::BuildInterrupt()
    : signals_(linux::signal_descriptor({SIGINT, SIGTERM, SIGHUP})), done_(linux::make_pipe()) {}

BuildInterrupt::~BuildInterrupt() {
  done_.write.reset();
  if (watcher_.joinable()) watcher_.join();
}

void BuildInterrupt::watch(BuildProgress& progress) {
  watcher_ = std::jthread([this, &progress] { wait_for_signals(progress); });
}

void BuildInterrupt::wait_for_signals(BuildProgress& progress) {
  std::array<pollfd, 2> waits = {pollfd{done_.read.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}};
  for (;;) {
    const int ready = poll(waits.data(), waits.size(), -1);
    if (ready < 0) continue;  // EINTR
    if (waits[0].revents != 0) return;
    if (!linux::next_signal(signals_)) continue;
    if (cancellation_.requested()) {
      progress.close();
      _exit(exit_code);
    }
    cancellation_.request();
    progress.say("Interrupted: taking down what runs … (once more to end at once)");
  }
}

}  // namespace conductor::cli
