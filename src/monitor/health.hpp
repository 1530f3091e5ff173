// Health checks: a command run in the container every so often.
#pragma once

#include "linux/process.hpp"
#include "monitor/loop.hpp"
#include "monitor/protocol.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>

namespace conductor::monitor {

// What a container's health follows from. Pure.
struct HealthRecord {
  Health health = Health::starting;
  int failing_streak = 0;

  // Failures before the end of the start period do not count; `retries` in a row that count make it unhealthy.
  void note(bool success, bool in_start_period, const Healthcheck& check);
};

// "CMD", "CMD-SHELL" and "NONE" in front as docker's images have them, or the program itself. Empty: no check. Pure.
std::vector<std::string> health_command(const std::vector<std::string>& test);

// Runs the checks of one run of a container, one at a time. Without a command it does nothing and holds no timer.
class HealthChecks {
 public:
  using Listener = std::function<void(const HealthRecord&, HealthResult)>;
  HealthChecks(Loop& loop, const LaunchSpec& spec, Listener listener);
  ~HealthChecks();
  HealthChecks(const HealthChecks&) = delete;
  HealthChecks& operator=(const HealthChecks&) = delete;

  bool wanted() const { return !command_.empty(); }
  void start(const linux::ProcessId& container);
  void stop();  // a check that runs is ended with everything it started
  // While the container is frozen nothing is checked, and what was begun before says nothing.
  void hold(bool held);

 private:
  void check();
  void finish_check();
  void wait_for_next();
  bool in_start_period() const;

  Loop& loop_;
  const LaunchSpec& spec_;
  Listener listener_;
  std::vector<std::string> command_;
  linux::ProcessId container_;
  HealthRecord record_;
  std::chrono::steady_clock::time_point started_;
  linux::Fd timer_;
  bool held_ = false, disturbed_ = false;
  std::int64_t check_began_ = 0;  // unix nanoseconds
  linux::Child checker_;
  linux::Fd output_;
};

}  // namespace conductor::monitor
