// Stop, restart, health, logs, adoption, terminals, exec.
#include "linux/terminal.hpp"
#include "runtime_fixture.hpp"

#include <poll.h>
#include <sys/statvfs.h>
#include <termios.h>

using namespace test;
using monitor::Health;
using monitor::Phase;
using monitor::Status;
using namespace std::chrono_literals;

namespace {

const std::string serve = "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 1000 & wait; done";

bool has_text(Containers& containers, const std::string& id, const std::string& text) {
  return containers.log_text(id).find(text) != std::string::npos;
}

// Follows the log until a text has come.
void wait_for_text(Containers& containers, const std::string& id, const std::string& text) {
  struct Found {};
  std::string seen;
  runtime::LogOptions options;
  options.follow = true;
  try {
    containers.runtime().logs(id, options, [&](runtime::Stream, std::int64_t, std::string_view bytes) {
      seen += bytes;
      if (seen.find(text) != std::string::npos) throw Found();
    });
  } catch (const Found&) {
  }
  REQUIRE(seen.find(text) != std::string::npos);
}

}  // namespace

TEST_CASE("stop sends the stop signal first") {
  NEEDS_ROOT();
  Containers containers;
  const auto id = containers.start(containers.setup({"sh", "-c", serve}));
  wait_for_text(containers, id, "ready");
  containers.runtime().stop(id, 10s);
  const auto status = containers.runtime().status(id);
  REQUIRE(status);
  CHECK((status->phase == Phase::exited && status->exit_code == 3 && status->stopped_by_user));
  CHECK(has_text(containers, id, "bye"));
  containers.runtime().stop(id, 1s);  // again is fine
}

TEST_CASE("what does not stop in time is killed, and not restarted") {
  NEEDS_ROOT();
  Containers containers;
  auto what = containers.setup({"sleep", "1000"});  // as first process it ignores SIGTERM
  what.launch.restart.policy = monitor::RestartPolicy::always;
  const auto id = containers.start(what);
  containers.runtime().stop(id, 50ms);
  const auto status = containers.runtime().status(id);
  REQUIRE(status);
  CHECK((status->phase == Phase::exited && status->exit_code == 137 && status->restarts == 0));
}

TEST_CASE("on-failure restarts so many times, with the same network") {
  NEEDS_ROOT();
  Containers containers;
  auto what = containers.setup({"sh", "-c", "readlink /proc/self/ns/net; exit 4"});
  what.launch.restart = {monitor::RestartPolicy::on_failure, 2};
  const auto id = containers.start(what);
  CHECK(containers.runtime().wait(id) == 4);
  const auto status = containers.runtime().status(id);
  REQUIRE(status);
  CHECK(status->restarts == 2);
  const std::string text = containers.log_text(id);
  const std::string first = text.substr(0, text.find('\n') + 1);
  CHECK(text == first + first + first);
}

TEST_CASE("health goes from starting to healthy, and to unhealthy") {
  NEEDS_ROOT();
  Containers containers;
  auto what = containers.setup({"sleep", "1000"});
  what.launch.healthcheck.test = {"CMD-SHELL", "echo checked; [ ! -e /tmp/ill ]"};
  what.launch.healthcheck.interval = 20ms;
  what.launch.healthcheck.retries = 2;
  const auto id = containers.start(what);
  CHECK(containers.becomes(id, [](const Status& s) { return s.health == Health::healthy; }));
  CHECK(containers.runtime().status(id)->health_log.back().output == "checked\n");
  CHECK(containers.exec(id, containers.process({"touch", "/tmp/ill"})).code == 0);
  CHECK(containers.becomes(id, [](const Status& s) { return s.health == Health::unhealthy; }));
  CHECK(containers.runtime().status(id)->failing_streak >= 2);
}

TEST_CASE("a health check that takes too long is ended with all it started") {
  NEEDS_ROOT();
  Containers containers;
  auto what = containers.setup({"sleep", "1000"});
  what.launch.healthcheck.test = {"CMD-SHELL", "sleep 777 & sleep 777"};
  what.launch.healthcheck.interval = 1s;
  what.launch.healthcheck.timeout = 50ms;
  what.launch.healthcheck.retries = 1;
  const auto id = containers.start(what);
  CHECK(containers.becomes(id, [](const Status& s) { return s.health == Health::unhealthy; }));
  // The next one is a second away.
  CHECK_THAT(containers.exec(id, containers.process({"ps"})).output, !Contains("sleep 777"));
  CHECK_THAT(containers.runtime().status(id)->health_log.back().output, Contains("timeout"));
}

TEST_CASE("the last line of a fast exit is in the log, with its stream") {
  NEEDS_ROOT();
  Containers containers;
  for (int i = 0; i < 20; ++i) {
    const auto id = containers.start(containers.setup({"sh", "-c", "echo out; echo last >&2"}));
    std::string out, err;
    runtime::LogOptions options;
    options.follow = true;
    containers.runtime().logs(id, options, [&](runtime::Stream stream, std::int64_t when, std::string_view bytes) {
      CHECK(when > 0);
      (stream == runtime::Stream::output ? out : err) += bytes;
    });
    CHECK((out == "out\n" && err == "last\n"));
  }
}

TEST_CASE("tail counts lines") {
  NEEDS_ROOT();
  Containers containers;
  const auto id = containers.start(containers.setup({"seq", "1", "20000"}));
  CHECK(containers.runtime().wait(id) == 0);
  runtime::LogOptions options;
  options.tail = 2;
  CHECK(containers.log_text(id, options) == "19999\n20000\n");
  options.tail = 0;
  CHECK(containers.log_text(id, options).empty());
  CHECK(containers.log_text(id).size() == 108894);
}

TEST_CASE("a container outlives its monitor and is adopted") {
  NEEDS_ROOT();
  Containers containers;
  const auto id = containers.start(containers.setup({"sh", "-c", serve}));
  wait_for_text(containers, id, "ready");
  const auto before = containers.runtime().status(id);
  REQUIRE(before);
  const auto monitor = linux::open_process(before->monitor);
  REQUIRE(monitor);
  linux::send_signal(*monitor, SIGKILL);
  REQUIRE(linux::wait_ended(*monitor, 5000));
  const auto after = containers.runtime().status(id);
  REQUIRE(after);
  CHECK((after->phase == Phase::running && after->process == before->process && !(after->monitor == before->monitor)));
  containers.runtime().stop(id, 10s);
  const auto end = containers.runtime().status(id);
  REQUIRE(end);
  CHECK(end->phase == Phase::exited);
  CHECK((end->exit_code == 3 || end->exit_code == -1));
  CHECK(has_text(containers, id, "bye"));
}

TEST_CASE("when monitor and process are both gone the container has ended, its code is not known") {
  NEEDS_ROOT();
  Containers containers;
  const auto id = containers.start(containers.setup({"sleep", "1000"}));
  const auto before = containers.runtime().status(id);
  REQUIRE(before);
  const auto monitor = linux::open_process(before->monitor);
  const auto process = linux::open_process(before->process);
  REQUIRE((monitor && process));
  linux::send_signal(*monitor, SIGKILL);
  linux::send_signal(*process, SIGKILL);
  REQUIRE((linux::wait_ended(*monitor, 5000) && linux::wait_ended(*process, 5000)));
  const auto after = containers.runtime().status(id);
  REQUIRE(after);
  CHECK((after->phase == Phase::exited && after->exit_code == -1));
  CHECK(linux::list_cgroups(containers.locations.instance).empty());
}

TEST_CASE("exec passes the exit code on, or says why there is none") {
  NEEDS_ROOT();
  Containers containers;
  const auto id = containers.start(containers.setup({"sleep", "1000"}));
  CHECK(containers.exec(id, containers.process({"sh", "-c", "exit 9"})).code == 9);
  const auto absent = containers.exec(id, containers.process({"nothing-of-that-name"}));
  CHECK(absent.code == 127);
  CHECK_THAT(absent.error, Contains("not found in $PATH"));
  CHECK(containers.exec(id, containers.process({"/etc/passwd"})).code == 126);
  const auto seen = containers.exec(id, containers.process({"sh", "-c", "hostname; readlink /proc/1/exe; echo e >&2"}));
  CHECK((seen.output == "box\n/bin/busybox\n" && seen.error == "e\n"));
}

TEST_CASE("init reaps, passes signals on and ends as its program does") {
  NEEDS_ROOT();
  Containers containers;
  auto what = containers.setup({"sh", "-c", "(sleep 0 &); echo ready; exec sleep 1000"});
  what.launch.init = true;
  const auto id = containers.start(what);
  wait_for_text(containers, id, "ready");
  containers.runtime().stop(id, 10s);
  CHECK(containers.runtime().status(id)->exit_code == 128 + SIGTERM);
}

TEST_CASE("a terminal has the caller's size and is /dev/console") {
  NEEDS_ROOT();
  Containers containers;
  auto outside = linux::open_terminal();
  linux::set_window_size(outside.peer.get(), {33, 101});
  auto what = containers.setup({"sh", "-c", "stty size; tty; [ -t 2 ] && stat -c %F /dev/console; exit 5"});
  what.launch.process.terminal = true;
  what.launch.open_stdin = true;
  runtime::ForegroundOptions options;
  options.streams = {outside.peer.get(), outside.peer.get(), outside.peer.get()};
  options.terminal = true;
  runtime::Foreground foreground(options);
  auto created = containers.runtime().create(what, foreground.streams());
  created.start();
  CHECK(created.wait(foreground) == 5);
  CHECK(containers.log_text(what.id) == "33 101\r\n/dev/pts/0\r\ncharacter special file\r\n");
}

TEST_CASE("exec with a terminal: its own, of the caller's size, and the caller's mode is restored") {
  NEEDS_ROOT();
  Containers containers;
  const auto id = containers.start(containers.setup({"sleep", "1000"}));
  auto outside = linux::open_terminal();
  linux::set_window_size(outside.peer.get(), {21, 77});
  termios before{};
  REQUIRE(tcgetattr(outside.peer.get(), &before) == 0);
  auto process = containers.process({"sh", "-c", "stty size; tty; read line; echo got $line; exit 6"});
  process.terminal = true;
  const auto caller = linux::clone_child(0, [&] {
    for (int fd = 0; fd < 3; ++fd) dup2(outside.peer.get(), fd);
    return containers.runtime().exec(id, process);
  });
  std::string screen;
  const auto read_until = [&](const std::string& text) {
    while (screen.find(text) == std::string::npos) {
      REQUIRE(linux::wait_readable(outside.controller.get(), 10'000));
      char buffer[256];
      const ssize_t size = read(outside.controller.get(), buffer, sizeof buffer);
      REQUIRE(size > 0);
      screen.append(buffer, static_cast<std::size_t>(size));
    }
  };
  read_until("21 77\r\n/dev/pts/0\r\n");
  linux::write_all(outside.controller.get(), "typed\r");
  read_until("got typed\r\n");
  CHECK(linux::wait_for(caller.pidfd).code == 6);
  termios after{};
  REQUIRE(tcgetattr(outside.peer.get(), &after) == 0);
  CHECK((after.c_lflag == before.c_lflag && after.c_iflag == before.c_iflag && after.c_oflag == before.c_oflag));
}

TEST_CASE("what is frozen stands still, nobody calls it paused, and goes on with its holder") {
  NEEDS_ROOT();
  Containers containers;
  const auto id = containers.start(containers.setup({"sh", "-c", "while :; do :; done"}));
  const auto process = containers.runtime().status(id)->process.pid;
  // State letter and processor time of the process, from /proc/PID/stat.
  const auto cpu = [&] {
    const auto text = linux::read_file("/proc/" + std::to_string(process) + "/stat");
    std::istringstream words(text.substr(text.rfind(')') + 1));
    std::string word;
    for (int i = 0; i < 12; ++i) words >> word;
    return std::stol(word);
  };
  const auto moves = [&] {
    const auto before = cpu();
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (cpu() == before)
      if (std::chrono::steady_clock::now() > deadline) return false;
    return true;
  };
  {
    const auto frozen = containers.runtime().freeze(id);
    CHECK_FALSE(containers.runtime().status(id)->paused);
    const auto before = cpu();
    // Another process has a tick of the processor meanwhile.
    CHECK(containers.command({"sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"}).code == 0);
    CHECK(cpu() == before);
  }
  CHECK(moves());
  const auto holder = linux::clone_child(0, [&] {
    const auto frozen = containers.runtime().freeze(id);
    raise(SIGKILL);
    return 0;
  });
  CHECK(linux::wait_for(holder.pidfd).signal == SIGKILL);
  CHECK(moves());
  containers.runtime().pause(id);
  {
    const auto frozen = containers.runtime().freeze(id);
  }
  CHECK(containers.runtime().status(id)->paused);
  containers.runtime().stop(id, 0s);
  CHECK_FALSE(containers.runtime().status(id)->paused);
}

TEST_CASE("health is not looked at while it is paused") {
  NEEDS_ROOT();
  Containers containers;
  auto what = containers.setup({"sleep", "1000"});
  what.launch.healthcheck.test = {"sh", "-c", "sleep 0.2"};
  what.launch.healthcheck.interval = 10ms;
  what.launch.healthcheck.timeout = 1s;
  what.launch.healthcheck.retries = 1;
  const auto id = containers.start(what);
  REQUIRE(containers.becomes(id, [](const Status& status) { return status.health == Health::healthy; }));
  containers.runtime().pause(id);
  CHECK_FALSE(
      containers.runtime().wait_for(id, [](const Status& status) { return status.health != Health::healthy; }, 3s));
  containers.runtime().resume(id);
  const auto seen = containers.runtime().status(id)->health_log.back().finished_at;
  CHECK(containers.becomes(id, [&](const Status& status) { return status.health_log.back().finished_at > seen; }));
  CHECK(containers.runtime().status(id)->health == Health::healthy);
}

TEST_CASE("a container that was restarted before its monitor died is adopted, and keeps its exit code") {
  NEEDS_ROOT();
  Containers containers;
  auto what =
      containers.setup({"sh", "-c", "[ -e /tmp/again ] || { touch /tmp/again; exit 1; }; echo ready; sleep 1000"});
  what.launch.restart = {monitor::RestartPolicy::on_failure, 1};
  const auto id = containers.start(what);
  wait_for_text(containers, id, "ready");
  const auto before = containers.runtime().status(id);
  CHECK(before->restarts == 1);
  const auto monitor = linux::open_process(before->monitor);
  linux::send_signal(*monitor, SIGKILL);
  REQUIRE(linux::wait_ended(*monitor, 5000));
  containers.runtime().send_signal(id, SIGTERM);
  containers.runtime().stop(id, 0s);
  const auto end = containers.runtime().status(id);
  CHECK(end->phase == Phase::exited);
  CHECK((end->exit_code == 128 + SIGKILL || end->exit_code == -1));
}

TEST_CASE("the monitor is executed from a read-only mount, and an image cannot run it as its own") {
  NEEDS_ROOT();
  Containers containers;
  containers.write("/bin/itself", "#!/proc/self/exe\n", 0755);
  const auto id = containers.start(containers.setup({"sleep", "1000"}));
  const auto status = containers.runtime().status(id);
  REQUIRE(status);
  const auto image = linux::open_file("/proc/" + std::to_string(status->monitor.pid) + "/exe", O_PATH);
  struct statvfs found{};
  REQUIRE(fstatvfs(image.get(), &found) == 0);
  CHECK((found.f_flag & ST_RDONLY) != 0);
  CHECK(containers.exec(id, containers.process({"/bin/itself"})).code == 125);
}

TEST_CASE("out of memory is noticed") {
  NEEDS_ROOT();
  Containers containers;
  auto what = containers.setup({"sh", "-c", "dd if=/dev/zero of=/dev/null bs=100M count=1"});
  what.limits.memory = 16 << 20;
  what.limits.memory_swap = 16 << 20;
  CHECK(containers.run(what).code != 0);
  CHECK(containers.runtime().status(what.id)->out_of_memory);
}
