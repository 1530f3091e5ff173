// Projects on the real machine: up, again, changed, down, killed in the middle.
#include "base/units.hpp"
#include "compose/journal.hpp"
#include "compose_rig.hpp"
#include "support/catch.hpp"

#include <unistd.h>

#include <csignal>

using namespace conductor;
using Titles = std::vector<std::string>;

#define NEED_IMAGE(rig) \
  if (!(rig).add_image()) SKIP_TEST("there is no static busybox at /bin/busybox")

namespace {

const std::string two = R"(services:
  db:
    image: app
    stop_grace_period: 0s
    volumes: ["data:/data"]
  web:
    image: app
    stop_grace_period: 0s
    environment: {COLOUR: "${COLOUR:-red}"}
    depends_on: [db]
    peers: ["db:80"]
volumes:
  data:
)";

}  // namespace

TEST_CASE("up, up again, one key changed, down: exactly what is needed, and nothing is left") {
  ComposeRig rig;
  NEED_IMAGE(rig);
  const auto before = rig.census();
  rig.write("conductor.yaml", two);
  CHECK(rig.up() == Titles{"create volume shop_data", "create container shop-db-1", "start container shop-db-1",
                           "create container shop-web-1", "start container shop-web-1"});
  CHECK(rig.state("shop-web-1") == "running");
  const auto db = rig.id("shop-db-1"), web = rig.id("shop-web-1");

  CHECK(rig.up().empty());
  CHECK(rig.id("shop-web-1") == web);

  rig.variables["COLOUR"] = "blue";
  CHECK(rig.up() == Titles{"recreate container shop-web-1", "start container shop-web-1"});
  CHECK(rig.id("shop-db-1") == db);
  CHECK(rig.id("shop-web-1") != web);
  CHECK(rig.engine().find("shop-web-1").config.environment == Titles{"COLOUR=blue"});

  CHECK(rig.down().size() == 4);
  CHECK(rig.engine().volumes().find("shop_data"));
  auto all = ComposeRig::quick();
  all.volumes = true;
  CHECK(rig.down(all) == Titles{"remove volume shop_data"});
  CHECK(rig.down().empty());
  CHECK(rig.settled_census(before) == before);
}

TEST_CASE("links change while the container runs") {
  ComposeRig rig;
  NEED_IMAGE(rig);
  rig.write("conductor.yaml", two);
  rig.up();
  const auto web = rig.id("shop-web-1");
  auto changed = two;
  changed.replace(changed.find("db:80"), 5, "db:81");
  rig.write("conductor.yaml", changed);
  CHECK(rig.up() == Titles{"update network of container shop-web-1"});
  CHECK(rig.up().empty());
  CHECK(rig.id("shop-web-1") == web);
  CHECK(rig.state("shop-web-1") == "running");
  rig.down();
}

TEST_CASE("scale up and down") {
  ComposeRig rig;
  NEED_IMAGE(rig);
  const std::string text = "services:\n  web: {image: app, stop_grace_period: 0s, scale: ";
  rig.write("conductor.yaml", text + "3}\n");
  CHECK(rig.up().size() == 6);
  CHECK(rig.state("shop-web-3") == "running");
  rig.write("conductor.yaml", text + "1}\n");
  CHECK(rig.up().size() == 4);
  CHECK(rig.state("shop-web-1") == "running");
  CHECK(rig.state("shop-web-2") == "absent");
  CHECK(rig.up().empty());
  rig.down();
}

TEST_CASE("a service starts when its dependency is healthy") {
  ComposeRig rig;
  NEED_IMAGE(rig);
  rig.write("conductor.yaml", R"(services:
  db:
    image: app
    stop_grace_period: 0s
    command: ["sh", "-c", "echo x > /ready; exec sleep 1000"]
    healthcheck: {test: ["CMD", "test", "-e", "/ready"], interval: 1s, start_interval: 50ms, start_period: 10s}
  web:
    image: app
    stop_grace_period: 0s
    depends_on: {db: {condition: service_healthy}}
)");
  CHECK(rig.up().size() == 5);
  CHECK(rig.state("shop-db-1") == "running (healthy)");
  CHECK(rig.state("shop-web-1") == "running");
  CHECK(rig.up().empty());
  rig.down();
}

TEST_CASE("a dependency that fails is named, with its last words, and what stands is said") {
  ComposeRig rig;
  NEED_IMAGE(rig);
  rig.write("conductor.yaml", R"(services:
  db:
    image: app
    stop_grace_period: 0s
    healthcheck: {test: ["CMD", "false"], interval: 50ms, retries: 2}
  web:
    image: app
    depends_on: {db: {condition: service_healthy}}
)");
  CHECK_THAT(rig.failure(), Contains("dependency db (container shop-db-1) is unhealthy") && Contains("done:") &&
                                Contains("start container shop-db-1") &&
                                Contains("not begun: start container shop-web-1"));
  CHECK(rig.state("shop-web-1") == "created");
  rig.down();
}

TEST_CASE("a job completes once, and one that fails stops its dependants") {
  ComposeRig rig;
  NEED_IMAGE(rig);
  const auto text = [](const std::string& command) {
    return "services:\n  job: {image: app, command: ['" + command +
           "']}\n  web: {image: app, stop_grace_period: 0s, depends_on: {job: {condition: "
           "service_completed_successfully}}}\n";
  };
  rig.write("conductor.yaml", text("true"));
  rig.up();
  CHECK(rig.state("shop-job-1") == "exited (0)");
  CHECK(rig.state("shop-web-1") == "running");
  CHECK(rig.up().empty());
  rig.down();
  rig.write("conductor.yaml", text("false"));
  CHECK_THAT(rig.failure(), Contains("dependency job (container shop-job-1) has exited with code 1"));
  rig.down();
}

TEST_CASE("what can be known to fail is known before anything is done") {
  ComposeRig rig;
  NEED_IMAGE(rig);
  const auto before = rig.census();
  rig.write("conductor.yaml", R"(services:
  a: {image: app, volumes: ["data:/data"]}
  b: {image: no-such-image}
  c: {build: ./nowhere}
  d: {image: app, ports: ["3000:1"]}
  e: {image: app, ports: ["3000:1"]}
  f: {image: app, volumes: ["outside:/x"]}
volumes:
  data:
  outside: {external: true}
)");
  CHECK_THAT(rig.failure(), Contains("conductor.yaml:3:") && Contains("no such image: no-such-image") &&
                                Contains("conductor.yaml:4:") && Contains("nowhere is no directory") &&
                                Contains("conductor.yaml:6:") && Contains("both publish host port 3000") &&
                                Contains("external volume outside does not exist"));
  CHECK(rig.settled_census(before) == before);
}

TEST_CASE("host ports that change places") {
  ComposeRig rig;
  NEED_IMAGE(rig);
  const auto text = [](const std::string& a, const std::string& b) {
    return "services:\n  a: {image: app, stop_grace_period: 0s, ports: ['" + a +
           ":1']}\n  b: {image: app, stop_grace_period: 0s, ports: ['" + b + ":1']}\n";
  };
  rig.write("conductor.yaml", text("3000", "3001"));
  rig.up();
  rig.write("conductor.yaml", text("3001", "3000"));
  CHECK(rig.up().size() == 8);
  CHECK(rig.state("shop-a-1") == "running");
  CHECK(rig.state("shop-b-1") == "running");
  CHECK(rig.up().empty());
  rig.down();
}

TEST_CASE("down when parts are gone already, and when the file is") {
  ComposeRig rig;
  NEED_IMAGE(rig);
  const auto before = rig.census();
  rig.write("conductor.yaml",
            "services:\n  a: {image: app, stop_grace_period: 0s}\n  b: {image: app, depends_on: [a]}\n");
  rig.up();
  rig.engine().remove(rig.id("shop-a-1"), true);
  store::remove_file(rig.directory() + "/conductor.yaml");
  CHECK(rig.down() == Titles{"stop container shop-b-1", "remove container shop-b-1"});
  CHECK(rig.settled_census(before) == before);
}

TEST_CASE("killed at any time in up: down leaves nothing, or up comes to its end") {
  ComposeRig rig;
  NEED_IMAGE(rig);
  const auto before = rig.census();
  rig.write("conductor.yaml",
            "services:\n  a: {image: app, stop_grace_period: 0s}\n  b: {image: app, stop_grace_period: 0s, depends_on: "
            "[a]}\n  c: {image: app, stop_grace_period: 0s, ports: ['3000:1']}\n");
  // Each kill comes when the program has told of that many steps: a place, not a time.
  for (int lines = 1; lines <= 5; ++lines) {
    CAPTURE(lines);
    auto pipe = linux::make_pipe();
    const auto child = rig.begin({"up", "-d"}, pipe.write.get());
    pipe.write.reset();
    char byte = 0;
    for (int seen = 0; seen < lines && read(pipe.read.get(), &byte, 1) == 1;) seen += byte == '\n';
    linux::send_signal(child.pidfd, SIGKILL);
    linux::wait_for(child.pidfd);
    if (lines % 2 == 0) {
      rig.up();
      for (const char* name : {"shop-a-1", "shop-b-1", "shop-c-1"}) CHECK(rig.state(name) == "running");
      CHECK(rig.up().empty());
    }
    CHECK(rig.run({"down", "-t", "0"}) == 0);
    CHECK(rig.settled_census(before) == before);
  }
  CHECK_FALSE(compose::Journal::left_behind(rig.engine().locations(), "shop"));
}

TEST_CASE("the words: exit codes of plan, up and down") {
  ComposeRig rig;
  NEED_IMAGE(rig);
  rig.write("conductor.yaml", "services:\n  a: {image: app, stop_grace_period: 0s}\n");
  CHECK(rig.run({"plan"}) == 2);
  CHECK(rig.run({"up", "-d"}) == 0);
  CHECK(rig.run({"plan"}) == 0);
  CHECK(rig.run({"exec", "-T", "a", "sh", "-c", "exit 7"}) == 7);
  CHECK(rig.run({"ps"}) == 0);
  CHECK(rig.run({"up", "--no-such-flag"}) == 125);
  CHECK(rig.run({"down", "-t", "0"}) == 0);
  rig.write("conductor.yaml", "services:\n  a: {imagee: app}\n");
  CHECK(rig.run({"plan"}) == 1);
  CHECK(rig.run({"up", "-d"}) == 125);
}

TEST_CASE("up in the foreground ends with its services, and stops them on a signal") {
  ComposeRig rig;
  NEED_IMAGE(rig);
  rig.write("conductor.yaml", "services:\n  a: {image: app, command: [echo, said]}\n");
  auto pipe = linux::make_pipe();
  const auto echo = rig.begin({"up"}, pipe.write.get());
  pipe.write.reset();
  CHECK_THAT(linux::read_all(pipe.read.get()), Contains("shop-a-1  | said\n"));
  CHECK(linux::wait_for(echo.pidfd).shell_code() == 0);
  rig.down();

  rig.write("conductor.yaml",
            "services:\n  a: {image: app, stop_grace_period: 0s, command: [sh, -c, 'echo up; exec sleep "
            "1000']}\n");
  pipe = linux::make_pipe();
  const auto sleeping = rig.begin({"up"}, pipe.write.get());
  pipe.write.reset();
  std::string said;
  for (char byte = 0; said.find("| up\n") == std::string::npos && read(pipe.read.get(), &byte, 1) == 1;) said += byte;
  linux::send_signal(sleeping.pidfd, SIGINT);
  CHECK(linux::wait_for(sleeping.pidfd).shell_code() == 130);
  CHECK_THAT(rig.state("shop-a-1"), Contains("exited"));
  rig.down();
}
