// Volumes, binds, file systems in memory and files of a container, as it finds them.
#include "base/error.hpp"
#include "engine_rig.hpp"
#include "linux/mount.hpp"
#include "linux/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>

using namespace conductor;

namespace {

void write_text(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

engine::MountConfig mount(engine::MountKind kind, const std::string& source, const std::string& target) {
  engine::MountConfig config;
  config.kind = kind;
  config.source = source;
  config.target = target;
  return config;
}

// Everything in a mount namespace of this process, whose mounts are shared among each other's copies.
void own_shared_mounts() {
  static const bool done =
      unshare(CLONE_NEWNS) == 0 && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  if (!done) throw base::Error::from_errno("cannot make a mount namespace");
}

// A file system in memory at a path, gone with the object.
class Memory {
 public:
  explicit Memory(std::string path, unsigned long propagation = MS_PRIVATE) : path_(std::move(path)) {
    std::filesystem::create_directories(path_);
    if (::mount("tmpfs", path_.c_str(), "tmpfs", 0, "size=1m") != 0 ||
        ::mount("none", path_.c_str(), nullptr, propagation, nullptr) != 0)
      throw base::Error::from_errno("cannot mount " + path_);
  }
  ~Memory() { umount2(path_.c_str(), MNT_DETACH); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

 private:
  std::string path_;
};

// Read by us alone; whoever writes into it finds us there.
linux::Fd make_pipe(const std::string& path) {
  if (mkfifo(path.c_str(), 0600) != 0) throw base::Error::from_errno("cannot make " + path);
  return linux::open_file(path, O_RDONLY | O_NONBLOCK);
}

bool has_bytes(const linux::Fd& pipe) {
  constexpr int patience_ms = 20'000;
  pollfd wanted{pipe.get(), POLLIN, 0};
  return poll(&wanted, 1, patience_ms) == 1 && (wanted.revents & POLLIN) != 0;
}

}  // namespace

TEST_CASE("mounts: a tmpfs has its size, inodes, mode, and what it says of executing") {
  NEEDS_MACHINE();
  EngineRig rig;
  auto config = rig.shell(
      "stat -c %a /t 2>/dev/null || ls -ld /t; grep ' /t ' /proc/mounts; cp /bin/busybox /t/echo && /t/echo ran; "
      "grep ' /plain ' /proc/mounts");
  auto tmpfs = mount(engine::MountKind::tmpfs, "", "/t");
  tmpfs.size = 8 << 20;
  tmpfs.inodes = 17;
  tmpfs.mode = 0750;
  tmpfs.allow_exec = true;
  config.mounts = {tmpfs, mount(engine::MountKind::tmpfs, "", "/plain")};
  const auto outcome = rig.run(config);
  CHECK_THAT(outcome.output, Contains("size=8192k") && Contains("nr_inodes=17") && Contains("mode=750"));
  CHECK_THAT(outcome.output, Contains("ran\n"));
  const auto plain = outcome.output.substr(outcome.output.find(" /plain "));
  CHECK_THAT(plain, Contains("noexec") && Contains("nosuid") && Contains("nodev"));
}

TEST_CASE("mounts: read-only holds for what is mounted below, and a bind takes that along unless told not to") {
  NEEDS_MACHINE();
  own_shared_mounts();
  EngineRig rig;
  const test::TemporaryDirectory home;
  std::filesystem::create_directories(home.path() + "/tree");
  const Memory below(home.path() + "/tree/below");
  write_text(home.path() + "/tree/below/file", "deep");
  auto bind = mount(engine::MountKind::bind, home.path() + "/tree", "/tree");
  bind.read_only = true;
  auto config = rig.shell("cat /tree/below/file; touch /tree/x || echo no; touch /tree/below/x || echo no");
  config.mounts = {bind};
  CHECK_THAT(rig.run(config).output, Contains("deep") && Contains("no\n") && !Contains("none"));
  CHECK_FALSE(std::filesystem::exists(home.path() + "/tree/below/x"));
  bind.recursive = false;
  config.mounts = {bind};
  CHECK_THAT(rig.run(config).output, !Contains("deep"));
}

TEST_CASE("mounts: what is mounted later is seen with rslave, and goes back with rshared") {
  NEEDS_MACHINE();
  own_shared_mounts();
  EngineRig rig;
  const test::TemporaryDirectory home;
  const Memory shared(home.path() + "/shared", MS_SHARED);
  const auto seen_inside = [&](const std::string& propagation) {
    auto bind = mount(engine::MountKind::bind, home.path() + "/shared", "/shared");
    bind.propagation = propagation;
    auto config = rig.config({"sleep", "1000"});
    config.mounts = {bind};
    const auto container = rig.create(config);
    rig.engine().start(container.id);
    const Memory later(home.path() + "/shared/later");
    write_text(home.path() + "/shared/later/file", "later");
    const bool seen = rig.exec(container.id, {"cat", "/shared/later/file"}).output == "later";
    rig.engine().remove(container.id, true);
    return seen;
  };
  CHECK(seen_inside("rslave"));
  CHECK(seen_inside("rshared"));
  CHECK_FALSE(seen_inside("rprivate"));
  CHECK_FALSE(seen_inside(""));
  auto config = rig.shell("true");
  config.mounts = {mount(engine::MountKind::bind, home.path(), "/private")};
  config.mounts.front().propagation = "rshared";
  CHECK_THAT(message_of([&] { rig.run(config); }), Contains("that is not shared"));
}

TEST_CASE("mounts: a part of a volume is shown, and nothing outside of it") {
  NEEDS_MACHINE();
  EngineRig rig;
  auto& volumes = rig.engine().volumes();
  volumes.create("data");
  const std::string data = volumes.data_directory("data");
  std::filesystem::create_directories(data + "/a/b");
  write_text(data + "/a/b/file", "part");
  write_text(data + "/single", "one file");
  std::filesystem::create_symlink("/etc", data + "/out");
  std::filesystem::create_symlink("../../../../..", data + "/up");
  auto config = rig.shell("cat /part/file /single; ls /part");
  config.mounts = {mount(engine::MountKind::named, "data", "/part"),
                   mount(engine::MountKind::named, "data", "/single")};
  config.mounts[0].subpath = "a/b";
  config.mounts[1].subpath = "single";
  CHECK(rig.run(config).output == "partone filefile\n");
  config.mounts.pop_back();
  for (const char* subpath : {"out", "no/such", "up/etc"}) {
    config.mounts[0].subpath = subpath;
    CHECK_THAT(message_of([&] { rig.run(config); }), Contains("cannot open"));
  }
  config.mounts[0].subpath = "up";  // the volume's own root
  CHECK_THAT(rig.run(config).output, Contains("single"));
}

TEST_CASE("mounts: a volume takes the image's content unless told not to") {
  NEEDS_MACHINE();
  EngineRig rig;
  auto config = rig.shell("ls /data");
  config.mounts = {mount(engine::MountKind::named, "empty", "/data")};
  config.mounts.front().copy = false;
  CHECK(rig.run(config).output.empty());
}

TEST_CASE("files: a secret has its owner and mode, lies in memory, and is there again after a restart") {
  NEEDS_MACHINE();
  EngineRig rig;
  const test::TemporaryDirectory home;
  write_text(home.path() + "/secret", "hush");
  auto config = rig.shell(
      "ls -ln /run/secrets/token; cat /run/secrets/token; grep -c '/run/secrets/token ramfs' /proc/mounts; "
      "cat /config; echo no > /config || echo fixed; test -f /again || { touch /again; exit 3; }; echo done");
  config.restart.policy = monitor::RestartPolicy::on_failure;
  config.files.push_back({home.path() + "/secret", "", "/run/secrets/token", 1000, 1001, 0440});
  config.files.push_back({"", "in the record\n", "/config", 0, 0, 0444});
  const auto outcome = rig.run(config);
  CHECK(outcome.code == 0);
  const std::string& text = outcome.output;
  CHECK_THAT(text, Contains("-r--r-----    1 1000     1001") && Contains("done\n"));
  for (const char* part : {"hush1\n", "in the record\n", "fixed\n"}) {
    const auto first = text.find(part);
    REQUIRE(first != std::string::npos);
    CHECK(text.find(part, first + 1) != std::string::npos);
  }
  write_text(home.path() + "/secret", "anew");
  auto once = rig.shell("cat /token");
  once.files.push_back({home.path() + "/secret", "", "/token", 0, 0, 0400});
  CHECK(rig.run(once).output == "anew");
  once.files.front().source = home.path() + "/none";
  CHECK_THAT(message_of([&] { rig.run(once); }), Contains("none"));
}

TEST_CASE("files: a secret is there again when the monitor that sent it died before the restart") {
  NEEDS_MACHINE();
  EngineRig rig;
  const test::TemporaryDirectory home;
  write_text(home.path() + "/secret", "hush");
  const linux::Fd ready = make_pipe(home.path() + "/ready");
  auto config = rig.shell(
      "cat /run/secrets/token /config; test -f /again && exit 0; touch /again; echo >/host/ready; exec sleep 1000");
  config.mounts = {mount(engine::MountKind::bind, home.path(), "/host")};
  config.restart.policy = monitor::RestartPolicy::on_failure;
  config.files.push_back({home.path() + "/secret", "", "/run/secrets/token", 1000, 1001, 0440});
  config.files.push_back({"", " and more\n", "/config", 0, 0, 0444});
  const auto container = rig.create(config);
  auto& runtime = rig.engine().runtime();
  rig.engine().start(container.id);
  constexpr std::chrono::seconds patience(20);
  const auto reaches = [&](const std::function<bool(const monitor::Status&)>& wanted) {
    return runtime.wait_for(container.id, wanted, patience);
  };
  REQUIRE(has_bytes(ready));
  const auto before = runtime.status(container.id)->monitor;
  const auto monitor = linux::open_process(before);
  linux::send_signal(*monitor, SIGKILL);
  REQUIRE(linux::wait_ended(*monitor, 10'000));
  std::filesystem::remove(home.path() + "/secret");  // what it shows is still what it was started with
  const auto adopted = runtime.status(container.id);
  REQUIRE(adopted->monitor.pid != before.pid);
  linux::send_signal(*linux::open_process(adopted->process), SIGKILL);
  REQUIRE(reaches([](const auto& status) { return status.phase == monitor::Phase::exited; }));
  const auto status = runtime.status(container.id);
  CHECK(status->exit_code == 0);
  CHECK(status->error.empty());
  std::string text;
  runtime.logs(container.id, {}, [&](runtime::Stream, std::int64_t, std::string_view bytes) { text += bytes; });
  CHECK(text == "hush and more\nhush and more\n");
}
