#include "monitor/health.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "linux/events.hpp"
#include "monitor/health_check.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <csignal>
#include <utility>

namespace conductor::monitor {

void HealthRecord::note(bool success, bool in_start_period, const Healthcheck& check) {
  if (success) {
    health = Health::healthy;
    failing_streak = 0;
  } else if (!in_start_period || health != Health::starting) {
    ++failing_streak;
    if (failing_streak >= std::max(1, check.retries)) health = Health::unhealthy;
  }
}

std::vector<std::string> health_command(const std::vector<std::string>& test) {
  if (test.empty() || test.front() == "NONE") return {};
  if (test.front() == "CMD") return {test.begin() + 1, test.end()};
  if (test.front() == "CMD-SHELL") return {"/bin/sh", "-c", test.size() > 1 ? test[1] : ""};
  return test;
}

HealthChecks::HealthChecks(Loop& loop, const LaunchSpec& spec, Listener listener)
    : loop_(loop), spec_(spec), listener_(std::move(listener)), command_(health_command(spec.healthcheck.test)) {}

HealthChecks::~HealthChecks() { stop(); }

void HealthChecks::start(const linux::ProcessId& container) {
  if (!wanted()) return;
  container_ = container;
  record_ = {};
  held_ = disturbed_ = false;
  started_ = std::chrono::steady_clock::now();
  timer_ = linux::make_timer();
  loop_.add(timer_.get(), EPOLLIN, [this] {
    linux::clear_timer(timer_);
    check();
  });
  wait_for_next();
}

void HealthChecks::stop() {
  if (timer_) loop_.remove(timer_.get());
  timer_.reset();
  if (!checker_.pidfd) return;
  loop_.remove(checker_.pidfd.get());
  // It ends its check on this signal. The container may be gone: then there is nothing to end.
  linux::send_signal(checker_.pidfd, SIGTERM);
  linux::wait_for(checker_.pidfd);
  checker_.pidfd.reset();
}

void HealthChecks::hold(bool held) {
  held_ = held;
  disturbed_ = disturbed_ || (held && checker_.pidfd);
}

bool HealthChecks::in_start_period() const {
  return std::chrono::steady_clock::now() - started_ < spec_.healthcheck.start_period;
}

void HealthChecks::wait_for_next() {
  using std::chrono::milliseconds;
  const bool starting = in_start_period() && record_.health == Health::starting;
  const auto delay = starting ? spec_.healthcheck.start_interval : spec_.healthcheck.interval;
  linux::arm_timer(timer_, std::max<std::chrono::nanoseconds>(delay, milliseconds(1)));
}

void HealthChecks::check() {
  if (held_) return wait_for_next();
  ExecSpec exec;
  exec.container = container_;
  exec.cgroup = spec_.cgroup;
  exec.process = spec_.process;
  exec.process.arguments = command_;
  exec.process.terminal = false;
  check_began_ = base::now_unix_ns();
  try {
    auto pipe = linux::make_pipe();
    output_ = std::move(pipe.read);
    checker_ = linux::clone_child(0, [&] { return run_health_check(exec, spec_.healthcheck.timeout, pipe.write); });
    loop_.add(checker_.pidfd.get(), EPOLLIN, [this] { finish_check(); });
  } catch (const base::Error& e) {
    record_.note(false, in_start_period(), spec_.healthcheck);
    listener_(record_, {check_began_, base::now_unix_ns(), -1, e.what()});
    wait_for_next();
  }
}

void HealthChecks::finish_check() {
  loop_.remove(checker_.pidfd.get());
  const int code = linux::wait_for(checker_.pidfd).shell_code();
  checker_.pidfd.reset();
  if (!std::exchange(disturbed_, false)) {
    record_.note(code == 0, in_start_period(), spec_.healthcheck);
    listener_(record_, {check_began_, base::now_unix_ns(), code, linux::read_all(output_.get())});
  }
  output_.reset();
  wait_for_next();
}

}  // namespace conductor::monitor
