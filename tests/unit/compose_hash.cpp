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
  for (const char* change : {"image: z",
                             "image: x, command: [a]",
                             "image: x, environment: {A: 1}",
                             "image: x, user: root",
                             "image: x, mem_limit: 64m",
                             "image: x, read_only: true",
                             "image: x, network_mode: host",
                             "image: x, restart: always",
                             "image: x, labels: {a: b}",
                             "image: x, volumes: ['/in']",
                             "image: x, hostname: h",
                             "image: x, cap_add: [NET_RAW]",
                             "image: x, tty: true",
                             "image: x, stop_grace_period: 1s",
                             "image: x, healthcheck: {test: ['CMD', 'true']}",
                             "image: x, network_mode: 'service:other'",
                             "image: x, dns: 192.0.2.1",
                             "image: x, dns_search: a.test",
                             "image: x, dns_opt: [use-vc]",
                             "image: x, extra_hosts: [a=192.0.2.1]",
                             "image: x, hostname: h, domainname: d"}) {
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
  for (const char* change : {"internet: [192.0.2.1]", "host: [80]", "expose: [80]", "allow_peers: ['*']",
                             "links: [other]", "external_links: [a]", "ports: ['80:80']", "publish_scope: host"}) {
    CAPTURE(change);
    CHECK(hash_of(std::string("image: x, ") + change) == plain);
  }
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
  CHECK(between("network_mode: none", "network_mode: host") == Changes{{"network_mode", "\"none\"", "\"host\""}});
  CHECK(between("extra_hosts: [a=192.0.2.1]", "dns: 192.0.2.53") ==
        Changes{{"dns", "unset", "[\"192.0.2.53\"]"}, {"extra_hosts", "[\"a=192.0.2.1\"]", "unset"}});
  CHECK(between("labels: {a: b}", "labels: {a: c}") == Changes{{"labels.a", "\"b\"", "\"c\""}});
  CHECK(between("command: [a]", "tty: true") == Changes{{"command", "[\"a\"]", "unset"}, {"tty", "unset", "true"}});
}

TEST_CASE("a volume the store named is no difference") {
  auto config = test::project("services:\n  web: {image: x, volumes: ['/in']}\n").require("web").containers.front();
  auto recorded = config;
  recorded.mounts[0].source = std::string(64, 'a');
  CHECK(compose::differences(recorded, config).empty());
}

TEST_CASE("differences of reach speak the language of the file") {
  const auto endpoint = [](const std::string& service, const std::string& more = {}) {
    return test::project(more + "services:\n  db: {image: x}\n  web: {image: x, " + service + "}\n")
        .require("web")
        .containers.front()
        .endpoint;
  };
  using Changes = std::vector<compose::Change>;
  const auto between = [&](const std::string& a, const std::string& b) {
    return compose::network_differences(endpoint(a), endpoint(b));
  };
  CHECK(between("peers: [db]", "peers: [db]").empty());
  CHECK(between("peers: [db]", "peers: ['db:80', {service: db, ports: 53-54/udp, alias: d}, 'other/q:1']") ==
        Changes{{"peers", R"(["db"])", R"(["db:80/tcp","db:53-54/udp as d","other/q:1/tcp"])"}});
  CHECK(between("internet: true", "internet: ['a.test:443', '2001:db8::/32', '[2001:db8::1]:53/udp']") ==
        Changes{{"internet", "true", R"(["a.test:443","2001:db8::/32","[2001:db8::1]:53/udp"])"}});
  CHECK(between("host: [80]", "host: [81/udp], expose: ['1-2']") ==
        Changes{{"expose", "[]", R"(["1-2"])"}, {"host", R"(["80"])", R"(["81/udp"])"}});
  CHECK(between("allow_peers: [a/b]", "allow_peers: '*'") == Changes{{"allow_peers", R"(["a/b"])", R"(["*"])"}});
  CHECK(between("ports: ['80:8080']", "ports: ['81:8080/udp', '[::1]:1:1']") ==
        Changes{{"ports", R"(["80:8080/tcp"])", R"(["81:8080/udp","[::1]:1:1/tcp"])"}});
  CHECK(between("ports: ['80:80'], publish_scope: host", "ports: ['80:80']") ==
        Changes{{"ports", R"(["80:80/tcp for host"])", R"(["80:80/tcp"])"}});
  const auto back = [&](const std::string& written) {
    return endpoint("networks: " + written, "networks: {back: {ipam: {config: [{subnet: 172.28.0.0/16}]}}}\n");
  };
  CHECK(compose::network_differences(back("[back]"), back("{back: {aliases: [a, b], ipv4_address: 172.28.0.5}}")) ==
        Changes{{"networks", R"(["shop_back for names alone"])",
                 R"(["shop_back as a, b at 172.28.0.5 for names alone"])"}});
}
