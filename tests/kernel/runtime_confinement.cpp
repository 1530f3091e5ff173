// What a process of a container sees of its own confinement: the first one and one that is executed later.
#include "runtime_fixture.hpp"

using namespace test;

namespace {

const char* const report = "grep -E 'Cap|NoNewPrivs|^Seccomp:' /proc/self/status";
const char* const expected =
    "CapInh:\t0000000000000000\nCapPrm:\t00000000800405fb\nCapEff:\t00000000800405fb\nCapBnd:\t00000000800405fb\n"
    "CapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n";

}  // namespace

TEST_CASE("capabilities, no_new_privs and filter are the defaults, for run and exec alike") {
  NEEDS_ROOT();
  Containers containers;
  CHECK(containers.shell(report).output == expected);
  const auto id = containers.start(containers.setup({"sleep", "100"}));
  CHECK(containers.exec(id, containers.process({"sh", "-c", report})).output == expected);
}

TEST_CASE("a process has descriptors 0 to 2 and no other") {
  NEEDS_ROOT();
  Containers containers;
  const std::string list = "ls /proc/$$/fd; readlink /proc/$$/fd/0";
  const std::string three = "0\n1\n2\n";
  // The shell is the container's first process, which holds nothing of its own here.
  CHECK_THAT(containers.shell(list + "; true").output, Catch::Matchers::StartsWith(three));
  const auto id = containers.start(containers.setup({"sleep", "100"}));
  CHECK_THAT(containers.exec(id, containers.process({"sh", "-c", list + "; true"})).output,
             Catch::Matchers::StartsWith(three));
}

TEST_CASE("masked paths are empty and read-only paths cannot be written") {
  NEEDS_ROOT();
  Containers containers;
  const auto outcome = containers.shell(
      "cat /proc/kcore /proc/keys /proc/interrupts /proc/timer_list 2>/dev/null | wc -c; ls /sys/firmware | wc -l;"
      "for f in /proc/sys/kernel/hostname /proc/sysrq-trigger /proc/irq/default_smp_affinity /sys/kernel/profiling; do "
      "[ -e $f ] && (echo x > $f) 2>/dev/null && echo written; done;"
      "touch /sys/fs/cgroup/x /sys/firmware/x 2>/dev/null && echo made; umount /proc/sys 2>/dev/null && echo "
      "unmounted; true");
  CHECK(outcome.output == "0\n0\n");
}

TEST_CASE("devices, names, limits and namespaces") {
  NEEDS_ROOT();
  Containers containers;
  const auto outcome = containers.shell(
      "ls /dev; stat -c '%t:%T' /dev/null /dev/tty; hostname; cat /proc/sys/net/ipv4/ping_group_range; ulimit -c;"
      "ls /proc/1/fd >/dev/null && readlink /proc/self/ns/net; dd if=/dev/sda count=1 2>/dev/null; cat "
      "/proc/self/cgroup");
  CHECK_THAT(outcome.output,
             Contains("fd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\n"
                      "zero\n1:3\n5:0\nbox\n0\t2147483647\n0\n"));
  char host[64] = {};
  REQUIRE(readlink("/proc/self/ns/net", host, sizeof host - 1) > 0);
  CHECK_THAT(outcome.output, !Contains(host) && !Contains(containers.locations.instance));
}

TEST_CASE("a container may hold so many processes and no more") {
  NEEDS_ROOT();
  Containers containers;
  auto what = containers.setup({"sh", "-c", "sleep 1 & sleep 1 & sleep 1 & sleep 1 & sleep 1 & true"});
  what.limits.pids = 3;
  CHECK_THAT(containers.run(what).error, Contains("fork"));
}

TEST_CASE("the user comes from the image's own files") {
  NEEDS_ROOT();
  Containers containers;
  auto what = containers.setup({"sh", "-c", "id; echo $HOME; echo out > /dev/stdout; grep CapEff /proc/self/status"});
  what.launch.process.user = "web";
  const auto outcome = containers.run(what);
  CHECK(outcome.output == "uid=1000(web) gid=1001(web) groups=2000(extra)\n/srv\nout\nCapEff:\t0000000000000000\n");
  auto stranger = containers.setup({"id"});
  stranger.launch.process.user = "nobody-here";
  CHECK_THROWS_WITH(containers.run(stranger), Contains("no user 'nobody-here'"));
}

TEST_CASE("a working directory outside the container is refused") {
  NEEDS_ROOT();
  Containers containers;
  for (int fd = 3; fd < 12; ++fd) {
    auto what = containers.setup({"pwd"});
    what.launch.process.working_directory = "/proc/self/fd/" + std::to_string(fd);
    CHECK_THROWS_AS(containers.run(what), base::Error);
  }
  auto what = containers.setup({"pwd"});
  what.launch.process.working_directory = "/made/on/the/way";
  CHECK(containers.run(what).output == "/made/on/the/way\n");
}

TEST_CASE("an image whose /dev, /proc or /sys is no directory is refused, and the host stays as it is") {
  NEEDS_ROOT();
  for (const char* name : {"/dev", "/proc", "/sys"}) {
    for (const bool link : {true, false}) {
      Containers containers;
      const std::string canary = containers.directory / "canary";
      store::make_directory(canary);
      REQUIRE(rmdir((containers.rootfs() + name).c_str()) == 0);
      if (link)
        REQUIRE(symlink("../../../../../../../../tmp", (containers.rootfs() + name).c_str()) == 0);
      else
        containers.write(name, "");
      CHECK_THROWS_WITH(containers.command({"true"}), Contains("is not a directory"));
      CHECK(store::list_directory(canary).empty());
    }
  }
}

TEST_CASE("nothing is mounted on or below /proc and /sys, not even through a link") {
  NEEDS_ROOT();
  Containers containers;
  REQUIRE(symlink("/proc/sys", (containers.rootfs() + "/innocent").c_str()) == 0);
  for (const char* target : {"/proc", "/proc/sys", "/sys", "/sys/kernel", "/innocent", "/tmp/../proc/sys"}) {
    auto what = containers.setup({"true"});
    monitor::Mount mount;
    mount.source = containers.directory.path();
    mount.target = target;
    what.launch.mounts.push_back(mount);
    CHECK_THROWS_WITH(containers.run(what), Contains("/proc and /sys"));
  }
}

TEST_CASE("binds, file binds and memory file systems are as asked for") {
  NEEDS_ROOT();
  Containers containers;
  const std::string volume = containers.directory / "volume";
  store::make_directory(volume, 0755);
  auto what =
      containers.setup({"sh", "-c",
                        "echo kept > /data/file; cat /etc/name; (echo x > /etc/name) 2>/dev/null || echo refused;"
                        "grep ' /scratch ' /proc/mounts"});
  monitor::Mount bind, file, memory;
  bind.source = volume;
  bind.target = "/data";
  file.source = containers.rootfs() + "/etc/group";
  file.target = "/etc/name";
  file.file = file.read_only = true;
  memory.type = "tmpfs";
  memory.options = {{"size", "1m"}};
  memory.target = "/scratch";
  memory.allow_exec = false;
  what.launch.mounts = {bind, file, memory};
  const auto outcome = containers.run(what);
  CHECK(linux::read_file(volume + "/file") == "kept\n");
  CHECK_THAT(outcome.output,
             Contains("extra:x:2000:web\nrefused\n") && Contains("nosuid,nodev,noexec") && Contains("size=1024k"));
}

TEST_CASE("sysctls that are not the container's own are refused") {
  NEEDS_ROOT();
  Containers containers;
  auto what = containers.setup({"true"});
  what.launch.sysctls.push_back({"kernel.core_pattern", "|/bin/sh"});
  CHECK_THROWS_WITH(containers.run(what), Contains("kernel.core_pattern"));
}
