// Networks and reach in plans: what is made, what changes in place and why, what has to be made anew; and what
// contradicts the machine.
#include "compose/preflight.hpp"
#include "compose/reconcile.hpp"
#include "compose_world.hpp"
#include "support/catch.hpp"

using namespace conductor;
using compose::reconcile_up;

namespace {

const std::string file = "compose.yaml";

compose::Project open_project(const std::string& text) { return test::project(text, {}, file); }

std::string change(const std::string& before, const std::string& after) {
  return to_text(reconcile_up(open_project(after), test::machine(open_project(before)), {}));
}

compose::ObservedProject with_images(const compose::Project& project) {
  compose::ObservedProject observed;
  observed.name = project.name;
  for (const auto& service : project.services) observed.images[service.image] = "id-of-" + service.image;
  return observed;
}

std::string problems(const compose::Project& project, const compose::ObservedProject& observed) {
  std::string text;
  for (const auto& problem : compose::contradictions(project, observed, reconcile_up(project, observed, {})))
    text += std::to_string(problem.position.line) + ": " + problem.message + "\n";
  return text;
}

const std::string two_networks = R"(services:
  web: {image: x, networks: [front, back]}
  db: {image: x, networks: [back]}
networks:
  front: {external: true}
  back:
    internal: true
)";

}  // namespace

TEST_CASE("a network is made once, before whoever is in it") {
  const auto project = open_project(two_networks);
  CHECK(to_text(reconcile_up(project, with_images(project), {})) == R"(  1. create network shop_back
       compose.yaml:6: network back is not there yet
  2. create container shop-web-1 (after 1)
       compose.yaml:2: service web has no container yet
  3. start container shop-web-1 (after 2)
  4. create container shop-db-1 (after 1)
       compose.yaml:3: service db has no container yet
  5. start container shop-db-1 (after 4)
)");
  CHECK(reconcile_up(project, test::machine(project), {}).empty());
}

TEST_CASE("a network that was lost is made again while its members run on") {
  const auto project = open_project("services:\n  a: {image: x}\n");
  auto observed = test::machine(project);
  observed.networks.clear();
  CHECK(to_text(reconcile_up(project, observed, {})) ==
        "  1. create network shop_default\n       network default is not there yet\n");
}

TEST_CASE("down removes the project's networks, after their members") {
  const auto observed = test::machine(open_project(two_networks));
  CHECK_THAT(to_text(compose::reconcile_down(observed, nullptr, {})),
             Contains("  5. remove network shop_back (after 2, 4)\n") && !Contains("front"));
  compose::ObservedProject alone;
  alone.own_networks = {"shop_back"};
  CHECK(to_text(compose::reconcile_down(alone, nullptr, {})) == "  1. remove network shop_back\n");
}

TEST_CASE("aliases, egress and ports of the host change in place, with the line that says so") {
  const std::string before = "services:\n  a:\n    image: x\n    networks: {n: }\nnetworks: {n: }\n";
  const std::string after =
      "services:\n  a:\n    image: x\n    networks: {n: {aliases: [b]}}\n    host: [80]\n    internet: [192.0.2.1]\n"
      "    expose: [9]\n    allow_peers: ['*']\nnetworks: {n: }\n";
  CHECK(change(before, after) == R"(  1. update network of container shop-a-1
       compose.yaml:8: allow_peers: [] -> ["*"]
       compose.yaml:7: expose: [] -> ["9"]
       compose.yaml:4: networks: ["shop_n"] -> ["shop_n as b"]
       compose.yaml:6: internet: true -> ["192.0.2.1"]
       compose.yaml:5: host: [] -> ["80"]
)");
}

TEST_CASE("a network without addresses of its own is joined in place") {
  const std::string before = "services:\n  a: {image: x, networks: [n]}\nnetworks: {n: , m: }\n";
  const std::string after = "services:\n  a: {image: x, networks: [n, m]}\nnetworks: {n: , m: }\n";
  auto observed = test::machine(open_project(before));
  observed.networks.erase("shop_m");
  CHECK(to_text(reconcile_up(open_project(after), observed, {})) == R"(  1. create network shop_m
       compose.yaml:3: network m is not there yet
  2. update network of container shop-a-1 (after 1)
       compose.yaml:2: networks: ["shop_n"] -> ["shop_m","shop_n"]
)");
}

TEST_CASE("a network with a subnet is joined by another container") {
  const std::string networks = "networks: {n: , m: {ipam: {config: [{subnet: 172.28.0.0/16}]}}}\n";
  CHECK(change("services:\n  a: {image: x, networks: [n]}\n" + networks,
               "services:\n  a: {image: x, networks: [n, m]}\n" + networks) == R"(  1. recreate container shop-a-1
       compose.yaml:2: networks: ["shop_n"] -> ["shop_m","shop_n"]
  2. start container shop-a-1 (after 1)
)");
}

TEST_CASE("published ports change in place") {
  CHECK(change("services:\n  a: {image: x, ports: ['80:1']}\n", "services:\n  a: {image: x, ports: ['81:1']}\n") ==
        R"(  1. update network of container shop-a-1
       compose.yaml:2: ports: ["80:1/tcp"] -> ["81:1/tcp"]
)");
}

TEST_CASE("a port that another container of the project takes over is given up first") {
  const std::string plan = change("services:\n  a: {image: x, ports: ['80:1']}\n",
                                  "services:\n  a: {image: x, ports: ['81:1']}\n  b: {image: x, ports: ['80:1']}\n");
  CHECK_THAT(plan, Contains("  2. remove container shop-a-1 (after 1)\n") &&
                       Contains("create container shop-b-1 (after 2)\n") && !Contains("update network"));
}

TEST_CASE("a network that is to be another one is made anew, with all that are in it") {
  const std::string after = R"(services:
  web: {image: x, networks: [front, back]}
  db: {image: x, networks: [back]}
networks:
  front: {external: true}
  back:
    internal: false
)";
  CHECK(change(two_networks, after) == R"(  1. stop container shop-web-1
       compose.yaml:6: networks.back.internal: true -> false
  2. remove container shop-web-1 (after 1)
  3. stop container shop-db-1
       compose.yaml:6: networks.back.internal: true -> false
  4. remove container shop-db-1 (after 3)
  5. remove network shop_back (after 2, 4)
       compose.yaml:6: networks.back.internal: true -> false
  6. create network shop_back (after 5)
  7. create container shop-web-1 (after 2, 6)
       compose.yaml:6: networks.back.internal: true -> false
  8. start container shop-web-1 (after 7)
  9. create container shop-db-1 (after 4, 6)
       compose.yaml:6: networks.back.internal: true -> false
 10. start container shop-db-1 (after 9)
)");
}

TEST_CASE("who shares a network goes with the container that has it") {
  const std::string text = "services:\n  web:\n    image: x\n  log: {image: x, network_mode: 'service:web'}\n";
  const std::string other =
      "services:\n  web:\n    image: x\n    user: u\n  log: {image: x, network_mode: 'service:web'}\n";
  CHECK(change(text, other) == R"(  1. recreate container shop-web-1
       compose.yaml:4: user: unset -> "u"
  2. start container shop-web-1 (after 1)
  3. recreate container shop-log-1 (after 1, 2)
       compose.yaml:5: service web, whose network it shares, is replaced
  4. start container shop-log-1 (after 2, 3)
)");
  auto observed = test::machine(open_project(text));
  test::exited(test::container(observed, "shop-web-1"), 1);
  CHECK(to_text(reconcile_up(open_project(text), observed, {})) == R"(  1. start container shop-web-1
       it has exited with code 1
  2. restart container shop-log-1 (after 1)
       compose.yaml:4: service web, whose network it shares, is started
)");
  CHECK_THAT(to_text(compose::reconcile_down(test::machine(open_project(text)), nullptr, {})),
             Contains("  1. stop container shop-log-1\n"));
  CHECK_THAT(to_text(compose::reconcile_restart(test::machine(open_project(text)), {"web"})),
             Contains("restart container shop-log-1 (after 1)"));
}

TEST_CASE("who shares a network is made after the container that has it") {
  const auto project = open_project("services:\n  log: {image: x, network_mode: 'service:web'}\n  web: {image: x}\n");
  CHECK_THAT(to_text(reconcile_up(project, with_images(project), {})),
             Contains("  2. create container shop-web-1 (after 1)\n") &&
                 Contains("  4. create container shop-log-1 (after 2)\n") &&
                 Contains("  5. start container shop-log-1 (after 3, 4)\n"));
}

TEST_CASE("whether an external network leads outside is seen on the machine") {
  const auto project = open_project("services:\n  a: {image: x, networks: [n]}\nnetworks: {n: {external: true}}\n");
  auto observed = with_images(project);
  observed.networks["n"].name = "n";
  const auto internet = [&] {
    const auto plan = reconcile_up(project, observed, {});
    return std::get<compose::CreateContainer>(plan.steps.at(0).operation).config.endpoint.internet;
  };
  CHECK(internet());
  observed.networks["n"].internal = true;
  CHECK_FALSE(internet());
}

TEST_CASE("contradictions: internet and ports of who is in an external network that is internal") {
  const auto project = open_project(
      "services:\n  a:\n    image: x\n    networks: [n]\n    x-internet: true\n    ports: ['80:80']\n"
      "networks: {n: {external: true}}\n");
  auto observed = with_images(project);
  observed.networks["n"].name = "n";
  CHECK(problems(project, observed).empty());
  observed.networks["n"].internal = true;
  CHECK(problems(project, observed) ==
        "5: service 'a' is in internal networks alone, so it cannot have internet\n"
        "6: service 'a' is in internal networks alone, so its ports cannot be published\n");
}

TEST_CASE("contradictions: networks that are missing, of others, or clash") {
  const auto project = open_project(two_networks);
  auto observed = with_images(project);
  observed.networks["fromt"].name = "fromt";
  CHECK(problems(project, observed) == "5: external network front does not exist; did you mean 'fromt'?\n");
  observed.networks["front"].name = "front";
  CHECK(problems(project, observed).empty());
  observed.networks["shop_back"] = project.find_network("back")->config;
  observed.networks["shop_back"].labels["com.docker.compose.project"] = "other";
  CHECK(problems(project, observed) == "6: network shop_back is of project other\n");
  observed.networks["shop_back"].labels.clear();
  CHECK(problems(project, observed) == "6: network shop_back has not been made by compose\n");

  const auto addressed = open_project(
      "services:\n  a: {image: x, networks: [n, m]}\nnetworks:\n"
      "  n: {ipam: {config: [{subnet: 172.28.0.0/16}, {subnet: 'fd00:1::/64'}]}}\n"
      "  m: {ipam: {config: [{subnet: 172.28.3.0/24}]}}\n");
  auto machine = with_images(addressed);
  CHECK(problems(addressed, machine) ==
        "5: subnet 172.28.3.0/24 of network shop_m overlaps 172.28.0.0/16 of network shop_n\n");
  machine.networks["other"].subnet6 = "fd00::/16";
  CHECK_THAT(problems(addressed, machine), Contains("4: subnet fd00:1::/64 of network shop_n overlaps fd00::/16"));
}

TEST_CASE("contradictions: who stays in a network that is to be made anew") {
  const auto before = open_project(two_networks);
  const auto after = open_project("services:\n  web: {image: x, networks: [back]}\nnetworks: {back: }\n");
  auto observed = test::machine(before);
  CHECK_THAT(problems(after, observed),
             Contains("network shop_back has to be made anew, but container shop-db-1 stays"));
}

TEST_CASE("contradictions: ports of containers that change in place count, too") {
  const auto before = open_project("services:\n  a: {image: x}\n  b: {image: x}\n");
  const auto after =
      open_project("services:\n  a: {image: x, ports: ['80:1']}\n  b:\n    image: x\n    ports: ['127.0.0.1:80:1']\n");
  CHECK(problems(after, test::machine(before)) == "5: containers shop-a-1 and shop-b-1 both publish host port 80\n");
}
