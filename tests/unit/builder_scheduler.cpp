// Stages at the same time: order, width, failure and interruption.
#include "base/error.hpp"
#include "builder/scheduler.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <atomic>
#include <barrier>
#include <mutex>

using namespace conductor;
using namespace conductor::builder;
using Numbers = std::vector<std::size_t>;

namespace {

// A graph by what each stage needs; all of it is to be built.
StageGraph graph_of(const std::vector<Numbers>& needs) {
  StageGraph graph;
  for (std::size_t i = 0; i < needs.size(); ++i) {
    Stage stage;
    stage.number = i;
    stage.needs = needs[i];
    graph.stages.push_back(std::move(stage));
    graph.order.push_back(i);
  }
  graph.target = needs.size() - 1;
  return graph;
}

struct Recorder {
  std::mutex mutex;
  Numbers ended;
  std::function<void(std::size_t)> body = [](std::size_t) {};
  void operator()(std::size_t number) {
    body(number);
    const std::lock_guard lock(mutex);
    ended.push_back(number);
  }
};

Numbers run(const StageGraph& graph, Recorder& recorder, std::size_t limit = 4) {
  linux::Cancellation stop;
  run_stages(graph, limit, nullptr, stop, std::ref(recorder));
  return recorder.ended;
}

std::string failure_of_run(const StageGraph& graph, const linux::Cancellation* wish, linux::Cancellation& stop,
                           const std::function<void(std::size_t)>& build) {
  try {
    run_stages(graph, 4, wish, stop, build);
  } catch (const base::Error& error) {
    return error.what();
  }
  return "(it did not fail)";
}

}  // namespace

TEST_CASE("every stage is built once, after all it needs") {
  const auto graph = graph_of({{}, {0}, {0}, {1, 2}, {}, {3, 4}});
  Recorder recorder;
  const auto ended = run(graph, recorder);
  auto sorted = ended;
  std::sort(sorted.begin(), sorted.end());
  CHECK(sorted == graph.order);
  const auto place = [&](std::size_t number) { return std::find(ended.begin(), ended.end(), number) - ended.begin(); };
  for (const auto& stage : graph.stages)
    for (const std::size_t need : stage.needs) CHECK(place(need) < place(stage.number));
}

TEST_CASE("stages that do not need each other are built at the same time") {
  // Neither comes past the barrier before the other is there.
  std::barrier both(2);
  Recorder recorder;
  recorder.body = [&](std::size_t number) {
    if (number < 2) both.arrive_and_wait();
  };
  CHECK(run(graph_of({{}, {}, {0, 1}}), recorder).size() == 3);
}

TEST_CASE("no more stages run at once than allowed") {
  std::atomic<int> running = 0, most = 0;
  Recorder recorder;
  recorder.body = [&](std::size_t) {
    const int now = ++running;
    for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
    }
    --running;
  };
  run(graph_of(std::vector<Numbers>(50)), recorder, 2);
  CHECK(most <= 2);
  CHECK(recorder.ended.size() == 50);
}

TEST_CASE("the first failure is the one that is told, and stops the others") {
  linux::Cancellation stop;
  std::atomic<bool> third = false;
  const auto build = [&](std::size_t number) {
    if (number == 0) throw base::Error("first");
    if (number == 1) {
      linux::wait_readable(stop.descriptor(), -1);  // what a step does while its process runs
      throw base::Error("second");
    }
    third = true;
  };
  CHECK(failure_of_run(graph_of({{}, {}, {0, 1}}), nullptr, stop, build) == "first");
  CHECK_FALSE(third);
  CHECK(stop.requested());
}

TEST_CASE("who asks to stop is told so, whatever the stages say") {
  linux::Cancellation wish, stop;
  const auto build = [&](std::size_t) {
    wish.request();
    linux::wait_readable(stop.descriptor(), -1);
    throw base::Error("a step that was cut short");
  };
  CHECK(failure_of_run(graph_of({{}, {0}}), &wish, stop, build) == "interrupted");
}

TEST_CASE("a thousand stages in a row") {
  std::vector<Numbers> needs(1);
  for (std::size_t i = 1; i < max_stages; ++i) needs.push_back({i - 1});
  Recorder recorder;
  CHECK(run(graph_of(needs), recorder).back() == max_stages - 1);
}
