// The configuration's hash changes with what is declared, and with nothing else.
#include "compose/config_hash.hpp"
#include "compose/difference.hpp"
#include "compose_world.hpp"
#include "support/catch.hpp"

using namespace conductor;

namespace {

std::string hash_of(const std::string& service, const std::string& file = "conductor.yaml") {
  return test::project("services:\n  other: {image: y}\n  web: {" + service + "}\n", {}, file).require("web").hash;
}

}  // namespace

TEST_CASE("the same declaration has the same hash, however it is written") {
  CHECK(hash_of("image: x") == hash_of("image: 'x:latest'"));
  CHECK(hash_of("image: x, environment: {A: 1, B: 2}") == hash_of("image: x, environment: [B=2, A=1]"));
  CHECK(hash_of("image: x, mem_limit: 64m") == hash_of("image: x, mem_limit: 67108864"));
  CHECK(hash_of("image: x, command: a b") == hash_of("image: x, command: [a, b]"));
}

TEST_CASE("a declared change changes the hash") {
  const std::string plain = hash_of("image: x");
  for (const char* change :
       {"image: z", "image: x, command: [a]", "image: x, environment: {A: 1}", "image: x, user: root",
        "image: x, mem_limit: 64m", "image: x, read_only: true", "image: x, ports: ['80:80']",
        "image: x, restart: always", "image: x, labels: {a: b}", "image: x, volumes: ['/in']", "image: x, hostname: h",
        "image: x, cap_add: [NET_RAW]", "image: x, tty: true", "image: x, stop_grace_period: 1s",
        "image: x, healthcheck: {test: ['CMD', 'true']}"}) {
    CAPTURE(change);
    CHECK(hash_of(change) != plain);
  }
}

TEST_CASE("what changes in place, or belongs to one container, does not change the hash") {
  const std::string plain = hash_of("image: x");
  CHECK(hash_of("image: x, peers: [other]") == plain);
  CHECK(hash_of("image: x, internet: true") == plain);
  CHECK(hash_of("image: x", "compose.yaml") == plain);
  CHECK(hash_of("image: x, scale: 3") == plain);
  CHECK(hash_of("image: x, depends_on: [other]") == plain);
}

TEST_CASE("an empty command is another than the image's") {
  CHECK(hash_of("image: x, command: []") != hash_of("image: x"));
}

TEST_CASE("a member at its default adds nothing to the hash") {
  const auto defaults = base::Json::parse(R"({"a":1,"b":{"c":2,"d":3},"e":[]})");
  CHECK(compose::without_defaults(defaults, defaults) == base::Json::object());
  CHECK(compose::without_defaults(base::Json::parse(R"({"a":1,"b":{"c":5,"d":3},"e":["x"]})"), defaults) ==
        base::Json::parse(R"({"b":{"c":5},"e":["x"]})"));
}

TEST_CASE("differences speak the language of the file") {
  const auto config = [](const std::string& service) {
    return test::project("services:\n  web: {image: x, " + service + "}\n").require("web").containers.front();
  };
  using Changes = std::vector<compose::Change>;
  const auto between = [&](const std::string& a, const std::string& b) {
    return compose::differences(config(a), config(b));
  };
  CHECK(between("user: a", "user: a").empty());
  CHECK(between("environment: {C: red, D: 1}", "environment: {C: blue, E: 2}") ==
        Changes{{"environment.C", "\"red\"", "\"blue\""},
                {"environment.D", "\"1\"", "unset"},
                {"environment.E", "unset", "\"2\""}});
  CHECK(between("mem_limit: 64m", "user: a") ==
        Changes{{"mem_limit", "67108864", "unset"}, {"user", "unset", "\"a\""}});
  CHECK(between("stop_grace_period: 1s", "stop_grace_period: 2m") == Changes{{"stop_grace_period", "1s", "2m"}});
  CHECK(between("ports: ['80:8080']", "ports: ['81:8080/udp']") ==
        Changes{{"ports", "[\"80:8080/tcp\"]", "[\"81:8080/udp\"]"}});
  CHECK(between("labels: {a: b}", "labels: {a: c}") == Changes{{"labels.a", "\"b\"", "\"c\""}});
  CHECK(between("command: [a]", "tty: true") == Changes{{"command", "[\"a\"]", "unset"}, {"tty", "unset", "true"}});
}

TEST_CASE("a volume the store named is no difference") {
  auto config = test::project("services:\n  web: {image: x, volumes: ['/in']}\n").require("web").containers.front();
  auto recorded = config;
  recorded.mounts[0].source = std::string(64, 'a');
  CHECK(compose::differences(recorded, config).empty());
}
