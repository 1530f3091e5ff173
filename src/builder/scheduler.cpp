#include "builder/scheduler.hpp"

#include "base/error.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace conductor::builder {
namespace {

using base::Error;

// Counts what has ended, as something poll(2) can wait for beside a Cancellation.
class Bell {
 public:
  Bell() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!event_) throw Error::from_errno("cannot make an event descriptor");
  }
  void ring() noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = write(event_.get(), &one, sizeof one);
  }
  void silence() noexcept {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto size = read(event_.get(), &count, sizeof count);
  }
  int descriptor() const { return event_.get(); }

 private:
  linux::Fd event_;
};

// Signals are left to the thread that began the build.
std::thread quiet_thread(const std::function<void()>& body) {
  sigset_t all{}, before{};
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread;
  std::exception_ptr failure;
  try {
    thread = std::thread(body);
  } catch (...) {
    failure = std::current_exception();
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (failure) std::rethrow_exception(failure);
  return thread;
}

class Run {
 public:
  Run(const StageGraph& graph, std::size_t limit, const linux::Cancellation* wish, linux::Cancellation& stop,
      const std::function<void(std::size_t)>& build)
      : graph_(graph), limit_(std::max<std::size_t>(limit, 1)), wish_(wish), stop_(stop), build_(build) {
    states_.assign(graph.stages.size(), State::waiting);
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run() {
    if (running_ != 0) stop_.request();
    for (auto& thread : threads_) thread.join();
  }

  void run() {
    for (;;) {
      const std::size_t running = start_what_is_ready();
      if (running == 0) break;
      wait();
    }
    for (auto& thread : threads_) thread.join();
    threads_.clear();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  enum class State { waiting, running, done };

  bool ready(std::size_t number) const {
    return states_[number] == State::waiting && std::ranges::all_of(graph_.stages[number].needs, [&](std::size_t need) {
             return states_[need] == State::done;
           });
  }

  // Returns how many run now.
  std::size_t start_what_is_ready() {
    const std::lock_guard lock(mutex_);
    for (const std::size_t number : graph_.order) {
      if (failure_ || running_ == limit_) break;
      if (!ready(number)) continue;
      threads_.push_back(quiet_thread([this, number] { perform(number); }));
      states_[number] = State::running;
      ++running_;
    }
    return running_;
  }

  void perform(std::size_t number) {
    std::exception_ptr failure;
    try {
      build_(number);
    } catch (...) {
      failure = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    states_[number] = State::done;
    --running_;
    if (failure) fail(std::move(failure));
    bell_.ring();
  }

  // The caller holds the mutex.
  void fail(std::exception_ptr failure) {
    if (!failure_) failure_ = std::move(failure);
    stop_.request();
  }

  // Until a stage has ended, or the user does not want any more.
  void wait() {
    pollfd events[2] = {{bell_.descriptor(), POLLIN, 0}, {-1, POLLIN, 0}};
    if (wish_ != nullptr && !wished_) events[1].fd = wish_->descriptor();
    if (poll(events, 2, -1) < 0 && errno != EINTR) throw Error::from_errno("cannot wait for the stages");
    if (events[0].revents != 0) bell_.silence();
    if (events[1].revents == 0) return;
    wished_ = true;
    const std::lock_guard lock(mutex_);
    fail(std::make_exception_ptr(Error("interrupted")));
  }

  const StageGraph& graph_;
  std::size_t limit_;
  const linux::Cancellation* wish_;
  linux::Cancellation& stop_;
  const std::function<void(std::size_t)>& build_;

  Bell bell_;
  bool wished_ = false;
  std::vector<std::thread> threads_;
  std::mutex mutex_;  // of what follows
  std::vector<State> states_;
  std::size_t running_ = 0;
  std::exception_ptr failure_;
};

}  // namespace

std::size_t stages_at_once() {
  return std::max<std::size_t>(4, std::size_t{2} * std::max(1U, std::thread::hardware_concurrency()));
}

void run_stages(const StageGraph& graph, std::size_t limit, const linux::Cancellation* wish, linux::Cancellation& stop,
                const std::function<void(std::size_t stage)>& build) {
  Run(graph, limit, wish, stop, build).run();
}

}  // namespace conductor::builder
