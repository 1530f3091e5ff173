// Carries a plan out: independent steps at the same time, each as soon as what it comes after has succeeded. Decides
// nothing.
#pragma once

#include "compose/journal.hpp"
#include "compose/plan.hpp"
#include "engine/engine.hpp"
#include "linux/cancellation.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace conductor::compose {

struct Update {
  enum class Kind { begun, output, done, failed } kind = Kind::begun;
  std::size_t step = 0;  // index
  std::string text;      // output: one line; failed: why
};
// Called from several threads, one call at a time.
using Listener = std::function<void(const Plan&, const Update&)>;

// What one step does, as calls of the engine. Throws base::Error. `output` takes lines about a long step.
using Act = std::function<void(const Step&, const std::function<void(const std::string&)>& output)>;

struct Outcome {
  std::vector<std::size_t> done;  // in the order they ended
  std::vector<std::size_t> failed;
  std::vector<std::size_t> not_begun;
  std::vector<std::string> failures;  // one for each failed step: "title: why"
  bool whole() const { return failed.empty() && not_begun.empty(); }
};

class Executor {
 public:
  // At most `parallel` steps act at a time; steps that only wait for a condition are not counted.
  explicit Executor(Act act, Listener listener = {}, std::size_t parallel = 8);

  // Until no step can go on. After a failure nothing new is begun, but in a teardown only what comes after the failed
  // step is left out. `journal` may be nullptr.
  Outcome run(const Plan& plan, Journal* journal = nullptr);

  // From any thread or after a signal: nothing new is begun, and waits end (within a second).
  void cancel() { cancellation_.request(); }
  bool cancelled() const { return cancellation_.requested(); }
  // The same for what can be interrupted in its midst: a build.
  linux::Cancellation& cancellation() { return cancellation_; }

 private:
  class Run;
  Act act_;
  Listener listener_;
  std::size_t parallel_;
  linux::Cancellation cancellation_;
};

// Throws Error that says what failed (the first line of each), what stands and what was not begun; does nothing for a
// whole outcome.
void require_whole(const Plan& plan, const Outcome& outcome);

}  // namespace conductor::compose
