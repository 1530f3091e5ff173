// Processes: started, named, waited for, signalled.
#include "base/error.hpp"
#include "linux/events.hpp"
#include "linux/namespaces.hpp"
#include "linux/process.hpp"
#include "support/catch.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

using namespace conductor;
using linux::Fd;

namespace {

constexpr int patience = 10000;  // ms; far more than anything here takes

linux::SpawnOptions program(std::vector<std::string> arguments) {
  linux::SpawnOptions options;
  options.program = "/bin/sh";
  options.arguments = {"sh", "-c"};
  for (auto& argument : arguments) options.arguments.push_back(std::move(argument));
  options.environment = {"PATH=/usr/bin:/bin"};
  return options;
}

// A child that lives until its pipe is closed.
struct Sleeper {
  linux::Pipe pipe = linux::make_pipe();
  linux::Child child = linux::clone_child(0, [this] {
    pipe.write.reset();
    char byte = 0;
    return read(pipe.read.get(), &byte, 1) == 0 ? 7 : 8;
  });
  ~Sleeper() {
    linux::send_signal(child.pidfd, SIGKILL);
    linux::wait_ended(child.pidfd, patience);
  }
};

}  // namespace

TEST_CASE("clone_child returns what its body returns") {
  const auto child = linux::clone_child(0, [] { return 42; });
  CHECK(linux::wait_for(child.pidfd).shell_code() == 42);
}

TEST_CASE("an exception in the child ends it with the exit code of an error") {
  const auto child = linux::clone_child(0, []() -> int {
    close(STDERR_FILENO);
    throw base::Error("no");
  });
  CHECK(linux::wait_for(child.pidfd).code == base::exit_error);
}

TEST_CASE("clone_child makes new namespaces") {
  const Fd own = linux::open_own_namespace("uts");
  const auto child = linux::clone_child(CLONE_NEWUTS, [&own] {
    linux::set_hostname("inside");
    char name[64] = {};
    gethostname(name, sizeof name);
    return !linux::same_namespace(own, linux::open_own_namespace("uts")) && std::string(name) == "inside" ? 0 : 1;
  });
  CHECK(linux::wait_for(child.pidfd).code == 0);
}

TEST_CASE("a process is found again by its identity and by nothing else") {
  Sleeper sleeper;
  const auto id = linux::identify(sleeper.child.pid);
  REQUIRE(linux::open_process(id).has_value());
  auto later = id;
  later.start_time += 1;
  CHECK_FALSE(linux::open_process(later).has_value());
  auto other_boot = id;
  other_boot.boot_id = "00000000-0000-0000-0000-000000000000";
  CHECK_FALSE(linux::open_process(other_boot).has_value());

  sleeper.pipe.write.reset();
  REQUIRE(linux::wait_ended(sleeper.child.pidfd, patience));
  CHECK_FALSE(linux::open_process(id).has_value());  // a zombie
  CHECK(linux::wait_for(sleeper.child.pidfd).code == 7);
  CHECK_FALSE(linux::open_process(id).has_value());
  CHECK_THROWS_AS(linux::identify(id.pid), base::Error);
}

TEST_CASE("signals are delivered by descriptor and the end tells which") {
  Sleeper sleeper;
  CHECK_FALSE(linux::has_ended(sleeper.child.pidfd));
  CHECK_FALSE(linux::try_wait(sleeper.child.pidfd).has_value());
  linux::send_signal(sleeper.child.pidfd, SIGUSR1);
  const auto ending = linux::wait_for(sleeper.child.pidfd);
  CHECK(ending.signal == SIGUSR1);
  CHECK(ending.shell_code() == 128 + SIGUSR1);
  CHECK_NOTHROW(linux::send_signal(sleeper.child.pidfd, SIGUSR1));
}

TEST_CASE("run_program collects both outputs and the exit code") {
  const auto output = linux::run_program(program({"echo out; echo err >&2; exit 3"}));
  CHECK(output.text == "out\nerr\n");
  CHECK(output.ending.code == 3);
}

TEST_CASE("the environment of a spawned program is what was given") {
  auto options = program({"/usr/bin/env"});
  options.environment = {"ONLY=this", "PWD=/", "OLDPWD=/", "SHLVL=1", "_=/usr/bin/env"};
  CHECK_THAT(linux::run_program(options).text, Contains("ONLY=this") && !Contains("HOME="));
}

TEST_CASE("a program that is absent gives 127, one that cannot run 126") {
  linux::SpawnOptions options;
  options.program = "/nonexistent/program";
  options.arguments = {"program"};
  try {
    linux::spawn(options);
    FAIL("started");
  } catch (const base::Error& e) {
    CHECK(e.exit_code() == 127);
    CHECK(e.code() == ENOENT);
  }
  options.program = "/etc/passwd";
  try {
    linux::spawn(options);
    FAIL("started");
  } catch (const base::Error& e) {
    CHECK(e.exit_code() == 126);
  }
}

TEST_CASE("descriptors are put in place without overwriting each other, all others are closed") {
  linux::Pipe first = linux::make_pipe();
  linux::Pipe second = linux::make_pipe();
  const Fd leaked(fcntl(first.read.get(), F_DUPFD, 50));  // not close-on-exec
  // 1 and 2 are swapped with descriptors that are themselves below the number of targets.
  const auto child = linux::clone_child(0, [&] {
    dup2(second.write.get(), 1);
    dup2(first.write.get(), 2);
    auto options = program({"echo to-first; echo to-second >&2; [ ! -e /proc/self/fd/50 ]"});
    options.descriptors = {0, 2, 1};
    const auto inner = linux::spawn(options);
    return linux::wait_for(inner.pidfd).code;
  });
  first.write.reset();
  second.write.reset();
  CHECK(linux::read_all(first.read.get()) == "to-first\n");
  CHECK(linux::read_all(second.read.get()) == "to-second\n");
  CHECK(linux::wait_for(child.pidfd).code == 0);
}

TEST_CASE("a spawned program has default signals and an empty mask, whatever the caller has") {
  const auto child = linux::clone_child(0, [] {
    const Fd signals = linux::signal_descriptor({SIGTERM, SIGINT, SIGCHLD});
    signal(SIGPIPE, SIG_IGN);
    const auto text = linux::run_program(program({"grep -E 'Sig(Blk|Ign)' /proc/self/status"})).text;
    return text == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n" ? 0 : 1;
  });
  CHECK(linux::wait_for(child.pidfd).code == 0);
}

TEST_CASE("new_session makes the program the leader of a session") {
  auto options = program({"cut -d' ' -f1,6 /proc/self/stat"});
  options.new_session = true;
  options.arguments = {"sh", "-c", "read pid _ _ _ _ session _ < /proc/$$/stat; [ $pid = $session ]"};
  CHECK(linux::run_program(options).ending.code == 0);
}

TEST_CASE("close_on_exec_from marks descriptors without closing them") {
  const auto child = linux::clone_child(0, [] {
    const Fd high(fcntl(0, F_DUPFD, 100));
    linux::close_on_exec_from(3);
    return fcntl(high.get(), F_GETFD) == FD_CLOEXEC && fcntl(0, F_GETFD) == 0 ? 0 : 1;
  });
  CHECK(linux::wait_for(child.pidfd).code == 0);
}

TEST_CASE("signals arrive through a descriptor") {
  const auto child = linux::clone_child(0, [] {
    const Fd signals = linux::signal_descriptor({SIGUSR1});
    if (linux::next_signal(signals)) return 1;
    raise(SIGUSR1);
    return linux::wait_readable(signals.get(), patience) && linux::next_signal(signals) == SIGUSR1 ? 0 : 2;
  });
  CHECK(linux::wait_for(child.pidfd).code == 0);
}

TEST_CASE("in_network_namespace comes back, also from an exception") {
  const Fd own = linux::open_own_namespace("net");
  linux::Pipe pipe = linux::make_pipe();
  const auto child = linux::clone_child(CLONE_NEWNET, [&pipe] {
    pipe.write.reset();
    char byte = 0;
    return static_cast<int>(read(pipe.read.get(), &byte, 1));
  });
  const Fd other = linux::open_namespace(child.pid, "net");
  bool inside = false;
  CHECK_THROWS_AS(linux::in_network_namespace(other,
                                              [&] {
                                                inside = linux::same_namespace(other, linux::open_own_namespace("net"));
                                                throw base::Error("out");
                                              }),
                  base::Error);
  CHECK(inside);
  CHECK(linux::same_namespace(own, linux::open_own_namespace("net")));
  pipe.write.reset();
  CHECK(linux::wait_for(child.pidfd).code == 0);
}
