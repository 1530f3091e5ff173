// Ctrl-C while a build runs: the first asks the build to stop, which takes its step down and leaves nothing; a second
// one ends the program at once.
#pragma once

#include "cli/build_progress.hpp"
#include "linux/cancellation.hpp"
#include "linux/fd.hpp"

#include <csignal>
#include <thread>

namespace conductor::cli {

class BuildInterrupt {
 public:
  static constexpr int exit_code = 128 + SIGINT;

  // SIGINT, SIGTERM and SIGHUP are taken from here on, by a thread of its own; make it before any other thread.
  explicit BuildInterrupt();
  ~BuildInterrupt();
  BuildInterrupt(const BuildInterrupt&) = delete;
  BuildInterrupt& operator=(const BuildInterrupt&) = delete;

  // From now on signals are told there. The progress must outlive this object.
  void watch(BuildProgress& progress);
  linux::Cancellation* cancellation() { return &cancellation_; }
  bool requested() const { return cancellation_.requested(); }

 private:
  linux::Cancellation cancellation_;
  linux::Fd signals_;
  linux::Pipe done_;
  std::jthread watcher_;

  void wait_for_signals(BuildProgress& progress);
};

}  // namespace conductor::cli
