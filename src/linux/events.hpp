// What a program waits for: signals, timers and changed files, as descriptors to poll(2).
#pragma once

#include "linux/fd.hpp"

#include <chrono>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

namespace conductor::linux {

// Blocks the signals on this thread and delivers them through a descriptor (signalfd(2)).
Fd signal_descriptor(std::initializer_list<int> signals);
std::optional<int> next_signal(const Fd& signals);  // nothing when none is pending

Fd make_timer();                                                  // timerfd, CLOCK_MONOTONIC, not armed
void arm_timer(const Fd& timer, std::chrono::nanoseconds after);  // once; 0 disarms
void clear_timer(const Fd& timer);                                // after it has fired

// Watches directories or files for changes (inotify(7)).
class Watch {
 public:
  Watch();
  // `mask` as for inotify_add_watch; false when the path does not exist.
  bool add(const std::string& path, unsigned mask);
  // Waits for at least one event and drops all pending ones; false on timeout (negative: none).
  bool wait(int milliseconds);
  int get() const { return fd_.get(); }
  void drain();

 private:
  Fd fd_;
};

}  // namespace conductor::linux
