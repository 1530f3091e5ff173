// `compose why`: the line that allows, or what is missing.
#include "compose/reach_why.hpp"
#include "compose_world.hpp"
#include "support/catch.hpp"

using namespace conductor;

namespace {

constexpr const char* shop = R"(services:
  external:
    image: external
    ports: ["3000:8080", "127.0.0.1:9000:9000"]
    peers: ["counter:8080"]
    internet: ["*.example.org:443", "192.0.2.0/24"]
    host: [5432]
  counter:
    image: counter
  mail:
    image: mail
    peers: ["other/db:5432"]
    allow_peers: ["other/*"]
  beside: {image: beside, network_mode: "service:external"}
  hidden: {image: hidden, network_mode: none}
  agent: {image: agent, network_mode: host}
)";

constexpr network::PortRange tcp(int port) { return {network::Protocol::tcp, port, port}; }

compose::Answer ask(const std::string& from, const std::string& to, std::optional<network::PortRange> ports = {},
                    const std::vector<network::Endpoint>& endpoints = {}) {
  return compose::why(test::project(shop), {from, to, ports}, endpoints);
}

bool may(const std::string& from, const std::string& to, std::optional<network::PortRange> ports = {}) {
  return ask(from, to, ports).allowed;
}

// The answer as it is printed.
std::string said(const std::string& from, const std::string& to, std::optional<network::PortRange> ports = {},
                 const std::vector<network::Endpoint>& endpoints = {}) {
  return compose::to_text(test::project(shop), ask(from, to, ports, endpoints));
}

network::Endpoint other(const std::string& service) {
  network::Endpoint endpoint;
  endpoint.id = "of another project";
  endpoint.address = 0x0ae70009;
  endpoint.config.names = {"other-" + service + "-1"};
  endpoint.config.groups = {"other/" + service};
  endpoint.config.scope = "other";
  return endpoint;
}

}  // namespace

TEST_CASE("what is allowed is shown with its line") {
  CHECK(said("external", "counter", tcp(8080)) ==
        "external may open connections to counter on 8080/tcp\n"
        "conductor.yaml:5:13: peers: 8080/tcp\n"
        "        peers: [\"counter:8080\"]\n"
        "                ^\n");
  CHECK(ask("external", "counter").because.size() == 1);
}

TEST_CASE("another port of a peer is not meant") {
  CHECK(said("external", "counter", tcp(22)) ==
        "external may not open connections to counter on 22/tcp\n"
        "conductor.yaml:5:13: external's peers name counter on 8080/tcp only\n"
        "        peers: [\"counter:8080\"]\n"
        "                ^ add \"counter:22/tcp\" there\n");
  CHECK_FALSE(may("external", "counter", network::PortRange{network::Protocol::udp, 8080, 8080}));
}

TEST_CASE("a link leads one way") {
  CHECK(said("counter", "external") ==
        "counter may not open connections to external\n"
        "conductor.yaml:8:3: counter has no peers\n"
        "      counter:\n"
        "      ^ add 'peers: [\"external\"]' to it\n"
        "conductor.yaml:5:13: that link leads the other way; only replies pass\n"
        "        peers: [\"counter:8080\"]\n"
        "                ^\n");
}

TEST_CASE("what lies outside is reached by name, by address, and on the ports that are named") {
  CHECK(may("external", "api.example.org", tcp(443)));
  CHECK_FALSE(may("external", "api.example.org", tcp(80)));
  CHECK_FALSE(may("external", "example.org", tcp(443)));
  CHECK(may("external", "192.0.2.77"));
  CHECK_FALSE(may("external", "198.51.100.1"));
  CHECK_FALSE(may("external", "internet"));
  CHECK(said("counter", "internet").find("add 'internet: true' to it") != std::string::npos);
}

TEST_CASE("services of the host are reached where the file says so") {
  CHECK(may("external", "host", tcp(5432)));
  CHECK_FALSE(may("external", "host", tcp(22)));
  CHECK_FALSE(may("counter", "host", tcp(5432)));
  CHECK(may("host", "counter", tcp(1)));
}

TEST_CASE("the world reaches what is published for it") {
  CHECK(may("world", "external", tcp(3000)));
  CHECK_FALSE(may("world", "external", tcp(8080)));
  CHECK(said("world", "external", tcp(9000)).find("127.0.0.1:9000→9000 for this host alone") != std::string::npos);
  CHECK(said("world", "counter").find("counter publishes no port") != std::string::npos);
}

TEST_CASE("a network of another's counts for both") {
  CHECK(may("beside", "counter", tcp(8080)));
  CHECK(may("beside", "external"));
  CHECK_FALSE(may("hidden", "counter"));
  CHECK_FALSE(may("counter", "hidden"));
  CHECK(may("agent", "counter"));
  CHECK_FALSE(may("counter", "agent"));
}

TEST_CASE("a link to another project needs its permission") {
  CHECK(said("mail", "other/db", tcp(5432)).find("no container of this machine is other/db") != std::string::npos);
  auto db = other("db");
  CHECK(said("mail", "other/db", tcp(5432), {db}) ==
        "mail may not open connections to other/db on 5432/tcp\n"
        "conductor.yaml:12:13: the other side must list it in allow_peers\n"
        "        peers: [\"other/db:5432\"]\n"
        "                ^ add 'allow_peers: [\"shop/mail\"]' to other/db\n");
  db.config.allow_peers = {"shop/mail"};
  CHECK(ask("mail", "other/db", tcp(5432), {db}).allowed);
  CHECK_FALSE(ask("mail", "other/db", tcp(5433), {db}).allowed);
  CHECK_FALSE(ask("counter", "other/db", tcp(5432), {db}).allowed);
}

TEST_CASE("a link from another project needs ours") {
  auto web = other("web");
  CHECK(said("other/web", "mail", {}, {web}).find("other/web has no link to shop/mail") != std::string::npos);
  web.config.links = {{"shop/mail", network::Protocol::tcp, 25, 25, ""}, {"shop/counter", {}, 0, 0, ""}};
  CHECK(ask("other/web", "mail", tcp(25), {web}).allowed);
  CHECK(ask("10.231.0.9", "mail", tcp(25), {web}).allowed);
  CHECK_FALSE(ask("other/web", "mail", tcp(26), {web}).allowed);
  CHECK(said("other/web", "counter", {}, {web}).find("counter does not let it in") != std::string::npos);
}

TEST_CASE("services of different networks are told so") {
  const auto project = test::project(
      "services:\n  a: {image: a, networks: [x]}\n  b: {image: b, networks: [y]}\n"
      "networks: {x: {}, y: {}}\n",
      {}, "compose.yaml");
  const auto answer = compose::why(project, {"a", "b", {}}, {});
  CHECK_FALSE(answer.allowed);
  REQUIRE(answer.reasons.size() == 2);
  CHECK(answer.reasons.front().text == "a is in x, b is in y: they share no network");
  CHECK(answer.reasons.back().hint == "add 'x-peers: [\"b\"]' to it");
}

TEST_CASE("in a strict file a network opens nothing, and the answer says so") {
  const auto project = test::project(
      "services:\n  a: {image: a, networks: [x]}\n  b: {image: b, networks: [x]}\n"
      "networks: {x: {}}\n");
  const auto answer = compose::why(project, {"a", "b", {}}, {});
  CHECK_FALSE(answer.allowed);
  CHECK(answer.reasons.back().text == "they share a network, which opens nothing where reach is explicit");
}

TEST_CASE("an end that is nothing is an error with what was probably meant") {
  CHECK_THROWS_WITH(may("counter", "extrenal"), Contains("did you mean 'external'"));
  CHECK_THROWS_WITH(may("host", "internet"), Contains("has to be a service of the file"));
}

TEST_CASE("an answer as JSON") {
  const auto json = compose::to_json(ask("external", "counter", tcp(8080)));
  CHECK(*json.find("allowed")->boolean());
  CHECK(json.find("because")->array_items()->size() == 1);
  CHECK(*json.find("reasons")->array_items()->front().find("place")->string() == "conductor.yaml:5:13");
}
