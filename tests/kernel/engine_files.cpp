// cp and export of containers, running and not.
#include "base/error.hpp"
#include "engine/changes.hpp"
#include "engine/files.hpp"
#include "engine_rig.hpp"
#include "linux/process.hpp"
#include "linux/root_fd.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace conductor;

namespace {

constexpr unsigned exchange = 2;  // RENAME_EXCHANGE

std::string content_of(const std::string& path) { return linux::try_read_file(path).value_or("(none)"); }

void write_text(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

// A container that runs until the test ends, or one that never did.
engine::Container box(EngineRig& rig, bool running, engine::ContainerConfig config) {
  const auto container = rig.create(std::move(config));
  if (running) rig.engine().start(container.id);
  return container;
}

engine::ContainerConfig sleeper(EngineRig& rig) { return rig.config({"sleep", "1000"}); }

struct stat status_of(const std::string& path) {
  struct stat found{};
  if (lstat(path.c_str(), &found) != 0) throw base::Error::from_errno("lstat " + path);
  return found;
}

}  // namespace

TEST_CASE("cp: docker's rules of where a copy goes, into a container and out") {
  NEEDS_MACHINE();
  EngineRig rig;
  const bool running = GENERATE(true, false);
  const test::TemporaryDirectory home;
  const std::string host = home.path();
  const auto container = box(rig, running, sleeper(rig));
  auto& engine = rig.engine();
  const auto in = [&](const std::string& from, const std::string& to) {
    engine::copy_in(engine, container, host + from, to, {});
  };
  const auto out = [&](const std::string& from, const std::string& to) {
    engine::copy_out(engine, container, from, host + to, {});
  };
  write_text(host + "/file", "one");
  std::filesystem::create_directories(host + "/tree/sub");
  write_text(host + "/tree/sub/leaf", "two");

  in("/file", "/data/new");      // the name does not exist: it is that
  in("/file", "/data");          // a directory: into it
  in("/tree", "/data/made");     // a directory that does not exist: it is that
  in("/tree", "/data");          // one that does: into it
  in("/tree/.", "/data/sub2/");  // made, with the content
  in("/tree/.", "/data");        // the content, into it
  out("/data/new", "/a");
  CHECK(content_of(host + "/a") == "one");
  out("/data/.", "/all");
  for (const char* path : {"/all/file", "/all/new"}) CHECK(content_of(host + path) == "one");
  for (const char* path : {"/all/made/sub/leaf", "/all/tree/sub/leaf", "/all/sub2/sub/leaf", "/all/sub/leaf"})
    CHECK(content_of(host + path) == "two");
  CHECK(content_of(host + "/all/from-image") == "made with the image\n");

  out("/data/new", "/tree/sub/leaf");  // a file replaces a file
  CHECK(content_of(host + "/tree/sub/leaf") == "one");
  CHECK_THROWS_WITH(in("/file", "/no/such/place"), Contains("there is no directory for"));
  CHECK_THROWS_WITH(in("/file", "/data/none/"), Contains("there is no directory"));
  CHECK_THROWS_WITH(in("/tree", "/data/new"), Contains("cannot be copied onto the file"));
  CHECK_THROWS_WITH(in("/file/", "/data"), Contains("is not a directory"));
  CHECK_THROWS_WITH(in("/none", "/data"), Contains("there is no '"));
  CHECK_THROWS_WITH(out("/data/none", "/x"), Contains("there is no '"));
  CHECK_THROWS_WITH(in("/tree/sub", "/data/file/x"), Contains("there is no directory for"));
  write_text(host + "/sub", "a file where the container has a directory");
  CHECK_THROWS_WITH(in("/sub", "/data"), Contains("cannot replace the directory 'sub'"));
}

TEST_CASE("cp: owners are root's and the caller's, the source's with -a; set-id bits only then") {
  NEEDS_MACHINE();
  EngineRig rig;
  const test::TemporaryDirectory home;
  const std::string host = home.path();
  const auto container = box(rig, true, sleeper(rig));
  write_text(host + "/file", "x");
  REQUIRE(chown((host + "/file").c_str(), 1234, 1235) == 0);
  REQUIRE(chmod((host + "/file").c_str(), 04751) == 0);
  auto& engine = rig.engine();
  engine::copy_in(engine, container, host + "/file", "/plain", {});
  engine::copy_in(engine, container, host + "/file", "/kept", {.archive = true});
  engine::copy_out(engine, container, "/kept", host + "/out", {});
  engine::copy_out(engine, container, "/kept", host + "/out-kept", {.archive = true});
  engine::copy_out(engine, container, "/plain", host + "/out-plain", {.archive = true});
  const auto plain = status_of(host + "/out"), kept = status_of(host + "/out-kept"),
             inner = status_of(host + "/out-plain");
  CHECK(plain.st_uid == 0);
  CHECK((plain.st_mode & 07777U) == 0751);
  CHECK(kept.st_uid == 1234);
  CHECK(kept.st_gid == 1235);
  CHECK((kept.st_mode & 07777U) == 04751);
  CHECK(inner.st_uid == 0);
  CHECK((inner.st_mode & 07777U) == 0751);
}

TEST_CASE("cp: links are copied as links, followed with -L, and lead nowhere outside") {
  NEEDS_MACHINE();
  EngineRig rig;
  const bool running = GENERATE(true, false);
  const test::TemporaryDirectory home;
  const std::string host = home.path();
  write_text(host + "/canary", "untouched");
  auto config = rig.shell("ln -s / /etc/up; ln -s " + host + " /to-host; ln -s /data/from-image /link; " +
                          "ln -s ../../../../.." + host + "/canary /climb; sleep 1000");
  config.image = "box";
  const auto container = rig.create(config);
  auto& engine = rig.engine();
  engine.start(container.id);
  REQUIRE(rig.exec(container.id, {"sh", "-c", "until test -h /climb; do :; done"}).code == 0);
  if (!running) engine.stop(container.id, std::chrono::nanoseconds(0));

  engine::copy_out(engine, container, "/link", host + "/link", {});
  CHECK(S_ISLNK(status_of(host + "/link").st_mode));
  engine::copy_out(engine, container, "/link", host + "/file", {.follow = true});
  CHECK(content_of(host + "/file") == "made with the image\n");
  // What the container's links name of the host is looked for in the container.
  CHECK_THROWS_WITH(engine::copy_out(engine, container, "/to-host/canary", host + "/x", {}), Contains("there is no '"));
  CHECK_THROWS(engine::copy_in(engine, container, host + "/file", "/to-host/canary", {}));
  CHECK_THROWS(engine::copy_in(engine, container, host + "/file", "/climb", {}));
  CHECK(content_of(host + "/canary") == "untouched");
}

TEST_CASE("cp: what is copied into a volume or a bind lands there, of a stopped container too") {
  NEEDS_MACHINE();
  EngineRig rig;
  const bool running = GENERATE(true, false);
  const test::TemporaryDirectory home;
  std::filesystem::create_directories(home.path() + "/bound");
  write_text(home.path() + "/single", "old and longer");
  write_text(home.path() + "/file", "new");
  auto config = sleeper(rig);
  const auto add = [&](engine::MountKind kind, const std::string& source, const std::string& target, bool read_only) {
    engine::MountConfig mount;
    mount.kind = kind;
    mount.source = source;
    mount.target = target;
    mount.read_only = read_only;
    config.mounts.push_back(mount);
  };
  add(engine::MountKind::named, "vol", "/vol", false);
  add(engine::MountKind::bind, home.path() + "/bound", "/bound", false);
  add(engine::MountKind::bind, home.path() + "/bound", "/fixed", true);
  add(engine::MountKind::bind, home.path() + "/single", "/single", false);
  const auto container = box(rig, running, config);
  auto& engine = rig.engine();
  const auto in = [&](const std::string& to) { engine::copy_in(engine, container, home.path() + "/file", to, {}); };
  in("/vol/file");
  in("/bound/file");
  in("/single");
  CHECK(content_of(engine.volumes().data_directory("vol") + "/file") == "new");
  CHECK(content_of(home.path() + "/bound/file") == "new");
  CHECK(content_of(home.path() + "/single") == "new");
  CHECK_THROWS_WITH(in("/fixed/file"), Contains("Read-only"));
  engine.remove(container.id, true, true);
  engine.volumes().remove("vol", {});
}

TEST_CASE("cp: devices are refused without -a, and FIFOs are not opened") {
  NEEDS_MACHINE();
  EngineRig rig;
  const test::TemporaryDirectory home;
  const auto container = box(rig, true, sleeper(rig));
  const auto root = linux::RootFd::open(
      "/proc/" + std::to_string(rig.engine().runtime().status(container.id)->process.pid) + "/root");
  REQUIRE(mknodat(root.open("/data", O_RDONLY | O_DIRECTORY).get(), "fifo", S_IFIFO | 0600, 0) == 0);
  engine::copy_out(rig.engine(), container, "/data", home.path() + "/data", {});
  CHECK(S_ISFIFO(status_of(home.path() + "/data/fifo").st_mode));
  CHECK_THROWS_WITH(engine::copy_out(rig.engine(), container, "/dev/null", home.path() + "/null", {}),
                    Contains("is a device"));
  engine::copy_out(rig.engine(), container, "/proc/1/limits", home.path() + "/limits", {});
  CHECK_THAT(content_of(home.path() + "/limits"), Contains("Max open files"));
}

// --- against a container that renames what is being copied
// --------------------------------------------------------------------------------------------------------------

namespace {

// Exchanges two names of a directory as fast as it can, until it is ended.
class Racer {
 public:
  explicit Racer(int directory) {
    child_ = linux::clone_child(0, [directory] {
      for (;;) syscall(SYS_renameat2, directory, "door", directory, "trap", exchange);
      return 0;
    });
  }
  ~Racer() {
    linux::send_signal(child_.pidfd, SIGKILL);
    linux::wait_for(child_.pidfd);
  }

 private:
  linux::Child child_;
};

int rounds() {
  const char* wanted = std::getenv("CONDUCTOR_CP_ROUNDS");
  return wanted != nullptr ? std::atoi(wanted) : 300;
}

}  // namespace

TEST_CASE("cp: no name that a container exchanges meanwhile leads outside") {
  NEEDS_MACHINE();
  EngineRig rig;
  const bool walked = GENERATE(false, true);
  linux::force_userspace_walk(walked);
  const test::TemporaryDirectory home;
  const std::string host = home.path();
  std::filesystem::create_directories(host + "/secret/sub");
  write_text(host + "/secret/canary", "untouched");
  write_text(host + "/secret/sub/canary", "untouched");
  std::filesystem::create_directories(host + "/tree/sub");
  write_text(host + "/tree/canary", "from cp");
  write_text(host + "/tree/sub/canary", "from cp");
  const auto container = box(rig, true, sleeper(rig));
  auto& engine = rig.engine();
  const auto root =
      linux::RootFd::open("/proc/" + std::to_string(engine.runtime().status(container.id)->process.pid) + "/root");
  root.make_directories("/race/door/sub");
  root.write_file("/race/door/canary", "inside");
  root.symlink(host + "/secret", "/race/trap");
  const linux::Fd race = root.open("/race", O_RDONLY | O_DIRECTORY);
  int went_in = 0, came_out = 0;
  {
    const Racer racer(race.get());
    const engine::CopyOptions options{.archive = true};
    for (int i = 0; i < rounds(); ++i) {
      try {
        engine::copy_in(engine, container, host + "/tree/.", i % 2 == 0 ? "/race/door" : "/race/door/sub", options);
        ++went_in;
      } catch (const base::Error&) {  // it was the link at that moment
      }
      try {
        engine::copy_out(engine, container, i % 2 == 0 ? "/race/door/canary" : "/race/.", host + "/out", options);
        ++came_out;
      } catch (const base::Error&) {
      }
      REQUIRE(content_of(host + "/secret/canary") == "untouched");
      REQUIRE(content_of(host + "/secret/sub/canary") == "untouched");
      for (const char* place : {"/out", "/out/canary", "/out/door/canary", "/out/trap/canary"})
        if (const auto found = linux::RootFd::open(host).read_file(place, 1000)) REQUIRE(*found != "untouched");
      std::filesystem::remove_all(host + "/out");
    }
  }
  linux::force_userspace_walk(false);
  CHECK(went_in > 0);
  CHECK(came_out > 0);
  CHECK(std::filesystem::is_directory(host + "/secret/sub"));
  CHECK(std::distance(std::filesystem::recursive_directory_iterator(host + "/secret"), {}) == 3);
}

// --- diff, commit and export
// --------------------------------------------------------------------------------------------------------------

TEST_CASE("diff: what a container has added, changed and removed, and no places of mounts") {
  NEEDS_MACHINE();
  EngineRig rig;
  auto config = rig.shell("echo x > /new; mkdir -p /tree/sub; rm /bin/wc; echo more >> /data/from-image");
  engine::MountConfig tmpfs;
  tmpfs.kind = engine::MountKind::tmpfs;
  tmpfs.target = "/made/for/mount";
  config.mounts = {tmpfs};
  const auto container = rig.create(config);
  CHECK(engine::changes_of(rig.engine(), container).empty());
  rig.run_to_end(container.id);
  std::string text;
  for (const auto& change : engine::changes_of(rig.engine(), container))
    text += std::string(change.kind == engine::ChangeKind::added     ? "A"
                        : change.kind == engine::ChangeKind::changed ? "C"
                                                                     : "D") +
            " " + change.path + "\n";
  CHECK(text == "C /bin\nD /bin/wc\nC /data/from-image\nA /new\nA /tree\nA /tree/sub\n");
}

TEST_CASE("commit: an image with what was changed and what it was started with; the container goes on") {
  NEEDS_MACHINE();
  EngineRig rig;
  auto config = rig.shell("echo kept > /kept; rm /bin/wc; touch /ready; sleep 1000");
  config.environment = {"COLOUR=green"};
  config.mounts.emplace_back();
  config.mounts.back().kind = engine::MountKind::tmpfs;
  config.mounts.back().target = "/scratch";
  const auto container = rig.create(config);
  auto& engine = rig.engine();
  engine.start(container.id);
  REQUIRE(rig.exec(container.id, {"sh", "-c", "until test -f /ready; do :; done; echo no > /scratch/x"}).code == 0);
  engine::Commit wanted{.author = "someone", .message = "kept it", .pause = true, .change = [](image::Config& made) {
                          made.cmd = std::vector<std::string>{"cat", "/kept"};
                          made.entrypoint.reset();
                        }};
  const auto image = engine::commit(engine, container, wanted, {image::parse_reference("kept:1")});
  CHECK(image.author == "someone");
  CHECK(image.history.back().comment == "kept it");
  CHECK(image.layers.size() == container.layers.size() + 1);
  CHECK(rig.exec(container.id, {"echo", "goes on"}).output == "goes on\n");
  auto next = rig.config({});
  next.image = "kept:1";
  CHECK(rig.run(next).output == "kept\n");
  next.command = {"sh", "-c", "echo $COLOUR; test -e /bin/wc || echo gone; ls /scratch"};
  CHECK_THAT(rig.run(next).output, Contains("green\ngone\n") && !Contains("x\n"));
}

TEST_CASE("export: the root file system as an archive, without what is mounted on it") {
  NEEDS_MACHINE();
  setenv("CONDUCTOR_TRANSFER", CONDUCTOR_TRANSFER, 1);
  EngineRig rig;
  const bool running = GENERATE(true, false);
  const test::TemporaryDirectory home;
  write_text(home.path() + "/outside", "of the host");
  auto config = sleeper(rig);
  config.mounts.emplace_back();
  config.mounts.back().kind = engine::MountKind::bind;
  config.mounts.back().source = home.path();
  config.mounts.back().target = "/bound";
  const auto container = box(rig, running, config);
  auto& engine = rig.engine();
  const auto save = [&](const std::string& name, const auto& write) {
    const auto file = linux::open_file(home.path() + name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    write(file.get());
    return linux::open_file(home.path() + name, O_RDONLY);
  };
  const auto whole = save("/whole.tar", [&](int to) { engine::export_tree(engine, container, to); });
  const auto part = save("/part.tar", [&](int to) { engine::archive_out(engine, container, "/data", {}, to); });
  const auto other = box(rig, running, sleeper(rig));
  engine::archive_in(engine, other, part.get(), "/bin");
  engine::copy_out(engine, other, "/bin/data/from-image", home.path() + "/back", {});
  CHECK(content_of(home.path() + "/back") == "made with the image\n");
  engine::archive_in(engine, other, whole.get(), "/data");
  engine::copy_out(engine, other, "/data/.", home.path() + "/all", {});
  CHECK(content_of(home.path() + "/all/data/from-image") == "made with the image\n");
  CHECK_FALSE(std::filesystem::exists(home.path() + "/all/bound/outside"));
  CHECK((!std::filesystem::exists(home.path() + "/all/proc") || std::filesystem::is_empty(home.path() + "/all/proc")));
  CHECK_THROWS_WITH(engine::archive_in(engine, other, whole.get(), "/none"), Contains("there is no directory"));
}
