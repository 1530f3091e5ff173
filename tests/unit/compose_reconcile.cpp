// Plans as text: the smallest set of operations, in order, with their causes.
#include "compose/reconcile.hpp"
#include "compose_world.hpp"
#include "support/catch.hpp"

#include <algorithm>

using namespace conductor;
using compose::reconcile_up;

namespace {

const std::string shop = R"(services:
  db:
    image: db
    volumes: ["data:/data"]
    healthcheck: {test: ["CMD", "true"]}
  web:
    build: ./web
    environment: {COLOUR: red}
    depends_on:
      db: {condition: service_healthy}
volumes:
  data:
)";

compose::ObservedProject empty_machine() {
  compose::ObservedProject observed;
  observed.name = "shop";
  observed.images["db:latest"] = "id-of-db:latest";
  return observed;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

// What `up` of `after` does to a machine on which `before` is up.
std::string change(const std::string& before, const std::string& after, const compose::UpOptions& options = {}) {
  return to_text(reconcile_up(test::project(after), test::machine(test::project(before)), options));
}

}  // namespace

TEST_CASE("up on an empty machine: volumes and images first, dependants after the condition holds") {
  CHECK(to_text(reconcile_up(test::project(shop), empty_machine(), {})) ==
        R"(  1. create volume shop_data
       conductor.yaml:12: volume data is not there yet
  2. create container shop-db-1 (after 1)
       conductor.yaml:2: service db has no container yet
  3. start container shop-db-1 (after 2)
  4. wait until db is healthy (after 3)
       conductor.yaml:10: depends_on asks for it
  5. build image shop-web:latest
       conductor.yaml:7: there is no such image yet
  6. create container shop-web-1 (after 5)
       conductor.yaml:6: service web has no container yet
  7. start container shop-web-1 (after 4, 6)
)");
}

TEST_CASE("an unchanged project has an empty plan") { CHECK(change(shop, shop).empty()); }

TEST_CASE("a changed variable recreates exactly that container and names the line") {
  CHECK(change(shop, replaced(shop, "red", "blue")) ==
        R"(  1. recreate container shop-web-1
       conductor.yaml:8: environment.COLOUR: "red" -> "blue"
  2. start container shop-web-1 (after 1)
)");
}

TEST_CASE("a dependant is left alone when its dependency is recreated") {
  const std::string plan = change(shop, replaced(shop, "image: db", "image: db\n    user: app"));
  CHECK_THAT(plan, Contains("recreate container shop-db-1"));
  CHECK_THAT(plan, Contains("user: unset -> \"app\""));
  CHECK_THAT(plan, !Contains("web"));
}

TEST_CASE("a dependant that asks for it is restarted") {
  const std::string text =
      "services:\n  db: {image: db}\n  web: {image: web, depends_on: {db: {restart: true, condition: "
      "service_started}}}\n";
  CHECK(change(text, replaced(text, "db: {image: db}", "db: {image: db, user: app}")) ==
        R"(  1. recreate container shop-db-1
       conductor.yaml:2: user: unset -> "app"
  2. start container shop-db-1 (after 1)
  3. restart container shop-web-1 (after 2)
       conductor.yaml:3: db is replaced or restarted
)");
}

TEST_CASE("reach changes in place") {
  const std::string text = "services:\n  db: {image: db}\n  web: {image: web}\n";
  CHECK(change(text, replaced(text, "image: web", "image: web, peers: ['db:5432'], internet: true")) ==
        R"(  1. update network of container shop-web-1
       conductor.yaml:3: peers: [] -> ["db:5432/tcp"]
       conductor.yaml:3: internet: false -> true
)");
}

TEST_CASE("a stopped container is started, with the reason") {
  const auto project = test::project(shop);
  auto observed = test::machine(project);
  test::exited(test::container(observed, "shop-web-1"), 3);
  CHECK(to_text(reconcile_up(project, observed, {})) ==
        "  1. start container shop-web-1\n       it has exited with code 3\n");
  test::container(observed, "shop-web-1").status.stopped_by_user = true;
  CHECK_THAT(to_text(reconcile_up(project, observed, {})), Contains("it was stopped"));
  test::container(observed, "shop-web-1").status = {};
  CHECK_THAT(to_text(reconcile_up(project, observed, {})), Contains("it was created and not started"));
}

TEST_CASE("a condition that does not hold yet is waited for, one that holds is not") {
  const auto project = test::project(shop);
  auto observed = test::machine(project);
  test::exited(test::container(observed, "shop-web-1"), 0);
  CHECK_THAT(to_text(reconcile_up(project, observed, {})), !Contains("wait until"));
  test::container(observed, "shop-db-1").status.health = monitor::Health::starting;
  CHECK_THAT(to_text(reconcile_up(project, observed, {})),
             Contains("  1. wait until db is healthy\n") && Contains("  2. start container shop-web-1 (after 1)\n"));
}

TEST_CASE("a job that is waited for does its work once") {
  const std::string text =
      "services:\n  job: {image: job}\n  web: {image: web, depends_on: {job: {condition: "
      "service_completed_successfully}}}\n";
  const auto project = test::project(text);
  auto observed = test::machine(project);
  test::exited(test::container(observed, "shop-job-1"), 0);
  CHECK(reconcile_up(project, observed, {}).empty());
  test::exited(test::container(observed, "shop-web-1"), 1);
  CHECK(to_text(reconcile_up(project, observed, {})) ==
        "  1. start container shop-web-1\n       it has exited with code 1\n");
  test::exited(test::container(observed, "shop-job-1"), 1);
  CHECK(to_text(reconcile_up(project, observed, {})) ==
        R"(  1. start container shop-job-1
       it has exited with code 1
  2. wait until job has completed (after 1)
       conductor.yaml:3: depends_on asks for it
  3. start container shop-web-1 (after 2)
       it has exited with code 1
)");
}

TEST_CASE("scaling up creates, scaling down removes, the others stay") {
  const std::string one = "services:\n  web:\n    image: web\n    scale: 1\n";
  const std::string three = replaced(one, "scale: 1", "scale: 3");
  CHECK(change(one, three) == R"(  1. create container shop-web-2
       conductor.yaml:2: service web has no container 2
  2. start container shop-web-2 (after 1)
  3. create container shop-web-3
       conductor.yaml:2: service web has no container 3
  4. start container shop-web-3 (after 3)
)");
  CHECK(change(three, one) == R"(  1. stop container shop-web-2
       conductor.yaml:4: service web has 1 container
  2. remove container shop-web-2 (after 1)
  3. stop container shop-web-3
       conductor.yaml:4: service web has 1 container
  4. remove container shop-web-3 (after 3)
)");
}

TEST_CASE("a moved image recreates, and says from what to what") {
  const auto project = test::project("services:\n  web: {build: .}\n");
  auto observed = test::machine(project);
  observed.images["shop-web:latest"] = "0123456789abcdef";
  CHECK(to_text(reconcile_up(project, observed, {})) ==
        R"(  1. recreate container shop-web-1
       conductor.yaml:2: shop-web:latest is now 0123456789ab, the container has id-of-shop-w
  2. start container shop-web-1 (after 1)
)");
}

TEST_CASE("an image that is gone does not disturb a container that runs") {
  const auto project = test::project("services:\n  web: {build: .}\n");
  auto observed = test::machine(project);
  observed.images.clear();
  CHECK(reconcile_up(project, observed, {}).empty());
}

TEST_CASE("one build and one fetch for an image that several services use") {
  const auto project = test::project(
      "services:\n  a: {image: 'debian:bookworm', command: [a]}\n  b: {image: 'debian:bookworm', command: [b]}\n");
  const std::string plan = to_text(reconcile_up(project, {}, {}));
  CHECK_THAT(plan, Contains("  1. fetch image debian:bookworm\n"));
  CHECK_THAT(plan, Contains("create container shop-b-1 (after 1)"));
  CHECK(plan.find("fetch") == plan.rfind("fetch"));
}

TEST_CASE("orphans are shown and stay, or go when asked") {
  const std::string two = "services:\n  a: {image: x}\n  b: {image: x}\n";
  const std::string one = "services:\n  a: {image: x}\n";
  CHECK(change(two, one) ==
        "note: containers of services that are not in the file stay: shop-b-1 (--remove-orphans removes them)\n");
  compose::UpOptions options;
  options.remove_orphans = true;
  CHECK(change(two, one, options) == R"(  1. stop container shop-b-1
       service b is not in the file
  2. remove container shop-b-1 (after 1)
)");
}

TEST_CASE("a host port that moves between services is free before it is taken") {
  const std::string before = "services:\n  a: {image: x, ports: ['80:1']}\n  b: {image: x, ports: ['81:1']}\n";
  const std::string after = "services:\n  a: {image: x, ports: ['81:1']}\n  b: {image: x, ports: ['80:1']}\n";
  const std::string plan = change(before, after);
  CHECK_THAT(plan, Contains("  2. remove container shop-a-1 (after 1)\n") &&
                       Contains("  4. remove container shop-b-1 (after 3)\n") &&
                       Contains("create container shop-a-1 (after 2, 4)\n") &&
                       Contains("create container shop-b-1 (after 2, 4)\n"));
}

TEST_CASE("--force-recreate, --no-deps and a start that is not wanted") {
  compose::UpOptions force;
  force.force_recreate = true;
  force.services = {"web"};
  force.dependencies = false;
  CHECK(change(shop, shop, force) == R"(  1. recreate container shop-web-1
       asked for by --force-recreate
  2. start container shop-web-1 (after 1)
)");
  compose::UpOptions create_only;
  create_only.start = false;
  CHECK_THAT(to_text(reconcile_up(test::project(shop), empty_machine(), create_only)),
             Contains("create container shop-web-1") && !Contains("start container") && !Contains("wait until"));
}

TEST_CASE("a new service leaves the others of a shared network as they are") {
  const std::string one = "services:\n  a: {image: x}\n";
  const std::string two = "services:\n  a: {image: x}\n  b: {image: x}\n";
  const auto plan =
      reconcile_up(test::project(two, {}, "compose.yaml"), test::machine(test::project(one, {}, "compose.yaml")), {});
  CHECK(to_text(plan) == R"(  1. create container shop-b-1
       compose.yaml:3: service b has no container yet
  2. start container shop-b-1 (after 1)
)");
}

TEST_CASE("a volume without a name goes on in the successor") {
  const std::string before = "services:\n  a: {image: x, volumes: ['/in']}\n";
  const std::string after = "services:\n  a: {image: x, user: u, volumes: ['/in']}\n";
  auto observed = test::machine(test::project(before));
  observed.containers[0].container.config.mounts[0].source = "abc";
  const auto plan = reconcile_up(test::project(after), observed, {});
  REQUIRE(plan.steps.size() == 2);
  const auto* made = std::get_if<compose::RecreateContainer>(&plan.steps[0].operation);
  REQUIRE(made != nullptr);
  CHECK(made->config.mounts[0].source == "abc");
}

TEST_CASE("a changed container name replaces the container") {
  CHECK(change("services:\n  a: {image: x}\n", "services:\n  a: {image: x, container_name: own}\n") ==
        R"(  1. recreate container own
       conductor.yaml:2: container_name: shop-a-1 -> own
  2. start container own (after 1)
)");
}

TEST_CASE("down: dependants first, volumes and images only when asked") {
  const auto project = test::project(shop);
  const auto observed = test::machine(project);
  CHECK(to_text(compose::reconcile_down(observed, nullptr, {})) == R"(  1. stop container shop-web-1
  2. remove container shop-web-1 (after 1)
  3. stop container shop-db-1 (after 1)
  4. remove container shop-db-1 (after 3)
)");
  compose::DownOptions all;
  all.volumes = true;
  all.images = compose::RemoveImages::local;
  CHECK_THAT(to_text(compose::reconcile_down(observed, nullptr, all)),
             Contains("  5. remove volume shop_data (after 2, 4)\n") &&
                 Contains("  6. remove image shop-web:latest (after 2, 4)\n") && !Contains("db:latest"));
  all.images = compose::RemoveImages::all;
  CHECK_THAT(to_text(compose::reconcile_down(observed, nullptr, all)), Contains("remove image db:latest"));
}

TEST_CASE("down of what is stopped, half there or not there") {
  auto observed = test::machine(test::project(shop));
  test::exited(test::container(observed, "shop-db-1"), 0);
  CHECK(to_text(compose::reconcile_down(observed, nullptr, {})) == R"(  1. stop container shop-web-1
  2. remove container shop-web-1 (after 1)
  3. remove container shop-db-1
)");
  std::erase_if(observed.containers, [](const auto& container) { return container.service == "db"; });
  CHECK(compose::reconcile_down(observed, nullptr, {}).steps.size() == 2);
  CHECK(compose::reconcile_down({}, nullptr, {}).empty());
}

TEST_CASE("down goes through a service that is stopped to what it depends on") {
  auto observed = test::machine(test::project(
      "services:\n  a: {image: x}\n  b: {image: x, depends_on: [a]}\n  c: {image: x, depends_on: [b]}\n"));
  test::exited(test::container(observed, "shop-b-1"), 0);
  CHECK_THAT(to_text(compose::reconcile_down(observed, nullptr, {})), Contains("stop container shop-a-1 (after 1)"));
}

TEST_CASE("down survives labels that form a circle") {
  auto observed = test::machine(test::project("services:\n  a: {image: x}\n  b: {image: x, depends_on: [a]}\n"));
  test::container(observed, "shop-a-1").container.config.labels["com.docker.compose.depends_on"] =
      "b:service_started:false";
  CHECK(compose::reconcile_down(observed, nullptr, {}).steps.size() == 4);
}

TEST_CASE("stop, start and restart of services") {
  auto observed = test::machine(test::project(shop));
  CHECK(to_text(compose::reconcile_stop(observed, {})) ==
        "  1. stop container shop-web-1\n  2. stop container shop-db-1 (after 1)\n");
  CHECK(to_text(compose::reconcile_stop(observed, {"db"})) == "  1. stop container shop-db-1\n");
  CHECK(compose::reconcile_start(observed, {}).empty());
  test::exited(test::container(observed, "shop-web-1"), 0);
  test::exited(test::container(observed, "shop-db-1"), 0);
  CHECK(
      to_text(compose::reconcile_start(observed, {})) ==
      "  1. start container shop-db-1\n  2. wait until db is healthy (after 1)\n  3. start container shop-web-1 (after "
      "2)\n");
  CHECK_THAT(to_text(compose::reconcile_restart(observed, {"web"})), Contains("  1. restart container shop-web-1\n"));
  CHECK_THROWS_WITH(compose::reconcile_stop(observed, {"wbe"}), Contains("'wbe'") && Contains("'web'"));
}

TEST_CASE("build: each image once, and a word about services without one") {
  const auto project = test::project("services:\n  a: {build: ./a}\n  b: {build: ./b, image: own}\n  c: {image: x}\n");
  CHECK(to_text(compose::reconcile_build(project, {})) == R"(  1. build image shop-a:latest
       conductor.yaml:2: asked for
  2. build image own:latest
       conductor.yaml:3: asked for
)");
  CHECK(to_text(compose::reconcile_build(project, {"c"})) == "note: service c has no build section\n");
}

TEST_CASE("the JSON form holds operations, causes and order") {
  const auto project = test::project(replaced(shop, "red", "blue"));
  const auto json = to_json(reconcile_up(project, test::machine(test::project(shop)), {}));
  const auto& operations = *json.find("operations")->array_items();
  REQUIRE(operations.size() == 2);
  CHECK(*operations[0].find("type")->string() == "recreate_container");
  CHECK(*operations[0].find("name")->string() == "shop-web-1");
  CHECK(operations[0].find("config")->find("environment")->dump() == R"(["COLOUR=blue"])");
  CHECK(operations[0].find("causes")->dump().find(R"("key":"environment.COLOUR","old":"\"red\"","new":"\"blue\"")") !=
        std::string::npos);
  CHECK(operations[1].find("after")->dump() == "[1]");
}

TEST_CASE("steps come after what they depend on, for every order of writing") {
  const auto project = test::project(R"(services:
  e: {image: x, depends_on: [c, d]}
  c: {image: x, depends_on: [a]}
  d: {image: x, depends_on: [b, a]}
  b: {image: x, depends_on: [a]}
  a: {image: x}
)");
  const auto plan = reconcile_up(project, {}, {});
  for (std::size_t i = 0; i < plan.steps.size(); ++i)
    for (const auto before : plan.steps[i].after) CHECK(before < i);
}

TEST_CASE("--wait ends when services with a health check are healthy, and asks for nothing that holds") {
  const std::string alone = "services:\n  db:\n    image: db\n    healthcheck: {test: [CMD, \"true\"]}\n";
  compose::UpOptions options;
  options.wait = true;
  const auto project = test::project(alone);
  CHECK_THAT(to_text(reconcile_up(project, empty_machine(), options)),
             Contains("wait until db is healthy (after 2)\n       --wait asks for it"));
  CHECK_THAT(to_text(reconcile_up(project, empty_machine(), {})), !Contains("wait until"));
  CHECK(reconcile_up(project, test::machine(project), options).empty());
}
