// The decisions of the monitor that need no kernel.
#include "monitor/container_streams.hpp"
#include "monitor/health.hpp"
#include "monitor/program.hpp"
#include "monitor/restart.hpp"
#include "monitor/sysctls.hpp"
#include "support/catch.hpp"

using namespace conductor::monitor;
using namespace std::chrono_literals;

TEST_CASE("back-off doubles from 100 ms to a minute and begins anew after ten seconds of running") {
  BackOff back_off;
  for (const int expected : {100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000})
    CHECK(back_off.next(1s).count() == expected);
  CHECK(back_off.next(10s).count() == 100);
  CHECK(back_off.next(9s).count() == 200);
}

TEST_CASE("restart policies") {
  const auto wants = [](RestartPolicy policy, int code, int restarts = 0, bool stopped = false, int max = 0) {
    return wants_restart({policy, max}, code, restarts, stopped);
  };
  CHECK_FALSE(wants(RestartPolicy::no, 1));
  CHECK(wants(RestartPolicy::always, 0));
  CHECK(wants(RestartPolicy::unless_stopped, 0, 99));
  CHECK_FALSE(wants(RestartPolicy::on_failure, 0));
  CHECK(wants(RestartPolicy::on_failure, -1));
  CHECK(wants(RestartPolicy::on_failure, 1, 2, false, 3));
  CHECK_FALSE(wants(RestartPolicy::on_failure, 1, 3, false, 3));
  CHECK_FALSE(wants(RestartPolicy::always, 1, 0, true));
}

TEST_CASE("health follows from checks in a row") {
  Healthcheck check;
  check.retries = 2;
  HealthRecord record;
  record.note(false, true, check);
  CHECK((record.health == Health::starting && record.failing_streak == 0));
  record.note(false, false, check);
  CHECK((record.health == Health::starting && record.failing_streak == 1));
  record.note(true, false, check);
  CHECK((record.health == Health::healthy && record.failing_streak == 0));
  record.note(false, true, check);  // once healthy, the start period is over
  record.note(false, false, check);
  CHECK((record.health == Health::unhealthy && record.failing_streak == 2));
}

TEST_CASE("health commands as images write them") {
  using Words = std::vector<std::string>;
  CHECK(health_command({}).empty());
  CHECK(health_command({"NONE"}).empty());
  CHECK(health_command({"CMD", "a", "b"}) == Words{"a", "b"});
  CHECK(health_command({"CMD-SHELL", "a b"}) == Words{"/bin/sh", "-c", "a b"});
  CHECK(health_command({"a", "b"}) == Words{"a", "b"});
}

TEST_CASE("the environment is completed, not changed") {
  Process process;
  process.environment = {"HOME=/here", "PATHS=x", "EMPTY="};
  process.terminal = true;
  const auto environment = complete_environment(process, "/root");
  CHECK(environment ==
        std::vector<std::string>{"HOME=/here", "PATHS=x", "EMPTY=", std::string("PATH=") + default_path, "TERM=xterm"});
}

TEST_CASE("programs are looked for in absolute directories of PATH") {
  using Words = std::vector<std::string>;
  const Words environment = {"X=1", "PATH=/a::relative:/b/:."};
  CHECK(program_candidates("p", environment) == Words{"/a/p", "/b//p"});
  CHECK(program_candidates("./p", environment) == Words{"./p"});
  CHECK(program_candidates("", environment).empty());
  CHECK(program_candidates("p", {"PATH="}).empty());
  CHECK(program_candidates("p", {}).front() == "/usr/local/sbin/p");
}

TEST_CASE("sysctls: only what a container has for itself, written plainly") {
  CHECK(valid_sysctl({"net.ipv4.ip_forward", "1"}, true));
  CHECK(valid_sysctl({"kernel.shmmax", "1"}, false));
  CHECK(valid_sysctl({"fs.mqueue.msg_max", "1"}, false));
  CHECK_FALSE(valid_sysctl({"net.ipv4.ip_forward", "1"}, false));
  for (const char* key :
       {"", ".", "kernel.core_pattern", "kernel.shm_other", "kernel.sem.x", "fs.mqueue./x", "net..ipv4",
        "net/ipv4/ip_forward", "net.ipv4.ip_forward\n", "net.ipv4.ip_forward=1", "../net.x", "net.a/../b",
        "net.ipv4.x ", "vm.swappiness", "user.max_user_namespaces", "NET.ipv4.x", "net.", ".net.x"})
    CHECK_FALSE(valid_sysctl({key, "1"}, true));
  for (const char* value : {"", "1\nkernel.core_pattern=x", "\x01", "a\tb", "\xff"})
    CHECK_FALSE(valid_sysctl({"net.ipv4.ip_forward", value}, true));
}
