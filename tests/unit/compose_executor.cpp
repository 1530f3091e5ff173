// Carrying plans out, with made-up acts: order, parallelism, failure, cancelling.
#include "compose/executor.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <barrier>
#include <mutex>
#include <set>

using namespace conductor;
using compose::Plan;
using compose::Step;

namespace {

compose::StartContainer start(const std::string& name) { return {name, name}; }

// Records what was done, in order.
struct Log {
  std::mutex mutex;
  std::vector<std::string> names;
  void add(const Step& step) {
    const std::lock_guard lock(mutex);
    names.push_back(compose::service_of(step.operation));
  }
  std::size_t place(const std::string& name) const {
    return static_cast<std::size_t>(std::ranges::find(names, name) - names.begin());
  }
};

}  // namespace

TEST_CASE("a step is begun when all it comes after are done") {
  Plan plan;
  const auto a = plan.add(start("a"));
  const auto b = plan.add(start("b"), {}, {a});
  const auto c = plan.add(start("c"), {}, {a});
  plan.add(start("d"), {}, {b, c});
  Log log;
  const auto outcome = compose::Executor([&](const Step& step, const auto&) { log.add(step); }).run(plan);
  CHECK(outcome.whole());
  REQUIRE(log.names.size() == 4);
  CHECK(log.names.front() == "a");
  CHECK(log.names.back() == "d");
}

TEST_CASE("independent steps run at the same time") {
  Plan plan;
  for (const char* name : {"a", "b", "c"}) plan.add(start(name));
  std::barrier all(3);  // nobody gets past it unless three are there
  const auto outcome = compose::Executor([&](const Step&, const auto&) { all.arrive_and_wait(); }, {}, 3).run(plan);
  CHECK(outcome.done.size() == 3);
}

TEST_CASE("no more than the given number act at a time, and waits do not count") {
  Plan plan;
  for (int i = 0; i < 20; ++i) plan.add(start("s" + std::to_string(i)));
  plan.add(compose::WaitFor{"db", parser::Condition::healthy, {}});
  std::mutex mutex;
  int now = 0, most = 0;
  compose::Executor executor(
      [&](const Step& step, const auto&) {
        if (std::holds_alternative<compose::WaitFor>(step.operation)) return;
        {
          const std::lock_guard lock(mutex);
          most = std::max(most, ++now);
        }
        const std::lock_guard lock(mutex);
        --now;
      },
      {}, 2);
  CHECK(executor.run(plan).whole());
  CHECK(most <= 2);
}

TEST_CASE("after a failure nothing new is begun, and the error says what stands") {
  Plan plan;
  const auto a = plan.add(start("a"));
  const auto b = plan.add(start("b"), {}, {a});
  plan.add(start("c"), {}, {b});
  compose::Executor executor([](const Step& step, const auto&) {
    if (compose::service_of(step.operation) == "b") throw base::Error("no such thing\nand more");
  });
  const auto outcome = executor.run(plan);
  CHECK(outcome.done == std::vector<std::size_t>{0});
  CHECK(outcome.failed == std::vector<std::size_t>{1});
  CHECK(outcome.not_begun == std::vector<std::size_t>{2});
  try {
    require_whole(plan, outcome);
    FAIL("no error");
  } catch (const base::Error& e) {
    CHECK(std::string(e.what()) == "start container b: no such thing");
    CHECK(e.hint() == "done: start container a; not begun: start container c");
  }
}

TEST_CASE("a teardown goes on with everything that does not come after the failure") {
  Plan plan;
  plan.teardown = true;
  const auto a = plan.add(start("a"));
  const auto after_a = plan.add(start("after-a"), {}, {a});
  plan.add(start("after-both"), {}, {after_a});
  const auto b = plan.add(start("b"));
  plan.add(start("after-b"), {}, {b});
  compose::Executor executor([](const Step& step, const auto&) {
    if (compose::service_of(step.operation) == "a") throw base::Error("stuck");
  });
  const auto outcome = executor.run(plan);
  CHECK(outcome.done.size() == 2);
  CHECK(outcome.not_begun == std::vector<std::size_t>{1, 2});
}

TEST_CASE("cancelled: what is begun ends, nothing new is begun") {
  Plan plan;
  const auto a = plan.add(start("a"));
  plan.add(start("b"), {}, {a});
  compose::Executor* running = nullptr;
  compose::Executor executor([&](const Step&, const auto&) { running->cancel(); });
  running = &executor;
  const auto outcome = executor.run(plan);
  CHECK(outcome.done.size() == 1);
  CHECK(outcome.not_begun.size() == 1);
  CHECK_THROWS_WITH(require_whole(plan, outcome), Contains("interrupted"));
}

TEST_CASE("the listener hears of every step, one call at a time") {
  Plan plan;
  for (int i = 0; i < 10; ++i) plan.add(start("s" + std::to_string(i)));
  std::multiset<std::pair<int, std::size_t>> heard;
  bool inside = false;
  compose::Executor executor([](const Step&, const auto& output) { output("line"); },
                             [&](const Plan&, const compose::Update& update) {
                               CHECK_FALSE(std::exchange(inside, true));
                               heard.emplace(static_cast<int>(update.kind), update.step);
                               inside = false;
                             });
  executor.run(plan);
  CHECK(heard.size() == 30);
}

TEST_CASE("a plan with a deep, wide order ends quickly") {
  Plan plan;
  std::vector<std::size_t> before;
  for (int layer = 0; layer < 12; ++layer) {
    std::vector<std::size_t> now;
    for (int i = 0; i < 5; ++i) now.push_back(plan.add(start("s"), {}, before));
    before = now;
  }
  compose::Executor executor([](const Step&, const auto&) { throw base::Error("no"); });
  CHECK(executor.run(plan).not_begun.size() >= 55);
}

TEST_CASE("a listener that fails stops nothing") {
  Plan plan;
  plan.add(start("a"), {}, {plan.add(start("b"))});
  const auto outcome = compose::Executor([](const Step&, const auto&) {},
                                         [](const Plan&, const compose::Update&) { throw base::Error("cannot write"); })
                           .run(plan);
  CHECK(outcome.whole());
  CHECK(outcome.done.size() == 2);
}
