// Stages at the same time, what they share, and what stops them.
#include "base/error.hpp"
#include "base/units.hpp"
#include "builder_rig.hpp"
#include "linux/cgroup.hpp"
#include "support/catch.hpp"

#include <chrono>
#include <filesystem>
#include <mutex>
#include <thread>

using namespace conductor;
using Kind = builder::Event::Kind;
using Names = std::vector<std::string>;

#define NEED_PROGRAMS(rig) \
  if (!(rig).add_programs()) SKIP_TEST("there is no static busybox at /bin/busybox")

namespace {

Names step_locks(const BuilderRig& rig) {
  Names locks;
  for (const auto& name : store::list_directory(rig.locations().locks()))
    if (name.starts_with("step-")) locks.push_back(name);
  return locks;
}

// Nothing of a build is left but what the cache keeps.
void check_clean(const BuilderRig& rig) {
  CHECK(store::list_directory(rig.locations().temporary()).empty());
  CHECK(linux::list_cgroups(rig.locations().instance).empty());
  CHECK(step_locks(rig).empty());
}

}  // namespace

TEST_CASE("independent stages run at the same time") {
  BuilderRig rig;
  NEED_PROGRAMS(rig);
  const std::string base = "FROM scratch AS base\nCOPY bin /bin\n";
  rig.build(base);
  const auto begin = std::chrono::steady_clock::now();
  const auto image = rig.build(base +
                               "FROM base AS a\nRUN --network=none sleep 1; echo a > /a\n"
                               "FROM base AS b\nRUN --network=none sleep 1; echo b > /b\n"
                               "FROM scratch\nCOPY --from=a /a /\nCOPY --from=b /b /\n");
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  CHECK(took.count() < 1.8);
  CHECK(text_of(rig.files(image), "/a") == "a\n");
  CHECK(text_of(rig.files(image), "/b") == "b\n");
  check_clean(rig);
}

TEST_CASE("two stages that do the same do it once") {
  BuilderRig rig;
  NEED_PROGRAMS(rig);
  for (const bool no_cache : {false, true}) {
    rig.options.no_cache = no_cache;
    rig.build(
        "FROM scratch AS base\nCOPY bin /bin\n"
        "FROM base AS a\nRUN --network=none echo told; echo x > /x\n"
        "FROM base AS b\nRUN --network=none echo told; echo x > /x\n"
        "FROM scratch\nCOPY --from=a /x /a\nCOPY --from=b /x /b\n");
    CHECK(rig.output == "told\n");
  }
  check_clean(rig);
}

TEST_CASE("two builds at once do the same step once") {
  BuilderRig rig;
  NEED_PROGRAMS(rig);
  rig.context().write_file("Conductorfile", with_programs + "RUN --network=none echo told; sleep 0.3; echo x > /x\n");
  builder::BuildOptions options;
  options.context = rig.context_path();
  std::string output;
  std::mutex mutex;
  const auto listener = [&](const builder::Event& event) {
    const std::lock_guard lock(mutex);
    if (event.kind == Kind::output) output += event.text;
  };
  std::vector<std::string> ids(2);
  std::vector<std::thread> threads;
  for (auto& id : ids)
    threads.emplace_back([&] {
      try {
        id = builder::build(rig.engine(), options, listener).image.id;
      } catch (const std::exception& error) {
        id = error.what();
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(ids[0].size() == 64);
  CHECK(output == "told\n");
  CHECK(ids[0] == ids[1]);
  check_clean(rig);
}

TEST_CASE("the first failure stops the other stages and is the one that is told") {
  BuilderRig rig;
  NEED_PROGRAMS(rig);
  const auto begin = std::chrono::steady_clock::now();
  const std::string message = rig.failure(
      "FROM scratch AS base\nCOPY bin /bin\n"
      "FROM base AS slow\nRUN --network=none sleep 60\nRUN --network=none echo never\n"
      "FROM base AS wrong\nRUN --network=none exit 3\n"
      "FROM scratch\nCOPY --from=slow /bin /\nCOPY --from=wrong /bin /\n");
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  CHECK_THAT(message, Contains("Conductorfile:7:1") && Contains("exit code 3"));
  CHECK(took.count() < 30);
  CHECK(rig.output.empty());
  check_clean(rig);
}

TEST_CASE("a build that is asked to stop says so and leaves nothing") {
  BuilderRig rig;
  NEED_PROGRAMS(rig);
  linux::Cancellation wish;
  rig.context().write_file("Conductorfile", with_programs + "RUN --network=none echo begun; sleep 60\n");
  builder::BuildOptions options;
  options.context = rig.context_path();
  options.cancellation = &wish;
  std::string message;
  int code = 0;
  try {
    builder::build(rig.engine(), options, [&](const builder::Event& event) {
      if (event.kind == Kind::output) wish.request();
    });
  } catch (const base::Error& error) {
    message = error.what();
    code = error.exit_code();
  }
  CHECK(message == "interrupted");
  CHECK(code == 130);
  check_clean(rig);
  CHECK(rig.build(with_programs).layers.size() == 1);
  CHECK(rig.cached == 1);
}

TEST_CASE("a stage nobody needs is not built") {
  BuilderRig rig;
  rig.context().write_file("f", "f");
  const auto image = rig.build("FROM no.such/image AS unused\nRUN false\nFROM scratch AS wanted\nCOPY f /f\n");
  CHECK(text_of(rig.files(image), "/f") == "f");
  CHECK(rig.made == 1);
}

TEST_CASE("steps have numbers, and each that begins ends once") {
  BuilderRig rig;
  rig.context().write_file("f", "f");
  rig.context().write_file("Conductorfile", "FROM scratch AS a\nENV A=b\nCOPY f /f\nWORKDIR /w\nFROM a\nCOPY f /g\n");
  builder::BuildOptions options;
  options.context = rig.context_path();
  std::map<std::size_t, Names> steps;
  builder::build(rig.engine(), options, [&](const builder::Event& event) {
    const std::string place = event.stage + " " + std::to_string(event.step) + "/" + std::to_string(event.steps);
    if (event.kind == Kind::began) steps[event.vertex] = {place + " " + event.text};
    if (event.kind == Kind::done || event.kind == Kind::cached) steps[event.vertex].push_back(place);
  });
  CHECK(steps == std::map<std::size_t, Names>{{1, {"a 1/3 FROM scratch AS a", "a 1/3"}},
                                              {2, {"a 2/3 COPY f /f", "a 2/3"}},
                                              {3, {"a 3/3 WORKDIR /w", "a 3/3"}},
                                              {4, {"stage-1 1/2 FROM a", "stage-1 1/2"}},
                                              {5, {"stage-1 2/2 COPY f /g", "stage-1 2/2"}}});
}

TEST_CASE("--no-cache-filter executes the steps of the stages it names") {
  BuilderRig rig;
  rig.context().write_file("f", "f");
  const std::string text = "FROM scratch AS a\nCOPY f /f\nFROM scratch AS b\nCOPY --from=a /f /g\nCOPY f /h\n";
  rig.build(text);
  rig.options.no_cache_filter = {"B"};
  rig.build(text);
  CHECK(rig.cached == 1);
  CHECK(rig.made == 2);
}

TEST_CASE("an image built again writes nothing") {
  BuilderRig rig;
  rig.context().write_file("f", "f");
  rig.options.tags = {"one", "two:2"};
  const std::string text = "FROM scratch\nENV A=b\nCOPY f /f\n";
  const auto first = rig.build(text);
  const auto stamp = [&] {
    std::string all;
    for (const auto& directory : {rig.locations().images(), rig.locations().tags(), rig.locations().layers()})
      for (const auto& name : store::list_directory(directory)) {
        const auto status = linux::RootFd::open(directory).status(name);
        all +=
            name + " " + std::to_string(status->st_ctim.tv_sec) + "." + std::to_string(status->st_ctim.tv_nsec) + "\n";
      }
    return all;
  };
  const std::string before = stamp();
  CHECK(rig.build(text).id == first.id);
  CHECK(stamp() == before);
  CHECK(rig.engine().images().find("two:2")->id == first.id);
}

TEST_CASE("a hostile number of stages is refused before anything runs") {
  BuilderRig rig;
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += "FROM scratch\n";
  const auto begin = std::chrono::steady_clock::now();
  CHECK_THAT(rig.failure(text), Contains("more than 1000 stages"));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  CHECK(took.count() < 1.0);
  CHECK(rig.steps.empty());
}
