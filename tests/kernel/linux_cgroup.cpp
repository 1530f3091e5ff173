// Control groups under a name of this test alone, in the layout of this machine and, where the unified hierarchy is
// mounted beside it, also in that of version 2 alone.
#include "base/error.hpp"
#include "base/text.hpp"
#include "linux/block_device.hpp"
#include "linux/cgroup.hpp"
#include "linux/cgroup_layout.hpp"
#include "linux/cgroup_limits.hpp"
#include "linux/cgroup_usage.hpp"
#include "linux/mount.hpp"
#include "linux/process.hpp"
#include "support/catch.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <functional>

using namespace conductor;
using linux::Cgroup;
using linux::CgroupLimits;

namespace {

constexpr int patience = 10000;  // ms

const std::vector<linux::DeviceRule> only_null = {{'c', 1, 3, "rwm"}};
const std::string base_path = "conductor-test-" + std::to_string(getpid());

// One group; what is left in it is killed and all directories are gone at the end.
struct Group {
  Cgroup cgroup{base_path + "/one"};
  std::vector<linux::Child> children;

  Group(const CgroupLimits& limits, const std::vector<linux::DeviceRule>& devices) {
    cgroup = Cgroup::create(cgroup.path(), limits, devices);
  }
  ~Group() {
    cgroup.kill();
    for (const auto& child : children) linux::wait_ended(child.pidfd, patience);
    cgroup.remove();
    Cgroup(base_path).remove();
  }

  // A process in the group: joins as a container's first process does, then runs `body`.
  linux::Child& run(const std::function<int()>& body) {
    const auto files = cgroup.join_files();
    return children.emplace_back(linux::clone_child(0, [&] {
      for (const auto& file : files) linux::write_kernel_file(file, "0");
      return body();
    }));
  }
  linux::Child& wait_for_ever() {
    return run([] {
      signal(SIGTERM, SIG_IGN);
      for (;;) pause();
      return 0;
    });
  }
  // Until the child has joined all hierarchies.
  void joined(pid_t pid) const {
    for (const auto& directory : cgroup.directories())
      while (linux::read_file(directory + "/cgroup.procs").find(std::to_string(pid)) == std::string::npos)
        sched_yield();
  }
};

linux::CgroupLayout machine_layout() {
  static const linux::CgroupLayout layout = linux::find_cgroup_layout();
  return layout;
}

// Returns false where there is nothing to try: no unified hierarchy, or it is the machine's layout anyway.
bool use_unified(bool wanted) {
  linux::use_cgroup_layout(machine_layout());
  if (!wanted) return true;
  if (linux::cgroup_v2_only()) return false;
  for (const auto& entry : linux::list_mounts())
    if (entry.type == "cgroup2") return linux::use_cgroup_layout({{{entry.point, true, {}}}}), true;
  return false;
}

std::string value(const Cgroup& cgroup, const std::string& controller, const std::string& v1, const std::string& v2) {
  const auto* hierarchy = linux::cgroup_layout().with(controller);
  REQUIRE(hierarchy != nullptr);
  const std::string text = linux::read_file(hierarchy->directory(cgroup.path()) + "/" + (hierarchy->unified ? v2 : v1));
  return std::string(base::trim(text));
}

}  // namespace

TEST_CASE("a group exists in every hierarchy in use and is gone after remove") {
  const bool unified = GENERATE(false, true);
  if (!use_unified(unified)) SKIP_TEST("no unified hierarchy beside version 1");
  {
    const Group group({}, only_null);
    CHECK(group.cgroup.directories().size() == linux::cgroup_layout().hierarchies.size());
    CHECK(group.cgroup.join_files().size() == linux::cgroup_layout().hierarchies.size());
    CHECK(linux::list_cgroups(base_path).size() ==
          2 * linux::cgroup_layout().hierarchies.size());  // with the one above
    CHECK(group.cgroup.processes().empty());
  }
  CHECK(linux::list_cgroups(base_path).empty());
  CHECK(Cgroup(base_path).directories().empty());
  CHECK(Cgroup(base_path + "/absent").remove());
  CHECK_NOTHROW(Cgroup(base_path + "/absent").kill());
}

TEST_CASE("a parent that somebody else has just made is completed") {
  for (const auto& hierarchy : linux::cgroup_layout().hierarchies)
    REQUIRE(mkdir(hierarchy.directory(base_path).c_str(), 0755) == 0);
  Group group({}, only_null);
  CHECK(linux::wait_for(group.run([] { return 7; }).pidfd).code == 7);
}

TEST_CASE("limits are set and changed") {
  use_unified(false);
  CgroupLimits limits;
  limits.memory = 64 << 20;
  limits.memory_swap = 64 << 20;
  limits.cpus = 0.5;
  limits.cpu_shares = 512;
  limits.cpuset = "0";
  limits.pids = 20;
  const Group group(limits, only_null);
  CHECK(value(group.cgroup, "memory", "memory.limit_in_bytes", "memory.max") == "67108864");
  CHECK(value(group.cgroup, "pids", "pids.max", "pids.max") == "20");
  CHECK(value(group.cgroup, "cpuset", "cpuset.cpus", "cpuset.cpus") == "0");
  const bool unified = linux::cgroup_layout().with("cpu")->unified;
  CHECK(value(group.cgroup, "cpu", "cpu.cfs_quota_us", "cpu.max") == (unified ? "50000 100000" : "50000"));
  CHECK(value(group.cgroup, "cpu", "cpu.shares", "cpu.weight") == (unified ? "59" : "512"));

  CgroupLimits more;
  more.memory = 128 << 20;
  more.memory_swap = 256 << 20;
  more.pids = -1;
  group.cgroup.update(more);
  CHECK(value(group.cgroup, "memory", "memory.limit_in_bytes", "memory.max") == "134217728");
  CHECK(value(group.cgroup, "pids", "pids.max", "pids.max") == "max");
}

TEST_CASE("a limit the kernel refuses makes create fail and leaves nothing") {
  use_unified(false);
  CgroupLimits limits;
  limits.cpuset = "4000-4001";
  CHECK_THROWS_AS(Cgroup::create(base_path + "/one", limits, only_null), base::Error);
  CHECK(Cgroup(base_path + "/one").directories().empty());
  Cgroup(base_path).remove();
}

TEST_CASE("a change that the kernel refuses in part changes nothing") {
  use_unified(false);
  CgroupLimits limits;
  limits.memory = 64 << 20;
  limits.memory_swap = 64 << 20;
  const Group group(limits, only_null);
  const auto shown = [&] {
    return std::vector<std::string>{value(group.cgroup, "memory", "memory.limit_in_bytes", "memory.max"),
                                    value(group.cgroup, "memory", "memory.soft_limit_in_bytes", "memory.low"),
                                    value(group.cgroup, "cpu", "cpu.shares", "cpu.weight"),
                                    value(group.cgroup, "cpu", "cpu.cfs_quota_us", "cpu.max"),
                                    value(group.cgroup, "cpuset", "cpuset.mems", "cpuset.mems")};
  };
  const auto before = shown();
  CgroupLimits more;
  more.memory = 256 << 20;
  more.memory_swap = 256 << 20;
  more.memory_reservation = 8 << 20;
  more.cpu_shares = 512;
  more.cpus = 0.5;
  more.cpuset_memory = "0";
  more.block.push_back({"/proc", 1, {}, {}, {}, {}});  // the last that is written, and on no disk
  CHECK_THROWS_AS(group.cgroup.update(more), base::Error);
  CHECK(shown() == before);
}

TEST_CASE("shares of version 1 are weights of version 2") {
  CHECK(linux::weight_of_shares(2) == 1);
  CHECK(linux::weight_of_shares(1024) == 100);
  CHECK(linux::weight_of_shares(262144) == 10000);
  std::int64_t former = 1;
  for (std::int64_t shares = 2; shares <= 262144; shares += 99) {
    const auto weight = linux::weight_of_shares(shares);
    CHECK(weight >= former);
    former = weight;
  }
}

TEST_CASE("a limit without its controller is refused by name") {
  linux::use_cgroup_layout({{{"/nowhere", true, {"memory"}}}});
  const auto refusal = [](const std::function<void(CgroupLimits&)>& set) {
    CgroupLimits limits;
    set(limits);
    try {
      linux::require_controllers(limits);
    } catch (const base::Error& e) {
      return e.message();
    }
    return std::string("(nothing)");
  };
  CHECK(refusal([](auto& limits) { limits.memory = 1 << 23; }) == "(nothing)");
  CHECK_THAT(refusal([](auto& limits) { limits.cpus = 1; }), Contains("\"cpu\""));
  CHECK_THAT(refusal([](auto& limits) { limits.cpuset = "0"; }), Contains("\"cpuset\""));
  CHECK_THAT(refusal([](auto& limits) { limits.pids = 5; }), Contains("\"pids\""));
  CHECK_THAT(refusal([](auto& limits) { limits.block_weight = 50; }), Contains("\"io\""));
  CHECK_THAT(refusal([](auto& limits) { limits.swappiness = 5; }), Contains("version 2"));
  CHECK_THAT(refusal([](auto& limits) { limits.oom_kill_disable = true; }), Contains("version 2"));
  use_unified(false);
}

TEST_CASE("the disk that something lies on") {
  const auto refusal = [](const std::string& path) {
    try {
      linux::find_disk(path);
    } catch (const base::Error& e) {
      return e.message();
    }
    return std::string("(nothing)");
  };
  CHECK_THAT(refusal("/proc"), Contains("its file system is proc"));
  CHECK_THAT(refusal("/dev/null"), Contains("no block device"));
  CHECK_THAT(refusal("/no/such/thing"), Contains("No such file"));
  if (const auto why = refusal("/"); why != "(nothing)") SKIP_TEST(why);
  const auto disk = linux::find_disk("/");
  CHECK(disk.major != 0);
  CHECK(access(("/sys/dev/block/" + disk.text() + "/queue").c_str(), F_OK) == 0);  // partitions have none
}

TEST_CASE("the pids limit holds inside") {
  use_unified(false);
  CgroupLimits limits;
  limits.pids = 1;
  Group group(limits, only_null);
  const auto& child = group.run([] { return fork() < 0 && errno == EAGAIN ? 0 : 1; });
  CHECK(linux::wait_for(child.pidfd).code == 0);
}

TEST_CASE("only the devices of the rules can be used") {
  const bool unified = GENERATE(false, true);
  if (!use_unified(unified)) SKIP_TEST("no unified hierarchy beside version 1");
  Group group({}, {{'c', 1, 3, "rwm"}, {'c', 1, 5, "r"}, {'c', 5, -1, "rw"}});
  const auto& child = group.run([] {
    const auto opens = [](const char* path, int flags) {
      return linux::Fd(open(path, flags | O_CLOEXEC | O_NOCTTY)).get() >= 0;
    };
    if (!opens("/dev/null", O_RDWR)) return 1;
    if (!opens("/dev/zero", O_RDONLY)) return 2;
    if (opens("/dev/zero", O_WRONLY) || errno != EPERM) return 3;
    if (opens("/dev/full", O_RDONLY) || errno != EPERM) return 4;
    if (!opens("/dev/ptmx", O_RDWR)) return 5;
    return 0;
  });
  CHECK(linux::wait_for(child.pidfd).code == 0);
}

TEST_CASE("kill ends every process, also those in groups made below ours, and remove waits for them") {
  const bool unified = GENERATE(false, true);
  if (!use_unified(unified)) SKIP_TEST("no unified hierarchy beside version 1");
  Group group({}, only_null);
  const pid_t first = group.wait_for_ever().pid;
  const pid_t second = group.wait_for_ever().pid;
  group.joined(first);
  group.joined(second);
  auto expected = std::vector<pid_t>{first, second};
  std::sort(expected.begin(), expected.end());
  CHECK(group.cgroup.processes() == expected);
  CHECK(group.cgroup.pids_usage().value_or(2) == 2);
  CHECK_FALSE(group.cgroup.remove());

  // As a service manager inside a container does; a cpuset would need processors first.
  for (const auto& directory : group.cgroup.directories()) {
    const std::string below = directory + "/below";
    REQUIRE(mkdir(below.c_str(), 0755) == 0);
    if (directory.find("/cpuset/") == std::string::npos)
      linux::write_kernel_file(below + "/cgroup.procs", std::to_string(second));
  }
  CHECK(group.cgroup.processes() == expected);

  group.cgroup.kill();
  for (const auto& child : group.children) CHECK(linux::wait_for(child.pidfd).signal == SIGKILL);
  CHECK(group.cgroup.processes().empty());
  CHECK(group.cgroup.remove());
}

TEST_CASE("a frozen group does not run and is killed all the same") {
  const bool unified = GENERATE(false, true);
  if (!use_unified(unified)) SKIP_TEST("no unified hierarchy beside version 1");
  Group group({}, only_null);
  linux::Pipe pipe = linux::make_pipe();
  const auto& child = group.run([&] {
    pipe.write.reset();
    char byte = 0;
    return read(pipe.read.get(), &byte, 1) == 0 ? 5 : 6;
  });
  group.joined(child.pid);
  group.cgroup.freeze(true);
  pipe.write.reset();
  CHECK_FALSE(linux::wait_ended(child.pidfd, 50));
  SECTION("thawed") {
    group.cgroup.freeze(false);
    CHECK(linux::wait_for(child.pidfd).code == 5);
  }
  SECTION("killed") {
    group.cgroup.kill();
    CHECK(linux::wait_for(child.pidfd).signal == SIGKILL);
  }
}

TEST_CASE("a child is cloned into a group of version 2") {
  use_unified(false);
  if (!linux::cgroup_v2_only() && !use_unified(true)) SKIP_TEST("no unified hierarchy");
  Group group({}, only_null);
  const linux::Fd directory = linux::open_file(group.cgroup.directories().at(0), O_PATH | O_DIRECTORY);
  linux::Pipe pipe = linux::make_pipe();
  const auto& child = group.children.emplace_back(linux::clone_child(
      0,
      [&pipe] {
        pipe.write.reset();
        char byte = 0;
        return static_cast<int>(read(pipe.read.get(), &byte, 1));
      },
      directory.get()));
  CHECK(group.cgroup.processes() == std::vector<pid_t>{child.pid});
  pipe.write.reset();
  CHECK(linux::wait_for(child.pidfd).code == 0);
}

TEST_CASE("usage is counted") {
  use_unified(false);
  Group group({}, only_null);
  const auto& child = group.run([] {
    volatile unsigned sum = 0;
    for (unsigned i = 0; i < 10'000'000; ++i) sum = sum + i;
    return 0;
  });
  CHECK(linux::wait_for(child.pidfd).code == 0);
  CHECK(group.cgroup.cpu_usage_ns().value_or(0) > 0);
  CHECK(group.cgroup.memory_usage().has_value());
  CHECK(group.cgroup.pids_usage() == 0);
  CHECK(linux::usage_of(group.cgroup).cpu_ns >= group.cgroup.cpu_usage_ns().value_or(0));
  CHECK_FALSE(linux::usage_of(group.cgroup).memory_limit.has_value());
}
