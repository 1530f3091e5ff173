#include "compose/executor.hpp"

#include "base/log.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

namespace conductor::compose {
namespace {

// What failed and why, without saying twice what it was about.
std::string sentence(const Operation& operation, const std::string& why) {
  if (std::holds_alternative<WaitFor>(operation)) return why;  // it names the dependency itself
  const std::string what = title(operation);
  const std::string object = what.substr(what.rfind(' ') + 1);
  return why.find(object) == std::string::npos ? what + ": " + why : why;
}

bool only_waits(const Step& step) { return std::holds_alternative<WaitFor>(step.operation); }

}  // namespace

// One run: the state of every step behind one mutex; workers take what is ready.
class Executor::Run {
 public:
  Run(Executor& executor, const Plan& plan, Journal* journal)
      : executor_(executor), plan_(plan), journal_(journal), states_(plan.steps.size(), State::waiting) {}

  Outcome finish() {
    {
      std::vector<std::jthread> workers;
      workers.reserve(plan_.steps.size());
      const auto acting = plan_.steps.size() - waits();
      for (std::size_t i = 0; i < std::min(executor_.parallel_, acting); ++i)
        workers.emplace_back([this] { work(false); });
      for (std::size_t i = 0; i < waits(); ++i) workers.emplace_back([this] { work(true); });
    }
    for (std::size_t i = 0; i < states_.size(); ++i)
      if (states_[i] == State::waiting || states_[i] == State::left_out) outcome_.not_begun.push_back(i);
    return std::move(outcome_);
  }

 private:
  enum class State { waiting, begun, done, failed, left_out };

  Executor& executor_;
  const Plan& plan_;
  Journal* journal_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<State> states_;
  Outcome outcome_;
  std::mutex telling_;

  std::size_t waits() const { return static_cast<std::size_t>(std::ranges::count_if(plan_.steps, only_waits)); }

  // A worker for steps that wait, or for the others. Ends when no such step can become ready any more.
  void work(bool waiting) {
    while (const auto index = take(waiting)) perform(*index);
  }

  std::optional<std::size_t> take(bool waiting) {
    std::unique_lock lock(mutex_);
    while (!stopped()) {
      bool later = false;
      for (std::size_t i = 0; i < states_.size(); ++i) {
        if (states_[i] != State::waiting || only_waits(plan_.steps[i]) != waiting) continue;
        if (ready(i)) {
          states_[i] = State::begun;
          return i;
        }
        later = true;
      }
      if (!later) return std::nullopt;
      changed_.wait(lock);
    }
    return std::nullopt;
  }

  bool ready(std::size_t index) const {
    return std::ranges::all_of(plan_.steps[index].after, [&](std::size_t i) { return states_[i] == State::done; });
  }

  // Nothing new is begun any more.
  bool stopped() const { return executor_.cancelled() || (!plan_.teardown && !outcome_.failed.empty()); }

  // What comes after a failed step, directly or not, is left out. Steps come later in the plan than what they come
  // after.
  void leave_out_after(std::size_t failed) {
    const auto lost = [this](std::size_t i) { return states_[i] == State::failed || states_[i] == State::left_out; };
    for (std::size_t i = failed + 1; i < states_.size(); ++i)
      if (states_[i] == State::waiting && std::ranges::any_of(plan_.steps[i].after, lost)) states_[i] = State::left_out;
  }

  void perform(std::size_t index) {
    const Step& step = plan_.steps[index];
    tell({Update::Kind::begun, index, {}});
    std::optional<std::string> failure;
    try {
      if (journal_ != nullptr) journal_->begin(step);
      executor_.act_(step, [&](const std::string& line) { tell({Update::Kind::output, index, line}); });
    } catch (const std::exception& e) {
      failure = e.what();
    }
    try {
      if (journal_ != nullptr) journal_->end(step, !failure);
    } catch (const std::exception& e) {
      if (!failure) failure = e.what();
    }
    tell({failure ? Update::Kind::failed : Update::Kind::done, index, failure.value_or("")});
    const std::lock_guard lock(mutex_);
    states_[index] = failure ? State::failed : State::done;
    (failure ? outcome_.failed : outcome_.done).push_back(index);
    if (failure) {
      outcome_.failures.push_back(sentence(step.operation, *failure));
      leave_out_after(index);
    }
    changed_.notify_all();
  }

  // Whoever cannot be told any more, a pipe that nobody reads, does not stop the work.
  void tell(const Update& update) {
    const std::lock_guard lock(telling_);
    try {
      if (executor_.listener_) executor_.listener_(plan_, update);
    } catch (const base::Error& e) {
      base::log(base::LogLevel::debug, e.message());
    }
  }
};

Executor::Executor(Act act, Listener listener, std::size_t parallel)
    : act_(std::move(act)), listener_(std::move(listener)), parallel_(std::max<std::size_t>(parallel, 1)) {}

Outcome Executor::run(const Plan& plan, Journal* journal) { return Run(*this, plan, journal).finish(); }

void require_whole(const Plan& plan, const Outcome& outcome) {
  if (outcome.whole()) return;
  const auto titles = [&](const std::vector<std::size_t>& indices) {
    constexpr std::size_t shown = 8;
    std::vector<std::string> list;
    list.reserve(shown + 1);
    for (std::size_t i = 0; i < std::min(indices.size(), shown); ++i)
      list.push_back(title(plan.steps[indices[i]].operation));
    if (indices.size() > shown) list.push_back(std::to_string(indices.size() - shown) + " more");
    return list.empty() ? std::string("nothing") : base::join(list, ", ");
  };
  std::vector<std::string> sentences;
  for (const auto& failure : outcome.failures) sentences.push_back(failure.substr(0, failure.find('\n')));
  throw base::Error(sentences.empty() ? "interrupted" : base::join(sentences, "; "))
      .with_hint("done: " + titles(outcome.done) + "; not begun: " + titles(outcome.not_begun));
}

}  // namespace conductor::compose
