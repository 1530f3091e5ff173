// From create to the exit code, and what is left afterwards: nothing.
#include "runtime_fixture.hpp"

using namespace test;

TEST_CASE("a container's exit code is its program's") {
  NEEDS_ROOT();
  Containers containers;
  CHECK(containers.command({"true"}).code == 0);
  CHECK(containers.shell("exit 7").code == 7);
  const auto id = containers.start(containers.setup({"sleep", "100"}));
  containers.runtime().send_signal(id, SIGKILL);
  CHECK(containers.runtime().wait(id) == 137);
}

TEST_CASE("a program that cannot be executed is said so with 126 or 127") {
  NEEDS_ROOT();
  Containers containers;
  containers.write("/bin/plain", "no program", 0644);
  containers.write("/bin/broken", "no program", 0755);
  const auto code_of = [&](const std::string& name, const std::string& message) {
    const auto what = containers.setup({name});
    try {
      auto created = containers.runtime().create(what, {});
      created.start();
    } catch (const base::Error& e) {
      CHECK_THAT(e.what(), Contains(message));
      const auto status = containers.runtime().status(what.id);
      CHECK((status && status->phase == monitor::Phase::exited && status->exit_code == e.exit_code()));
      return e.exit_code();
    }
    return 0;
  };
  CHECK(code_of("nothing-of-that-name", "exec: \"nothing-of-that-name\": executable file not found in $PATH") == 127);
  CHECK(code_of("/bin/nothing", "exec: \"/bin/nothing\": no such file or directory") == 127);
  CHECK(code_of("/bin/plain", "ermission denied") == 126);
  CHECK(code_of("/bin/broken", "xec format error") == 126);
  CHECK(code_of("/etc", "s a directory") == 126);
}

TEST_CASE("streams arrive where they belong") {
  NEEDS_ROOT();
  Containers containers;
  auto what = containers.setup({"sh", "-c", "cat; echo out; echo err >&2"});
  what.launch.open_stdin = true;
  const auto outcome = containers.run(what, "typed\n");
  CHECK(outcome.output == "typed\nout\n");
  CHECK(outcome.error == "err\n");
  CHECK(containers.log_text(what.id).size() == outcome.output.size() + outcome.error.size());
}

TEST_CASE("nothing is left of a container that has ended") {
  NEEDS_ROOT();
  Containers containers;
  const auto what = containers.setup({"true"});
  CHECK(containers.run(what).code == 0);
  CHECK(linux::list_cgroups(containers.locations.instance).empty());
  CHECK_FALSE(containers.runtime().running(what.id));
  containers.runtime().clean(what.id);
  CHECK(access(containers.locations.run(what.id).c_str(), F_OK) != 0);
}

TEST_CASE("a container that is never started leaves nothing") {
  NEEDS_ROOT();
  Containers containers;
  const auto what = containers.setup({"true"});
  linux::ProcessId process;
  {
    const auto created = containers.runtime().create(what, {});
    process = created.process();
    CHECK(linux::open_process(process));
    CHECK(created.network_namespace());
  }
  CHECK_FALSE(linux::open_process(process));
  CHECK(access(containers.locations.run(what.id).c_str(), F_OK) != 0);
  CHECK_FALSE(containers.runtime().status(what.id));
  CHECK(linux::list_cgroups(containers.locations.instance).empty());
}

TEST_CASE("a starter that is killed before the start leaves nothing") {
  NEEDS_ROOT();
  Containers containers;
  const auto what = containers.setup({"true"});
  auto pipe = linux::make_pipe();
  const auto starter = linux::clone_child(0, [&] {
    const auto created = containers.runtime().create(what, {});
    linux::write_all(pipe.write.get(), "x");
    pause();
    return 0;
  });
  pipe.write.reset();
  char mark = 0;
  REQUIRE(read(pipe.read.get(), &mark, 1) == 1);
  const auto status = containers.runtime().status(what.id);
  REQUIRE(status);
  const auto monitor = linux::open_process(status->monitor);
  const auto process = linux::open_process(status->process);
  REQUIRE((monitor && process));
  linux::send_signal(starter.pidfd, SIGKILL);
  linux::wait_for(starter.pidfd);
  CHECK(linux::wait_ended(*process, 5000));
  CHECK(linux::wait_ended(*monitor, 5000));
  CHECK(access(containers.locations.run(what.id).c_str(), F_OK) != 0);
  CHECK(linux::list_cgroups(containers.locations.instance).empty());
}
