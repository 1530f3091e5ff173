// Limits, each broken by a program inside, and changed while it runs.
#include "base/error.hpp"
#include "base/text.hpp"
#include "engine/directory.hpp"
#include "engine/usage.hpp"
#include "engine_rig.hpp"
#include "linux/block_device.hpp"
#include "linux/cgroup_layout.hpp"
#include "linux/cgroup_usage.hpp"
#include "linux/fd.hpp"
#include "runtime/files.hpp"

#include <fcntl.h>
#include <sched.h>

#include <chrono>
#include <csignal>
#include <functional>

using namespace conductor;

namespace {

#define NEEDS_CONTROLLER(name) \
  NEEDS_MACHINE();             \
  if (linux::cgroup_layout().with(name) == nullptr) SKIP_TEST("no controller " name)

linux::Cgroup group_of(const EngineRig& rig, const std::string& id) {
  return linux::Cgroup(runtime::Files(rig.locations(), id).cgroup);
}

// What a file of the container's group says, as each version calls it.
std::string value(const EngineRig& rig, const std::string& id, const std::string& controller, const std::string& v1,
                  const std::string& v2) {
  const auto* hierarchy = linux::cgroup_layout().with(controller);
  const std::string file = hierarchy->directory(group_of(rig, id).path()) + "/" + (hierarchy->unified ? v2 : v1);
  return std::string(base::trim(linux::read_file(file)));
}

bool unified(const char* controller) { return linux::cgroup_layout().with(controller)->unified; }

// Until it holds; false when that takes longer than ten seconds.
bool eventually(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    sched_yield();
  }
  return true;
}

monitor::Status status_of(EngineRig& rig, const std::string& id) { return *rig.engine().runtime().status(id); }

std::string start(EngineRig& rig, const engine::ContainerConfig& config) {
  const auto container = rig.create(config);
  rig.engine().start(container.id);
  return container.id;
}

constexpr std::int64_t mebibyte = 1 << 20;
// Reads a line that never ends.
const char* const take_all_memory = "busybox tail /dev/zero";
const char* const fork_without_end = "while :; do sleep 1000 >/dev/null 2>&1 & done";

}  // namespace

TEST_CASE("limits: who takes more memory than it may have is killed, and that is said") {
  NEEDS_CONTROLLER("memory");
  EngineRig rig;
  auto config = rig.config({"busybox", "tail", "/dev/zero"});
  config.limits.memory = 16 * mebibyte;
  const auto container = rig.create(config);
  CHECK(rig.run_to_end(container.id).code == 128 + SIGKILL);
  CHECK(status_of(rig, container.id).out_of_memory);

  // An end by another's hand is none for want of memory.
  const auto other = start(rig, rig.config({"sleep", "1000"}));
  rig.engine().kill(other, SIGKILL);
  CHECK(status_of(rig, other).exit_code == 128 + SIGKILL);
  CHECK_FALSE(status_of(rig, other).out_of_memory);
}

TEST_CASE("limits: a child that was killed for want of memory is told as well") {
  NEEDS_CONTROLLER("memory");
  EngineRig rig;
  auto config = rig.shell(std::string(take_all_memory) + "; exit 3");
  config.limits.memory = 16 * mebibyte;
  const auto container = rig.create(config);
  // Version 2 ends the whole group, version 1 that process alone.
  CHECK(rig.run_to_end(container.id).code == (unified("memory") ? 128 + SIGKILL : 3));
  CHECK(status_of(rig, container.id).out_of_memory);
}

TEST_CASE("limits: it is told at once, and only of the run in which it happened") {
  NEEDS_CONTROLLER("memory");
  if (unified("memory")) SKIP_TEST("version 2 ends the whole container");
  EngineRig rig;
  auto config = rig.shell(std::string("test -e /again || { touch /again; ") + take_all_memory + "; }; sleep 1000");
  config.limits.memory = 16 * mebibyte;
  config.restart.policy = monitor::RestartPolicy::always;
  const auto id = start(rig, config);
  const auto told = [](const auto& status) { return status.out_of_memory; };
  REQUIRE(rig.engine().runtime().wait_for(id, told, std::chrono::seconds(20)));
  const auto first = status_of(rig, id);
  CHECK(first.phase == monitor::Phase::running);
  linux::send_signal(*linux::open_process(first.process), SIGKILL);
  const auto again = [](const auto& status) { return status.restarts == 1 && status.phase == monitor::Phase::running; };
  REQUIRE(rig.engine().runtime().wait_for(id, again, std::chrono::seconds(10)));
  linux::send_signal(*linux::open_process(status_of(rig, id).process), SIGKILL);
  const auto ended = [](const auto& status) { return status.restarts == 2; };
  REQUIRE(rig.engine().runtime().wait_for(id, ended, std::chrono::seconds(10)));
  CHECK_FALSE(status_of(rig, id).out_of_memory);
}

TEST_CASE("limits: swap is no way around a memory limit") {
  NEEDS_CONTROLLER("memory");
  EngineRig rig;
  auto config = rig.config({"sleep", "1000"});
  config.limits.memory = 16 * mebibyte;
  const auto id = start(rig, config);
  const std::string wanted = unified("memory") ? "0" : std::to_string(16 * mebibyte);
  std::string found;
  try {
    found = value(rig, id, "memory", "memory.memsw.limit_in_bytes", "memory.swap.max");
  } catch (const base::Error&) {
    SKIP_TEST("this kernel does not count swap");
  }
  CHECK(found == wanted);
}

TEST_CASE("limits: no more processes than there may be, however they come in") {
  NEEDS_CONTROLLER("pids");
  EngineRig rig;
  auto config = rig.shell(fork_without_end);
  config.limits.pids = 10;
  const auto outcome = rig.run(config);
  CHECK(outcome.code != 0);
  CHECK_THAT(outcome.output, Contains("can't fork"));

  auto quiet = rig.config({"sleep", "1000"});
  quiet.limits.pids = 10;
  const auto id = start(rig, quiet);
  const auto executed = rig.exec(id, {"sh", "-c", std::string(fork_without_end) + " 2>&1"});
  CHECK(executed.code != 0);
  CHECK(value(rig, id, "pids", "pids.max", "pids.max") == "10");
  CHECK(value(rig, id, "pids", "pids.events", "pids.events") != "max 0");
  CHECK(linux::usage_of(group_of(rig, id)).pids <= 10);
}

TEST_CASE("limits: cpu time over the quota is not given") {
  NEEDS_CONTROLLER("cpu");
  EngineRig rig;
  auto config = rig.shell("while :; do :; done");
  config.limits.cpus = 0.1;
  const auto id = start(rig, config);
  CHECK(eventually([&] { return linux::usage_of(group_of(rig, id)).throttled > 2; }));
}

TEST_CASE("limits: cpus, for every process of the container") {
  NEEDS_CONTROLLER("cpuset");
  EngineRig rig;
  auto config = rig.shell("grep Cpus_allowed_list /proc/self/status; busybox nproc; sleep 1000");
  config.limits.cpuset = "0";
  config.limits.cpuset_memory = "0";
  config.healthcheck.test = {"/bin/sh", "-c", "grep Cpus_allowed_list /proc/self/status"};
  config.healthcheck.interval = std::chrono::seconds(1);
  const auto id = start(rig, config);
  CHECK_THAT(rig.exec(id, {"grep", "Cpus_allowed_list", "/proc/self/status"}).output, Contains("\t0\n"));
  CHECK(rig.exec(id, {"busybox", "nproc"}).output == "1\n");
  REQUIRE(rig.engine().runtime().wait_for(
      id, [](const auto& status) { return !status.health_log.empty(); }, std::chrono::seconds(10)));
  CHECK_THAT(status_of(rig, id).health_log.front().output, Contains("\t0\n"));
}

TEST_CASE("limits: block I/O of the disk that a folder lies on") {
  NEEDS_MACHINE();
  const auto& layout = linux::cgroup_layout();
  const bool v2 = layout.with("io") != nullptr;
  if (!v2 && layout.with("blkio") == nullptr) SKIP_TEST("no controller blkio or io");
  EngineRig rig;
  std::string disk;
  try {
    disk = linux::find_disk(rig.locations().root).text();
  } catch (const base::Error& e) {
    SKIP_TEST(e.message());
  }
  auto config = rig.config({"sleep", "1000"});
  config.limits.block.push_back({"", 10 * mebibyte, 2 * mebibyte, 1000, {}, {}});  // of our own files' disk
  const auto id = start(rig, config);
  const std::string controller = v2 ? "io" : "blkio";
  const auto shown = [&](const char* v1) { return value(rig, id, controller, v1, "io.max"); };
  CHECK(shown("blkio.throttle.write_bps_device") ==
        disk + (v2 ? " rbps=10485760 wbps=2097152 riops=1000 wiops=max" : " 2097152"));

  const auto began = std::chrono::steady_clock::now();
  const auto written =
      rig.exec(id, {"busybox", "dd", "if=/dev/zero", "of=/written", "bs=1M", "count=4", "oflag=direct"});
  CHECK(written.code == 0);
  CHECK(linux::usage_of(group_of(rig, id)).block_written >= 4 * mebibyte);
  CHECK(std::chrono::steady_clock::now() - began >= std::chrono::seconds(1));

  engine::Engine::Changes changes;
  changes.limits.block.push_back({"", {}, 8 * mebibyte, {}, {}, {}});
  rig.engine().update(id, changes);
  CHECK_THAT(shown("blkio.throttle.write_bps_device"), Contains("8388608"));
  CHECK_THAT(shown("blkio.throttle.read_bps_device"), Contains("10485760"));
}

TEST_CASE("limits: weights of block I/O, where a disk's scheduler knows them") {
  NEEDS_MACHINE();
  EngineRig rig;
  auto config = rig.config({"true"});
  config.limits.block_weight = 200;
  std::string id;
  try {
    id = rig.create(config).id;
    CHECK(rig.run_to_end(id).code == 0);
  } catch (const base::Error& e) {
    CHECK_THAT(e.message(), Contains("block I/O"));
    if (!id.empty()) CHECK(group_of(rig, id).directories().empty());
    SKIP_TEST(e.message());
  }
}

TEST_CASE("limits: who is killed first when the machine is short of memory") {
  NEEDS_MACHINE();
  EngineRig rig;
  auto config = rig.shell("cat /proc/self/oom_score_adj; sleep 1000");
  config.oom_score_adjust = 500;
  const auto id = start(rig, config);
  CHECK(rig.exec(id, {"cat", "/proc/self/oom_score_adj"}).output == "500\n");
  config.oom_score_adjust = 1001;
  CHECK_THAT(message_of([&] { rig.create(config); }), Contains("-1000 to 1000"));
}

TEST_CASE("limits: what cannot be kept is said before anything is made") {
  NEEDS_MACHINE();
  EngineRig rig;
  const auto before = rig.census();
  const auto refused = [&](const std::function<void(linux::CgroupLimits&)>& set) {
    auto config = rig.config({"true"});
    set(config.limits);
    return message_of([&] { rig.create(config); });
  };
  CHECK_THAT(refused([](auto& limits) { limits.memory = 4 * mebibyte - 1; }), Contains("at least 4 MiB"));
  CHECK_THAT(refused([](auto& limits) { limits.memory_swap = 64 * mebibyte; }), Contains("--memory"));
  CHECK_THAT(refused([](auto& limits) { limits.memory = 8 * mebibyte, limits.memory_reservation = 9 * mebibyte; }),
             Contains("reserved"));
  CHECK_THAT(refused([](auto& limits) { limits.cpus = 4000; }), Contains("number of cpus is from 0.01 to"));
  CHECK_THAT(refused([](auto& limits) { limits.cpus = 1, limits.cpu_quota = 5000; }), Contains("give one of them"));
  CHECK_THAT(refused([](auto& limits) { limits.cpu_shares = 1; }), Contains("2 to 262144"));
  CHECK_THAT(refused([](auto& limits) { limits.cpu_period = 999; }), Contains("1000 to 1000000"));
  CHECK_THAT(refused([](auto& limits) { limits.cpu_quota = 999; }), Contains("at least 1000"));
  CHECK_THAT(refused([](auto& limits) { limits.cpuset = "0-8000"; }), Contains("not all of 0-8000"));
  CHECK_THAT(refused([](auto& limits) { limits.cpuset = "one"; }), Contains("no list of cpus"));
  CHECK_THAT(refused([](auto& limits) { limits.cpuset_memory = "77"; }), Contains("memory nodes"));
  CHECK_THAT(refused([](auto& limits) { limits.pids = 0; }), Contains("at least 1"));
  CHECK_THAT(refused([](auto& limits) { limits.block_weight = 9; }), Contains("10 to 1000"));
  CHECK_THAT(refused([](auto& limits) { limits.block.push_back({"/proc", 1, {}, {}, {}, {}}); }),
             Contains("its file system is proc"));
  CHECK_THAT(refused([](auto& limits) { limits.block.push_back({"/dev/null", 1, {}, {}, {}, {}}); }),
             Contains("no block device"));
  CHECK(rig.census() == before);
}

TEST_CASE("limits: each is changed while the container runs, and is the same after a restart") {
  NEEDS_CONTROLLER("memory");
  EngineRig rig;
  const auto id = start(rig, rig.config({"sleep", "1000"}));
  engine::Engine::Changes changes;
  changes.limits.memory = 32 * mebibyte;
  changes.limits.memory_reservation = 8 * mebibyte;
  changes.limits.cpus = 0.5;
  changes.limits.cpu_shares = 512;
  changes.limits.cpuset = "0";
  changes.limits.pids = 7;
  rig.engine().update(id, changes);
  const auto check = [&] {
    CHECK(value(rig, id, "memory", "memory.limit_in_bytes", "memory.max") == "33554432");
    CHECK(value(rig, id, "memory", "memory.soft_limit_in_bytes", "memory.low") == "8388608");
    CHECK(value(rig, id, "cpu", "cpu.cfs_quota_us", "cpu.max") == (unified("cpu") ? "50000 100000" : "50000"));
    CHECK(value(rig, id, "cpu", "cpu.shares", "cpu.weight") == (unified("cpu") ? "59" : "512"));
    CHECK(value(rig, id, "cpuset", "cpuset.cpus", "cpuset.cpus") == "0");
    CHECK(value(rig, id, "pids", "pids.max", "pids.max") == "7");
  };
  check();
  CHECK(rig.exec(id, {"busybox", "nproc"}).output == "1\n");
  rig.engine().stop(id, std::chrono::nanoseconds(0));
  rig.engine().start(id);
  check();

  // Growing both, where version 1 keeps one at or below the other at every moment; and a quota in place of the number.
  changes = {};
  changes.limits.memory = 64 * mebibyte;
  changes.limits.cpu_quota = 20000;
  rig.engine().update(id, changes);
  CHECK(value(rig, id, "memory", "memory.limit_in_bytes", "memory.max") == "67108864");
  CHECK(value(rig, id, "cpu", "cpu.cfs_quota_us", "cpu.max") == (unified("cpu") ? "20000 100000" : "20000"));
  CHECK(value(rig, id, "pids", "pids.max", "pids.max") == "7");
}

TEST_CASE("limits: a change of which one part cannot be kept changes nothing") {
  NEEDS_CONTROLLER("memory");
  EngineRig rig;
  auto config = rig.shell("head -c 20000000 /dev/zero >/dev/shm/held; echo there; sleep 1000");
  config.limits.memory = 64 * mebibyte;
  config.limits.pids = 20;
  const auto id = start(rig, config);
  CHECK(eventually([&] { return group_of(rig, id).memory_usage().value_or(0) > 18'000'000; }));
  engine::Engine::Changes changes;
  changes.limits.memory = 8 * mebibyte;
  changes.limits.pids = 5;
  changes.restart = monitor::Restart{monitor::RestartPolicy::always, 0};
  CHECK_THAT(message_of([&] { rig.engine().update(id, changes); }), Contains("of memory at present"));
  const auto unchanged = [&] {
    CHECK(value(rig, id, "memory", "memory.limit_in_bytes", "memory.max") == "67108864");
    CHECK(value(rig, id, "pids", "pids.max", "pids.max") == "20");
    const auto record = rig.engine().find(id).config;
    CHECK(record.limits == config.limits);
    CHECK(record.restart == config.restart);
  };
  unchanged();

  // The kernel itself refuses the last one that is written.
  changes.limits.memory = 128 * mebibyte;
  changes.limits.block.push_back({"", {}, {}, {}, {}, 100});  // of one disk: only the scheduler bfq has that
  const bool refused = message_of([&] { rig.engine().update(id, changes); }) != "(nothing)";
  if (!refused) SKIP_TEST("the disk here takes weights");
  unchanged();
  changes = {};
  changes.limits.memory_swap = 32 * mebibyte;
  CHECK_THAT(message_of([&] { rig.engine().update(id, changes); }), Contains("smaller than the memory limit"));
  unchanged();
}

TEST_CASE("limits: a command that was killed before the kernel knew is finished by the next one") {
  NEEDS_CONTROLLER("pids");
  EngineRig rig;
  const auto id = start(rig, rig.config({"sleep", "1000"}));
  auto container = rig.engine().find(id);
  container.config.limits.pids = 9;
  engine::write_container(rig.locations(), container);
  linux::write_all(linux::open_file(rig.locations().run(id) + "/update", O_WRONLY | O_CREAT, 0600).get(), "");
  rig.engine().recover();
  CHECK(value(rig, id, "pids", "pids.max", "pids.max") == "9");
  CHECK(access((rig.locations().run(id) + "/update").c_str(), F_OK) != 0);
}

TEST_CASE("limits: a restart policy is changed while the container runs") {
  NEEDS_MACHINE();
  EngineRig rig;
  const auto id = start(rig, rig.config({"sleep", "1000"}));
  engine::Engine::Changes changes;
  changes.restart = monitor::Restart{monitor::RestartPolicy::always, 0};
  rig.engine().update(id, changes);
  CHECK(rig.engine().find(id).config.restart.policy == monitor::RestartPolicy::always);
  const auto first = status_of(rig, id).process;
  REQUIRE(linux::open_process(first));
  linux::send_signal(*linux::open_process(first), SIGKILL);
  CHECK(rig.engine().runtime().wait_for(
      id, [](const auto& status) { return status.restarts == 1 && status.phase == monitor::Phase::running; },
      std::chrono::seconds(10)));
}

TEST_CASE("usage: what containers use is counted") {
  NEEDS_CONTROLLER("memory");
  EngineRig rig;
  auto config = rig.shell("head -c 20000000 /dev/zero >/dev/shm/held; sleep 1000");
  config.limits.memory = 64 * mebibyte;
  const auto id = start(rig, config);
  const auto measured = [&] {
    auto all = rig.engine().list();
    return engine::measure(rig.engine(), all).at(0);
  };
  CHECK(eventually([&] { return measured().group.memory > 18'000'000; }));
  const auto before = measured();
  CHECK(before.group.memory_limit == 64 * mebibyte);
  CHECK(before.group.pids >= 1);
  CHECK(before.group.cpu_ns > 0);
  CHECK(rig.exec(id, {"nc", "-w", "1", "169.254.1.1", "9"}).code != 0);  // nobody answers
  const auto after = measured();
  CHECK(after.network.sent > before.network.sent);
  CHECK(after.time_ns > before.time_ns);
}
