#include "base/error.hpp"
#include "engine_rig.hpp"
#include "linux/fd.hpp"

#include <fcntl.h>

#include <csignal>
#include <thread>

using namespace conductor;

namespace {

engine::MountConfig mount(engine::MountKind kind, const std::string& source, const std::string& target,
                          bool read_only = false) {
  engine::MountConfig config;
  config.kind = kind;
  config.source = source;
  config.target = target;
  config.read_only = read_only;
  return config;
}

}  // namespace

TEST_CASE("engine: a container gives its output and its exit code, and leaves nothing") {
  NEEDS_MACHINE();
  EngineRig rig;
  const auto before = rig.census();
  auto config = rig.shell("echo out; echo err >&2; exit 7");
  config.auto_remove = true;
  const auto outcome = rig.run(config);
  CHECK(outcome.code == 7);
  CHECK(outcome.output == "out\nerr\n");
  CHECK(rig.census_when(before) == before);
}

TEST_CASE("engine: words of a command reach it untouched") {
  NEEDS_MACHINE();
  EngineRig rig;
  CHECK(rig.run(rig.config({"printf", "%s|", "a b", "$x", "", "*", "\"q\""})).output == "a b|$x||*|\"q\"|");
}

TEST_CASE("engine: image's command, environment, working directory, user and host name") {
  NEEDS_MACHINE();
  EngineRig rig;
  CHECK(rig.run(rig.config({})).output == "the image's command\n");
  auto config = rig.shell("echo $ORIGIN $COLOUR $HOSTNAME; pwd; id -u; id -g; hostname; grep -c tower /etc/hosts");
  config.environment = {"COLOUR=red"};
  config.working_directory = "/made/for/it";
  config.user = "12:34";
  config.hostname = "tower";
  const std::string addresses = rig.engine().network().settings().ipv6() ? "2" : "1";
  CHECK(rig.run(config).output == "image red tower\n/made/for/it\n12\n34\ntower\n" + addresses + "\n");
}

TEST_CASE("engine: a program that is missing is 127, one that cannot be executed 126") {
  NEEDS_MACHINE();
  EngineRig rig;
  const auto before = rig.census();
  for (const auto& [program, code] : {std::pair{"no-such-program", 127}, std::pair{"/data/from-image", 126}}) {
    auto config = rig.config({program});
    config.auto_remove = true;
    const auto container = rig.create(config);
    int found = 0;
    try {
      rig.engine().start(container.id);
    } catch (const base::Error& e) {
      found = e.exit_code();
    }
    CHECK(found == code);
    rig.engine().remove(container.id, false);
  }
  CHECK(rig.census_when(before) == before);
}

TEST_CASE("engine: names of 40 letters, and one that is the beginning of another") {
  NEEDS_MACHINE();
  EngineRig rig;
  const std::string long_name(40, 'n');
  std::vector<std::string> ids;  // the short names are no hex digits: those may begin an id
  for (const auto& name : {long_name, std::string("x"), std::string("xy")}) {
    auto config = rig.config({"sleep", "1000"});
    config.name = name;
    ids.push_back(rig.create(config).id);
    rig.engine().start(ids.back());
  }
  CHECK(rig.engine().find(long_name).id == ids[0]);
  CHECK(rig.engine().find("x").id == ids[1]);
  CHECK(rig.engine().find("xy").id == ids[2]);
  rig.engine().remove(ids[1], true);
  CHECK_FALSE(rig.engine().exists("x"));
  CHECK(rig.exec(ids[2], {"echo", "still here"}).output == "still here\n");
  CHECK(message_of([&] { rig.engine().find("ba"); }).find("no such container: ba") == 0);
}

TEST_CASE("engine: a name belongs to one container") {
  NEEDS_MACHINE();
  EngineRig rig;
  auto config = rig.config({"true"});
  config.name = "only";
  const auto first = rig.create(config);
  const auto before = rig.census();
  CHECK(message_of([&] { rig.create(config); }).find("'only' is in use") != std::string::npos);
  CHECK(rig.census_when(before) == before);
  rig.engine().rename(first.id, "other");
  CHECK_NOTHROW(rig.create(config));
}

TEST_CASE("engine: exec has the container's environment, and its exit code is passed on") {
  NEEDS_MACHINE();
  EngineRig rig;
  auto config = rig.config({"sleep", "1000"});
  config.environment = {"COLOUR=green"};
  const auto container = rig.create(config);
  CHECK(message_of([&] { rig.exec(container.id, {"true"}); }).find("is not running") != std::string::npos);
  rig.engine().start(container.id);
  const auto outcome = rig.exec(container.id, {"sh", "-c", "echo $COLOUR; exit 9"});
  CHECK(outcome.output == "green\n");
  CHECK(outcome.code == 9);
  int code = 0;
  try {
    rig.exec(container.id, {"no-such-program"});
  } catch (const base::Error& e) {
    code = e.exit_code();
  }
  CHECK(code == 127);
}

TEST_CASE("engine: stop, start again, kill") {
  NEEDS_MACHINE();
  EngineRig rig;
  auto& engine = rig.engine();
  const auto container = rig.create(rig.shell("trap 'exit 3' TERM; echo up; while :; do sleep 0.01; done"));
  const auto is_up = [](const monitor::Status& s) { return s.phase == monitor::Phase::running; };
  engine.start(container.id);
  CHECK(message_of([&] { engine.start(container.id); }).find("running already") != std::string::npos);
  CHECK(message_of([&] { engine.remove(container.id, false); }).find("is running") != std::string::npos);
  REQUIRE(engine.runtime().wait_for(container.id, is_up, std::chrono::seconds(10)));
  engine.stop(container.id);
  CHECK(engine.observe(container).status.phase == monitor::Phase::exited);
  engine.start(container.id);
  engine.kill(container.id, SIGKILL);
  CHECK(engine.observe(container).status.exit_code == 137);
  CHECK(message_of([&] { engine.kill(container.id, SIGTERM); }).find("is not running") != std::string::npos);
  engine.stop(container.id);  // not running is fine
}

TEST_CASE("engine: limits of processes and memory hold, for exec too") {
  NEEDS_MACHINE();
  EngineRig rig;
  auto config = rig.config({"sleep", "1000"});
  config.limits.pids = 3;
  config.limits.memory = 16 << 20;
  const auto container = rig.create(config);
  rig.engine().start(container.id);
  const auto forks = rig.exec(container.id, {"sh", "-c", "sleep 9 & sleep 9 & sleep 9 & sleep 9 & echo all"});
  CHECK(forks.output.find("all") == std::string::npos);
  auto hungry =
      rig.shell("head -c 100m /dev/zero | tr '\\0' x | wc -c; x=$(head -c 100m /dev/zero | tr '\\0' x); echo $?");
  hungry.limits.memory = 16 << 20;
  const auto outcome = rig.run(hungry);
  CHECK(outcome.output.find("104857600") == 0);  // what is only passed on fits
  CHECK(outcome.code == 137);
  CHECK(message_of([&] {
          auto small = rig.config({"true"});
          small.limits.memory = 1 << 20;
          rig.create(small);
        }).find("at least 4 MiB") != std::string::npos);
}

TEST_CASE("engine: a named volume is filled from the image once and outlives its containers") {
  NEEDS_MACHINE();
  EngineRig rig;
  auto config = rig.shell("cat /data/from-image; echo more > /data/mine");
  config.mounts.push_back(mount(engine::MountKind::named, "kept", "/data"));
  const auto first = rig.create(config);
  CHECK(rig.run_to_end(first.id).output == "made with the image\n");
  rig.engine().remove(first.id, false, true);
  config.command = std::vector<std::string>{"sh", "-c", "cat /data/mine; ls /data"};
  CHECK(rig.run(config).output == "more\nfrom-image\nmine\n");
  CHECK(rig.engine().volumes().find("kept"));
}

TEST_CASE("engine: binds are read-only when asked, and our own state is refused") {
  NEEDS_MACHINE();
  EngineRig rig;
  const test::TemporaryDirectory shared;
  auto config = rig.shell("echo x > /in/x || echo refused; echo y > /out/y");
  config.network = engine::NetworkMode::none;
  config.mounts.push_back(mount(engine::MountKind::bind, shared.path(), "/in", true));
  config.mounts.push_back(mount(engine::MountKind::bind, shared.path(), "/out"));
  CHECK(rig.run(config).output.find("refused") != std::string::npos);
  CHECK(linux::read_file(shared / "y") == "y\n");
  const auto before = rig.census();
  config.mounts = {mount(engine::MountKind::bind, rig.locations().root, "/in")};
  CHECK(message_of([&] { rig.create(config); }) != "(nothing)");
  config.mounts = {mount(engine::MountKind::bind, shared.path(), "/proc/sys")};
  CHECK(message_of([&] { rig.create(config); }).find("/proc") != std::string::npos);
  CHECK(rig.census_when(before) == before);
}

TEST_CASE("engine: without network there is only a loopback; with links an address") {
  NEEDS_MACHINE();
  EngineRig rig;
  auto config = rig.shell("ls /sys/class/net | tr '\\n' ' '");
  CHECK(rig.run(config).output.find("eth0") != std::string::npos);
  config.network = engine::NetworkMode::none;
  CHECK(rig.run(config).output == "lo ");
  config.endpoint.internet = true;
  CHECK(message_of([&] { rig.create(config); }).find("--network none") != std::string::npos);
}

TEST_CASE("engine: a build step writes into its upper directory and leaves nothing else") {
  NEEDS_MACHINE();
  EngineRig rig;
  image::LayerDraft draft(rig.locations());
  const auto before = rig.census();
  engine::BuildStep step;
  step.lower = rig.engine().images().lower_directories(rig.engine().images().resolve("box", {}));
  step.upper = draft.upper();
  step.work = draft.work();
  step.process.arguments = {"sh", "-c", "echo $PATH > /made; exit 4"};
  const auto null = linux::open_file("/dev/null", O_RDWR);
  CHECK(rig.engine().run_build_step(step, {-1, null.get(), null.get()}).code == 4);
  CHECK(linux::read_file(draft.upper() + "/made").find("/bin") != std::string::npos);
  CHECK_FALSE(linux::try_read_file(draft.upper() + "/etc/resolv.conf"));
  CHECK(rig.census_when(before) == before);
}

TEST_CASE(
    "engine: VOLUME of an image is an anonymous volume that begins with the image's files and goes with the "
    "container") {
  NEEDS_MACHINE();
  EngineRig rig;
  const auto before = rig.census();
  image::Config image;
  image.volumes = {"/data", "/new/"};
  rig.add_image("volumes", image);
  auto config =
      rig.shell("cat /data/from-image; echo more > /data/x; echo x > /new/x; grep -c -E ' /(data|new) ' /proc/mounts");
  config.image = "volumes";
  auto container = rig.create(config);
  CHECK(rig.run_to_end(container.id).output == "made with the image\n2\n");
  CHECK(rig.engine().volumes().list().size() == 2);
  // Again with the same volumes: what was written is there.
  CHECK(rig.run_to_end(container.id).output == "made with the image\n2\n");
  rig.engine().remove(container.id, false, true);
  CHECK(rig.engine().volumes().list().empty());

  config.mounts = {mount(engine::MountKind::tmpfs, "", "/data")};
  container = rig.create(config);
  CHECK(container.config.mounts.size() == 2);
  CHECK_THAT(rig.run_to_end(container.id).output, Contains("can't open '/data/from-image'"));
  rig.engine().remove(container.id, false, true);
  image.volumes = {"/proc"};
  rig.add_image("hostile", image);
  config.image = "hostile";
  CHECK_THAT(message_of([&] { rig.create(config); }), Contains("/proc"));
  CHECK(rig.census_when(before) == before);
}

TEST_CASE("engine: HEALTHCHECK and STOPSIGNAL of an image, unless the container has its own") {
  NEEDS_MACHINE();
  EngineRig rig;
  image::Config image;
  image.stop_signal = "SIGUSR1";
  image.shell = {"/bin/sh", "-c"};
  constexpr std::int64_t soon = 20'000'000, long_time = 3'600'000'000'000;
  image.healthcheck.emplace();
  image.healthcheck->test = {"CMD-SHELL", "echo fine"};
  image.healthcheck->interval = soon;
  image.healthcheck->retries = 7;
  rig.add_image("checked", image);
  auto config = rig.shell("trap 'exit 9' USR1; while true; do sleep 0.05; done");
  config.image = "checked";
  auto container = rig.create(config);
  CHECK(container.config.healthcheck.retries == 7);
  CHECK(container.config.healthcheck.timeout == std::chrono::seconds(30));
  rig.engine().start(container.id);
  CHECK(rig.engine().runtime().wait_for(
      container.id, [](const monitor::Status& status) { return status.health == monitor::Health::healthy; },
      std::chrono::seconds(10)));
  rig.engine().stop(container.id);
  CHECK(rig.engine().observe(container).status.exit_code == 9);

  config.healthcheck.interval = std::chrono::nanoseconds(long_time);
  CHECK(rig.create(config).config.healthcheck.interval == std::chrono::nanoseconds(long_time));
  config.healthcheck.test = {"CMD", "own"};
  container = rig.create(config);
  CHECK(container.config.healthcheck.test == std::vector<std::string>{"CMD", "own"});
  CHECK(container.config.healthcheck.retries == 3);
}

TEST_CASE("engine: build steps on several threads, one of them cancelled") {
  NEEDS_MACHINE();
  EngineRig rig;
  const auto before = rig.census();
  const auto lower = rig.engine().images().lower_directories(rig.engine().images().resolve("box", {}));
  linux::Cancellation cancellation;
  const auto run = [&](const std::string& script, const linux::Cancellation* end) -> std::string {
    image::LayerDraft draft(rig.locations());
    engine::BuildStep step;
    step.lower = lower;
    step.upper = draft.upper();
    step.work = draft.work();
    step.process.arguments = {"sh", "-c", script};
    step.cancellation = end;
    try {
      return std::to_string(rig.engine().run_build_step(step, {}).code);
    } catch (const base::Error& e) {
      return e.message() + " " + std::to_string(e.exit_code());
    }
  };
  std::vector<std::string> ends(4);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < ends.size(); ++i)
    threads.emplace_back([&, i] {
      ends[i] = i == 0 ? run("sleep 1000 & sleep 1000", &cancellation) : run("exit " + std::to_string(i), nullptr);
    });
  for (std::size_t i = 1; i < threads.size(); ++i) threads[i].join();
  cancellation.request();
  threads[0].join();
  CHECK(ends == std::vector<std::string>{"interrupted 130", "1", "2", "3"});
  CHECK(rig.census_when(before) == before);
}
