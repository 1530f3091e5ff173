// A compose file as containers: names, links, paths, environment, and mistakes with their place.
#include "compose/project.hpp"
#include "compose_world.hpp"
#include "support/catch.hpp"

#include <algorithm>

using namespace conductor;

namespace {

const engine::ContainerConfig& only(const compose::Project& project, const std::string& service) {
  const auto& containers = project.require(service).containers;
  REQUIRE(containers.size() == 1);
  return containers.front();
}

std::string mistake(const std::string& text, const test::Outside& outside = {}) {
  try {
    test::project(text, outside);
  } catch (const base::Error& e) {
    return e.what();
  }
  return "no mistake";
}

}  // namespace

TEST_CASE("a container carries the names and labels of its project") {
  const auto project = test::project("services:\n  web: {image: nginx}\n");
  const auto& web = only(project, "web");
  CHECK(web.name == "shop-web-1");
  CHECK(web.image == "nginx:latest");
  CHECK(web.endpoint.groups == std::vector<std::string>{"shop/web"});
  CHECK(web.labels.at("com.docker.compose.project") == "shop");
  CHECK(web.labels.at("com.docker.compose.service") == "web");
  CHECK(web.labels.at("com.docker.compose.container-number") == "1");
  CHECK(web.labels.at("com.docker.compose.project.config_files") == "/srv/shop/conductor.yaml");
  CHECK(web.labels.at("com.docker.compose.project.working_dir") == "/srv/shop");
  CHECK(web.labels.at("com.docker.compose.config-hash").size() == 64);
}

TEST_CASE("an image without a name is named after project and service") {
  const auto project = test::project("services:\n  web: {build: ./web}\n");
  const auto& service = project.require("web");
  CHECK(service.image == "shop-web:latest");
  CHECK(service.own_image);
  REQUIRE(service.build);
  CHECK(service.build->context == "/srv/shop/web");
}

TEST_CASE("keys of build: paths are absolute, URLs stay") {
  const auto project = test::project(R"(
services:
  web:
    build:
      context: https://example.test/repo.git
      dockerfile: sub/Dockerfile
      additional_contexts: [base=docker-image://debian, data=./data]
      tags: [shop/web:1]
      network: none
      extra_hosts: [db=192.0.2.1]
      shm_size: 1m
      no_cache_filter: slow
      pull: true
)");
  const auto& build = *project.require("web").build;
  CHECK(build.context == "https://example.test/repo.git");
  CHECK(build.file == "sub/Dockerfile");
  CHECK(build.contexts.at("base") == "docker-image://debian");
  CHECK(build.contexts.at("data") == "/srv/shop/data");
  CHECK(build.tags == std::vector<std::string>{"shop/web:1"});
  CHECK(build.network == "none");
  CHECK(build.extra_hosts == std::vector<std::string>{"db:192.0.2.1"});
  CHECK(build.shm_size == 1 << 20);
  CHECK(build.no_cache_filter == std::vector<std::string>{"slow"});
  CHECK(build.pull);
  CHECK(mistake("services:\n  web:\n    build: {context: ., network: bridge}\n").find("default, none or host") !=
        std::string::npos);
}

TEST_CASE("in a conductor.yaml only declared peers are linked") {
  const auto project = test::project(R"(
services:
  counter: {image: counter}
  other: {image: other}
  external:
    image: external
    internet: true
    peers: ["counter:8080"]
    ports: ["3000:8080"]
)");
  CHECK(only(project, "counter").endpoint.links.empty());
  CHECK_FALSE(only(project, "counter").endpoint.internet);
  const auto& external = only(project, "external").endpoint;
  CHECK(external.internet);
  REQUIRE(external.links.size() == 1);
  CHECK(external.links[0] == network::Link{"shop/counter", network::Protocol::tcp, 8080, 8080, "counter"});
  REQUIRE(external.publish.size() == 1);
  CHECK(external.publish[0] == network::Publish{"", 3000, 8080, 1, network::Protocol::tcp});
}

TEST_CASE("services come after what they depend on") {
  const auto project = test::project(R"(
services:
  web: {image: x, depends_on: [api]}
  api: {image: x, depends_on: [db, cache]}
  cache: {image: x}
  db: {image: x}
)");
  std::vector<std::string> names;
  for (const auto& service : project.services) names.push_back(service.name);
  CHECK(names == std::vector<std::string>{"db", "cache", "api", "web"});
}

TEST_CASE("environment: files in order, then the file's own, then variables without value") {
  test::Outside outside;
  outside.files["/srv/shop/a.env"] = "ONE=a\nTWO=a\n";
  outside.files["/srv/shop/b.env"] = "TWO=b\nTHREE=b\n";
  outside.variables["FROM_SHELL"] = "shell";
  const auto project = test::project(R"(
services:
  web:
    image: x
    env_file: [a.env, ./b.env, {path: absent.env, required: false}]
    environment:
      THREE: own
      FROM_SHELL:
      UNSET_ANYWHERE:
)",
                                     outside);
  CHECK(only(project, "web").environment ==
        std::vector<std::string>{"FROM_SHELL=shell", "ONE=a", "THREE=own", "TWO=b"});
}

TEST_CASE("paths are made absolute, volumes get the project's name") {
  const auto project = test::project(R"(
services:
  web:
    image: x
    volumes: ["./site:/site:ro", "~/keys:/keys", "data:/data", "/in"]
volumes:
  data:
)");
  const auto& mounts = only(project, "web").mounts;
  REQUIRE(mounts.size() == 4);
  CHECK(mounts[0].source == "/srv/shop/site");
  CHECK(mounts[0].read_only);
  CHECK(mounts[1].source == "/home/ann/keys");
  CHECK(mounts[2].kind == engine::MountKind::named);
  CHECK(mounts[2].source == "shop_data");
  CHECK(mounts[3].kind == engine::MountKind::named);
  CHECK(mounts[3].source.empty());
  CHECK(project.volumes.at(0).labels.at("com.docker.compose.project") == "shop");
}

TEST_CASE("replicas differ in name and number only") {
  const auto project = test::project("services:\n  web: {image: x, scale: 3}\n");
  const auto& service = project.require("web");
  REQUIRE(service.containers.size() == 3);
  CHECK(service.containers[2].name == "shop-web-3");
  CHECK(service.containers[2].labels.at("com.docker.compose.container-number") == "3");
  CHECK(service.containers[0].labels.at("com.docker.compose.config-hash") ==
        service.containers[2].labels.at("com.docker.compose.config-hash"));
}

TEST_CASE("limits, health, restart and stop reach the container") {
  const auto project = test::project(R"(
services:
  web:
    image: x
    mem_limit: 64m
    cpus: 0.5
    cpuset: 0-1
    cpu_shares: 512
    mem_swappiness: 10
    oom_kill_disable: true
    oom_score_adj: -500
    pids_limit: 20
    restart: on-failure:3
    stop_grace_period: 2s
    stop_signal: SIGINT
    healthcheck: {test: ["CMD", "true"], interval: 2s, retries: 7}
)");
  const auto& web = only(project, "web");
  CHECK(web.limits.memory == 64 << 20);
  CHECK(web.limits.cpus == 0.5);
  CHECK(web.limits.cpuset == "0-1");
  CHECK(web.limits.cpu_shares == 512);
  CHECK(web.limits.swappiness == 10);
  CHECK(web.limits.oom_kill_disable);
  CHECK(web.oom_score_adjust == -500);
  CHECK(web.limits.pids == 20);
  CHECK(web.restart == monitor::Restart{monitor::RestartPolicy::on_failure, 3});
  CHECK(web.stop_grace == std::chrono::seconds(2));
  CHECK(web.stop_signal == "SIGINT");
  CHECK(web.healthcheck.test == std::vector<std::string>{"true"});
  CHECK(web.healthcheck.interval == std::chrono::seconds(2));
  CHECK(web.healthcheck.retries == 7);
}

TEST_CASE("a disabled health check is none") {
  const auto project = test::project("services:\n  web: {image: x, healthcheck: {disable: true}}\n");
  CHECK(only(project, "web").healthcheck.test == std::vector<std::string>{"NONE"});
}

TEST_CASE("profiles: only services that are asked for are active, named ones always") {
  const std::string text = "services:\n  web: {image: x}\n  debug: {image: x, profiles: [dev]}\n";
  const auto plain = test::project(text);
  CHECK(compose::select(plain, {}, true).size() == 1);
  CHECK(compose::select(plain, {"debug"}, true).size() == 1);
  CHECK(compose::select(test::project(text, {{}, {}, {"dev"}}), {}, true).size() == 2);
}

TEST_CASE("selecting a service selects what it depends on, unless told otherwise") {
  const auto project = test::project("services:\n  a: {image: x}\n  b: {image: x, depends_on: [a]}\n  c: {image: x}\n");
  CHECK(compose::select(project, {"b"}, true).size() == 2);
  CHECK(compose::select(project, {"b"}, false).size() == 1);
  CHECK_THROWS_WITH(compose::select(project, {"bb"}, true), Contains("no such service: bb"));
}

TEST_CASE("project names") {
  CHECK(compose::normalised_project_name("My Shop.2") == "myshop2");
  CHECK(compose::normalised_project_name("_-x") == "x");
  CHECK(compose::normalised_project_name("...").empty());
  test::Outside bad;
  bad.name = "My Shop";
  CHECK_THAT(mistake("services:\n  web: {image: x}\n", bad), Contains("project name 'My Shop' is not allowed"));
  test::Outside none;
  none.name = "";
  CHECK(test::project("services:\n  web: {image: x}\n", none).name == "shop");
  CHECK(test::project("name: other\nservices:\n  web: {image: x}\n", none).name == "other");
}

TEST_CASE("mistakes name their place") {
  CHECK_THAT(mistake("services:\n  web:\n    image: x\n    volumes: [\"dta:/d\"]\nvolumes:\n  data:\n"),
             Contains("conductor.yaml:4:") && Contains("volume 'dta'") && Contains("'data'"));
  CHECK_THAT(mistake("services:\n  web:\n    image: x\n    env_file: missing.env\n"),
             Contains("conductor.yaml:4:") && Contains("/srv/shop/missing.env"));
  CHECK_THAT(mistake("services:\n  db: {image: x, healthcheck: {disable: true}}\n  web:\n    image: x\n"
                     "    depends_on:\n      db: {condition: service_healthy}\n"),
             Contains("conductor.yaml:6:") && Contains("'db' is disabled"));
  CHECK_THAT(mistake("services:\n  web: {image: x, container_name: w, scale: 2}\n"), Contains("container_name"));
}
