// Containers with ids of their own, as the kernel and the disk have them.
#include "base/error.hpp"
#include "base/text.hpp"
#include "engine/id_ranges.hpp"
#include "engine/launch.hpp"
#include "engine_rig.hpp"
#include "linux/namespaces.hpp"
#include "linux/process.hpp"
#include "linux/user_namespace.hpp"
#include "store/records.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include <cstdlib>

using namespace conductor;
using Catch::Matchers::StartsWith;
using engine::UserNamespace;

namespace {

engine::ContainerConfig automatic(engine::ContainerConfig config) {
  config.user_namespace = UserNamespace::automatic;
  return config;
}

engine::MountConfig mount_of(engine::MountKind kind, const std::string& source, const std::string& target) {
  engine::MountConfig mount;
  mount.kind = kind;
  mount.source = source;
  mount.target = target;
  return mount;
}

// Runs until the rig removes it.
engine::Container start(EngineRig& rig, const engine::ContainerConfig& config) {
  const auto container = rig.create(config);
  rig.engine().start(container.id);
  return container;
}

pid_t pid_of(EngineRig& rig, const std::string& id) { return rig.engine().runtime().status(id)->process.pid; }

std::string proc_file(pid_t pid, const std::string& name) {
  return linux::read_file("/proc/" + std::to_string(pid) + "/" + name);
}

std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> found;
  for (const auto& line : base::split(text, '\n'))
    for (const auto& word : base::split(line, ' '))
      if (!word.empty()) found.push_back(word);
  return found;
}

std::string user_namespace_name(pid_t pid) {
  struct stat found{};
  if (fstat(linux::open_namespace(pid, "user").get(), &found) != 0) return "none";
  return "user:[" + std::to_string(found.st_ino) + "]";
}

struct stat look(const std::string& path) {
  struct stat found{};
  if (lstat(path.c_str(), &found) != 0) throw base::Error::from_errno(path);
  return found;
}

// A settings file for as long as this lives.
class Settings {
 public:
  explicit Settings(const std::string& text) : file_(home_ / "config") {
    if (const char* before = std::getenv("CONDUCTOR_CONFIG")) before_ = before;
    linux::write_all(linux::open_file(file_, O_WRONLY | O_CREAT, 0600).get(), text);
    setenv("CONDUCTOR_CONFIG", file_.c_str(), 1);
  }
  ~Settings() { before_.empty() ? unsetenv("CONDUCTOR_CONFIG") : setenv("CONDUCTOR_CONFIG", before_.c_str(), 1); }
  Settings(const Settings&) = delete;
  Settings& operator=(const Settings&) = delete;

 private:
  test::TemporaryDirectory home_;
  std::string file_, before_;
};

}  // namespace

TEST_CASE("two containers have ids of the host for themselves, and their files the ids they have inside") {
  NEEDS_MACHINE();
  EngineRig rig;
  const std::string script =
      "echo x > /made; touch /of-user; busybox chown 1000:1001 /of-user; echo ready > /ready; sleep 60";
  const auto one = start(rig, automatic(rig.shell(script)));
  const auto two = start(rig, automatic(rig.shell(script)));
  const auto map_one = words(proc_file(pid_of(rig, one.id), "uid_map"));
  const auto map_two = words(proc_file(pid_of(rig, two.id), "uid_map"));
  REQUIRE(map_one.size() == 3);
  REQUIRE(map_two.size() == 3);
  CHECK(map_one[0] == "0");
  CHECK(map_one[2] == "65536");
  CHECK(map_two[2] == "65536");
  CHECK(words(proc_file(pid_of(rig, one.id), "gid_map")) == map_one);
  const auto first = std::stoul(map_one[1]);
  const auto second = std::stoul(map_two[1]);
  CHECK(first >= 65536);
  CHECK((first + 65536 <= second || second + 65536 <= first));
  CHECK(proc_file(pid_of(rig, one.id), "setgroups") == "allow\n");
  // The kernel's word for who the process is on the host.
  CHECK_THAT(proc_file(pid_of(rig, one.id), "status"),
             Contains("Uid:\t" + std::to_string(first) + "\t" + std::to_string(first)));

  for (int i = 0; i < 1000 && rig.exec(one.id, {"cat", "/ready"}).code != 0; ++i) {
  }
  const std::string upper = engine::upper_directory(rig.locations(), one.id);
  CHECK(look(upper + "/made").st_uid == 0);
  CHECK(look(upper + "/made").st_gid == 0);
  CHECK(look(upper + "/of-user").st_uid == 1000);
  CHECK(look(upper + "/of-user").st_gid == 1001);
}

TEST_CASE("exec and a health check are in the container's user namespace, and so is every run after a restart") {
  NEEDS_MACHINE();
  EngineRig rig;
  auto config =
      automatic(rig.shell("for n in user net; do busybox readlink /proc/self/ns/$n >> /ns; done; [ $(wc -l < /ns) -ge "
                          "4 ] || exit 1; sleep 60"));
  config.restart = {monitor::RestartPolicy::on_failure, 3};
  config.healthcheck.test = {"CMD-SHELL", "busybox readlink /proc/self/ns/user > /health"};
  config.healthcheck.interval = std::chrono::milliseconds(50);
  const auto container = start(rig, config);
  REQUIRE(rig.engine().runtime().wait_for(
      container.id, [](const monitor::Status& s) { return s.restarts == 1 && s.health == monitor::Health::healthy; },
      std::chrono::seconds(60)));
  const std::string wanted = user_namespace_name(pid_of(rig, container.id));
  CHECK(rig.exec(container.id, {"busybox", "readlink", "/proc/self/ns/user"}).output == wanted + "\n");
  CHECK(rig.exec(container.id, {"cat", "/health"}).output == wanted + "\n");
  const auto runs = words(rig.exec(container.id, {"cat", "/ns"}).output);
  REQUIRE(runs.size() == 4);
  CHECK(runs[0] == wanted);
  CHECK(runs[2] == wanted);
  CHECK(runs[1] == runs[3]);
}

TEST_CASE("root of a container is nobody on the host") {
  NEEDS_MACHINE();
  EngineRig rig;
  const auto container = start(rig, automatic(rig.config({"sleep", "60"})));
  test::TemporaryDirectory home;
  chmod(home.path().c_str(), 0755);
  const std::string open_file = home / "readable";
  const std::string closed_file = home / "closed";
  linux::write_all(linux::open_file(open_file, O_WRONLY | O_CREAT, 0644).get(), "the host's");
  chmod(open_file.c_str(), 0644);
  linux::write_all(linux::open_file(closed_file, O_WRONLY | O_CREAT, 0600).get(), "the host's");

  // Root of the container with all its rights, before the host's files: as if a descriptor of them had leaked.
  const auto users = linux::open_namespace(pid_of(rig, container.id), "user");
  const auto intruder = linux::clone_child(0, [&] {
    linux::enter_namespace(users);
    linux::become_root_inside();
    if (open(open_file.c_str(), O_RDONLY | O_CLOEXEC) < 0) return 1;
    if (open(open_file.c_str(), O_WRONLY | O_CLOEXEC) >= 0 || errno != EACCES) return 2;
    if (open(closed_file.c_str(), O_RDONLY | O_CLOEXEC) >= 0 || errno != EACCES) return 3;
    if (chown(open_file.c_str(), 0, 0) == 0) return 4;
    if (mknod((home / "null").c_str(), S_IFCHR | 0666, 0x103) == 0) return 5;
    return 0;
  });
  CHECK(linux::wait_for(intruder.pidfd).code == 0);
}

TEST_CASE("all capabilities of a container with ids of its own make no device and mount no disk") {
  NEEDS_MACHINE();
  EngineRig rig;
  auto config =
      automatic(rig.shell("busybox mkdir /place; busybox mknod /null c 1 3; busybox mount -t ext4 /dev/null /place; "
                          "busybox mount -t tmpfs none /place && echo memory; echo x > /dev/null && echo written"));
  config.privileged = true;
  const auto outcome = rig.run(config);
  CHECK_THAT(outcome.output, Contains("mknod: /null: Operation not permitted"));
  CHECK_THAT(outcome.output, Contains("mount: permission denied"));
  // Of its own mount namespace it is root.
  CHECK_THAT(outcome.output, Contains("memory\n"));
  CHECK_THAT(outcome.output, Contains("written\n"));
}

TEST_CASE("a volume and a folder of the host show the same ids to containers with different ones") {
  NEEDS_MACHINE();
  EngineRig rig;
  test::TemporaryDirectory home;
  const std::vector<engine::MountConfig> mounts = {mount_of(engine::MountKind::named, "shared", "/volume"),
                                                   mount_of(engine::MountKind::bind, home.path(), "/folder")};
  auto writer = automatic(rig.shell(
      "for d in /volume /folder; do busybox chmod 755 $d; echo x > $d/file; busybox chown 1000:1000 $d/file; done"));
  writer.mounts = mounts;
  const auto first = rig.create(writer);  // keeps its ids until it is removed
  CHECK(rig.run_to_end(first.id).code == 0);
  auto reader =
      automatic(rig.shell("for d in /volume /folder; do busybox stat -c %u:%g $d/file; echo y >> $d/file; done"));
  reader.user = "1000:1000";
  reader.mounts = mounts;
  const auto second = rig.create(reader);
  CHECK(first.ids.users.at(0).outside != second.ids.users.at(0).outside);
  const auto outcome = rig.run_to_end(second.id);
  CHECK(outcome.output == "1000:1000\n1000:1000\n");
  CHECK(outcome.code == 0);
  CHECK(linux::read_file(home / "file") == "x\ny\n");
  CHECK(look(home / "file").st_uid == 1000);
  const std::string volume = rig.engine().volumes().data_directory("shared");
  CHECK(linux::read_file(volume + "/file") == "x\ny\n");
  CHECK(look(volume + "/file").st_gid == 1000);
}

TEST_CASE("a file system that cannot map ids is refused by its name") {
  NEEDS_MACHINE();
  EngineRig rig;
  auto config = automatic(rig.config({"true"}));
  config.mounts = {mount_of(engine::MountKind::bind, "/proc", "/host-proc")};
  const auto before = rig.census();
  const auto container = rig.create(config);
  const auto message = message_of([&] { rig.engine().start(container.id); });
  CHECK_THAT(message, Contains("the file system proc"));
  CHECK_THAT(message, Contains("--userns host"));
  rig.engine().remove(container.id, true);
  CHECK(rig.census_when(before) == before);
}

TEST_CASE("streams, a terminal, users and sysctls work with ids of the container's own") {
  NEEDS_MACHINE();
  EngineRig rig;
  auto config =
      automatic(rig.shell("echo one > /dev/stdout; echo two > /dev/stderr; cat /proc/sys/net/ipv4/ping_group_range; "
                          "id -u; cat /proc/self/uid_map | wc -l; sleep 60"));
  SECTION("as root") {
    const auto container = start(rig, config);
    CHECK(rig.exec(container.id, {"sh", "-c", "echo three > /dev/stdout; echo four > /dev/stderr"}).output ==
          "three\n");
    CHECK(rig.exec(container.id, {"cat", "/proc/sys/net/ipv4/ping_group_range"}).output == "0\t65535\n");
  }
  SECTION("as another user") {
    config.user = "1000:1000";
    config.command = std::vector<std::string>{"sh", "-c", "echo one > /dev/stdout; id -u"};
    CHECK(rig.run(config).output == "one\n1000\n");
  }
  SECTION("as a user without an id on the host") {
    config.user = "70000";
    CHECK_THAT(message_of([&] { rig.run(config); }), Contains("user"));
  }
  SECTION("with a terminal") {
    config.terminal = true;
    config.command = std::vector<std::string>{"sh", "-c", "busybox tty; echo typed > /dev/tty; echo x > /dev/console"};
    const auto outcome = rig.run(config);
    CHECK_THAT(outcome.output, StartsWith("/dev/"));
    CHECK_THAT(outcome.output, Contains("typed"));
    CHECK_THAT(outcome.output, Contains("x\r\n"));
  }
  SECTION("with an init, a read-only root and a file system in memory") {
    config.init = config.read_only = true;
    config.mounts = {mount_of(engine::MountKind::tmpfs, "", "/memory")};
    config.command =
        std::vector<std::string>{"sh", "-c", "echo x > /memory/file && cat /memory/file; touch /made || echo refused"};
    CHECK_THAT(rig.run(config).output, Contains("x\n") && Contains("refused\n"));
  }
}

TEST_CASE("with the host's network a container with ids of its own runs and sees its /sys") {
  NEEDS_MACHINE();
  EngineRig rig;
  auto config = automatic(rig.shell("ls /sys/class/net; grep ' /sys ' /proc/mounts; cat /proc/self/uid_map"));
  config.network = engine::NetworkMode::host;
  const auto outcome = rig.run(config);
  CHECK(outcome.code == 0);
  CHECK_THAT(outcome.output, Contains("lo\n") && Contains("65536\n") && Contains(" /sys sysfs ro,"));
}

TEST_CASE("who shares a network shares its owner's ids") {
  NEEDS_MACHINE();
  EngineRig rig;
  auto owner = automatic(rig.config({"sleep", "60"}));
  owner.name = "owner";
  const auto first = start(rig, owner);
  auto guest = rig.config({"sleep", "60"});
  guest.network = engine::NetworkMode::container;
  guest.network_container = "owner";
  const auto second = start(rig, guest);
  CHECK(user_namespace_name(pid_of(rig, first.id)) == user_namespace_name(pid_of(rig, second.id)));

  guest.user_namespace = UserNamespace::automatic;
  CHECK_THAT(message_of([&] { rig.create(guest); }), Contains("whose network it shares"));
  guest.user_namespace = UserNamespace::host;
  const auto third = rig.create(guest);
  CHECK_THAT(message_of([&] { rig.engine().start(third.id); }), Contains("ids of its own"));
}

TEST_CASE("a map is as it was asked for, and one that gives away the host's root is refused") {
  NEEDS_MACHINE();
  EngineRig rig;
  auto config = rig.shell("cat /proc/self/uid_map /proc/self/gid_map");
  config.user_namespace = UserNamespace::mapped;
  config.ids.users = {{0, 700'000'000, 1000}, {1000, 800'000'000, 10}};
  config.ids.groups = {{0, 700'000'000, 2000}};
  CHECK(words(rig.run(config).output) ==
        std::vector<std::string>{"0", "700000000", "1000", "1000", "800000000", "10", "0", "700000000", "2000"});
  const auto refused = [&](std::vector<monitor::IdRange> ranges) {
    auto wrong = config;
    wrong.ids.users = std::move(ranges);
    return message_of([&] { rig.create(wrong); });
  };
  CHECK_THAT(refused({{0, 0, 65536}}), Contains("its root"));
  CHECK_THAT(refused({{1, 100000, 65536}}), Contains("leaves out id 0"));
  CHECK_THAT(refused({{0, 100000, 10}, {5, 200000, 10}}), Contains("overlap"));
  CHECK_THAT(refused({{0, 100000, 10}, {10, 100005, 10}}), Contains("overlap"));
  CHECK_THAT(refused({{0, 4'294'967'290, 100}}), Contains("beyond"));
  CHECK_THAT(refused({{0, 100000, 0}}), Contains("empty"));
}

TEST_CASE("one setting gives every container ids of its own") {
  NEEDS_MACHINE();
  EngineRig rig;
  {
    const Settings settings("userns = auto\nuserns_range = 655360000:131072\n");
    CHECK(words(rig.run(rig.config({"cat", "/proc/self/uid_map"})).output) ==
          std::vector<std::string>{"0", "655360000", "65536"});
    rig.create(rig.config({"true"}));
    CHECK_THAT(message_of([&] { rig.create(rig.config({"true"})); }), Contains("all ids for containers are taken"));
    auto host = rig.config({"cat", "/proc/self/uid_map"});
    host.user_namespace = UserNamespace::host;
    CHECK(words(rig.run(host).output) == words(linux::read_file("/proc/self/uid_map")));
  }
  const Settings wrong("userns = always\n");
  CHECK_THAT(message_of([&] { rig.create(rig.config({"true"})); }), Contains("expected auto or host"));
}

TEST_CASE("ids go with their container, also when a command is killed") {
  NEEDS_MACHINE();
  EngineRig rig;
  const auto before = rig.census();
  const auto container = rig.create(automatic(rig.config({"true"})));
  REQUIRE(container.ids.users.size() == 1);
  const std::string first = std::to_string(container.ids.users[0].outside);
  CHECK(rig.census() != before);
  // Created and killed before its record is written: as if the record had never been.
  in_killed_process([&] {
    const auto half = rig.create(automatic(rig.config({"true"})));
    store::remove_file(rig.locations().container(half.id) + "/config.json");
  });
  REQUIRE(engine::taken_ids(rig.locations()).size() == 2);
  engine::take_ids(rig.locations(), store::new_id());  // of nobody
  REQUIRE(engine::taken_ids(rig.locations()).size() == 3);
  rig.engine().recover();
  const auto left = engine::taken_ids(rig.locations());
  REQUIRE(left.size() == 1);
  CHECK(left[0].first == first);
  CHECK(left[0].container == container.id);
  rig.engine().remove(container.id, false);
  CHECK(rig.census_when(before) == before);
}
