// `compose tighten`: what is proposed, and that the patch of it changes those lines and no others.
#include "compose/reach_patch.hpp"
#include "compose/reach_tighten.hpp"
#include "compose_world.hpp"
#include "support/catch.hpp"

#include <netinet/in.h>

using namespace conductor;

namespace {

using Seen = std::vector<compose::Seen>;

std::string proposed(const std::string& text, const std::optional<Seen>& seen = {},
                     const std::string& file = "conductor.yaml") {
  return compose::to_text(compose::tighten(test::project(text, {}, file), seen));
}

std::string patch(const std::string& text, const std::optional<Seen>& seen = {},
                  const std::string& file = "conductor.yaml") {
  const auto project = test::project(text, {}, file);
  return compose::to_patch(project, compose::tighten(project, seen), file);
}

compose::Seen tcp(const std::string& from, const std::string& to, int port) {
  return {from, to, to.find('.') != std::string::npos, {network::Protocol::tcp, port, port}};
}

}  // namespace

TEST_CASE("depends_on becomes links to what the other side exposes or publishes") {
  CHECK(proposed(R"(services:
  web: {image: w, depends_on: [api, db, cache]}
  api: {image: a, expose: [8000, "53/udp"]}
  db: {image: d, ports: ["127.0.0.1:15432:5432"]}
  cache: {image: c}
)") == "web: peers: \"api:8000\"\nweb: peers: \"api:53/udp\"\nweb: peers: \"cache\"\nweb: peers: \"db:5432\"\n");
}

TEST_CASE("what is declared stays, and what has completed needs no link") {
  CHECK(proposed(R"(services:
  web:
    image: w
    peers: ["db:1"]
    depends_on:
      db: {condition: service_healthy}
      seed: {condition: service_completed_successfully}
  db: {image: d, expose: [5432]}
  seed: {image: s}
)")
            .empty());
}

TEST_CASE("an open file becomes strict; links keep what depends_on reaches today") {
  const std::string text = R"(services:
  web: {image: w, depends_on: [db, far], networks: [a]}
  db: {image: d, networks: [a]}
  far: {image: f, networks: [b], internet: true}
networks: {a: {internal: true}, b: {}}
)";
  CHECK(proposed(text, {}, "compose.yaml") == "x-conductor: {isolation: strict}\nweb: peers: \"db\"\n");
}

TEST_CASE("who loses the internet is told") {
  const auto project = test::project("services: {web: {image: w}, db: {image: d}}", {}, "compose.yaml");
  const auto proposals = compose::tighten(project, std::nullopt);
  REQUIRE(proposals.notes.size() == 1);
  CHECK(proposals.notes.front().starts_with("without internet from now on: web, db"));
}

TEST_CASE("connections that were seen become links to their ports") {
  const std::string text = "services:\n  web: {image: w}\n  db: {image: d}\n  dns: {image: n}\n";
  const Seen seen{
      tcp("web", "db", 5432), {"web", "dns", false, {network::Protocol::udp, 53, 53}}, tcp("web", "203.0.113.7", 443)};
  CHECK(proposed(text, seen, "compose.yaml") ==
        "x-conductor: {isolation: strict}\nweb: peers: \"db:5432\"\nweb: peers: \"dns:53/udp\"\nweb: internet: true\n");
}

TEST_CASE("a link without ports is narrowed to those that were used, and an unused one is told") {
  const std::string text =
      "services:\n  web: {image: w, peers: [db, old, api]}\n  db: {image: d}\n  old: {image: o}\n"
      "  api: {image: a, expose: [80]}\n";
  const Seen seen{tcp("web", "db", 5432), tcp("web", "db", 5433), tcp("web", "api", 80)};
  CHECK(patch(text, seen) ==
        "--- conductor.yaml\n+++ conductor.yaml\n@@ -1,5 +1,5 @@\n services:\n"
        "-  web: {image: w, peers: [db, old, api]}\n"
        "+  web: {image: w, peers: [\"db:5432\", old, api, \"db:5433\"]}\n"
        "   db: {image: d}\n   old: {image: o}\n   api: {image: a, expose: [80]}\n");
  const auto notes = compose::tighten(test::project(text), seen).notes;
  CHECK(notes == std::vector<std::string>{"web did not connect to old; its links stay"});
}

TEST_CASE("a patch keeps comments, layout and literal text") {
  const std::string text = R"(# A shop.
name: shop

services:
  web:
    image: nginx
    depends_on:
    - api
    # of the command
    command: |
      run
      # not a comment

  api:
    image: api
    depends_on: [db, cache]
    x-peers:
    - cache  # small
    expose: ["8000"]
    # about db
  db:
    image: postgres
  cache: {image: redis}
)";
  CHECK(patch(text, {}, "compose.yaml") == R"(--- compose.yaml
+++ compose.yaml
@@ -1,11 +1,13 @@
 # A shop.
 name: shop
 
+x-conductor: {isolation: strict}
 services:
   web:
     image: nginx
     depends_on:
     - api
+    x-peers: ["api:8000"]
     # of the command
     command: |
       run
@@ -16,6 +18,7 @@
     depends_on: [db, cache]
     x-peers:
     - cache  # small
+    - "db"
     expose: ["8000"]
     # about db
   db:
)");
}

TEST_CASE("lists and maps in one line, and empty ones") {
  CHECK(patch("services:\n  web: {image: w, depends_on: [db], peers: []}\n  db: {image: d}\n")
            .find("+  web: {image: w, depends_on: [db], peers: [\"db\"]}\n") != std::string::npos);
  CHECK(
      patch("services:\n  web: {image: w, depends_on: [db], peers: [ \"x:1\", ] }\n  db: {image: d}\n  x: {image: x}\n")
          .find("+  web: {image: w, depends_on: [db], peers: [ \"x:1\", \"db\" ] }\n") != std::string::npos);
  CHECK(patch("services:\n  web:\n    depends_on: [db]\n    image: w\n  db: {image: d}\n")
            .find(" [db]\n+    peers: [\"db\"]\n") != std::string::npos);
}

TEST_CASE("a file in JSON stays JSON") {
  CHECK(
      patch(R"({"services": {"web": {"image": "w", "depends_on": ["db"]}, "db": {"image": "d"}}})", {}, "compose.yaml")
          .find(R"("depends_on": ["db"], "x-peers": ["db"]}, "db": {"image": "d"}}, )"
                R"("x-conductor": {"isolation": "strict"}})") != std::string::npos);
}

TEST_CASE("a file without a last line end, and one with line ends of another system") {
  CHECK(patch("services:\n  db: {image: d}\n  web:\n    image: w\n    depends_on: [db]") ==
        "--- conductor.yaml\n+++ conductor.yaml\n@@ -2,4 +2,5 @@\n   db: {image: d}\n   web:\n     image: w\n"
        "-    depends_on: [db]\n\\ No newline at end of file\n+    depends_on: [db]\n+    peers: [\"db\"]\n"
        "\\ No newline at end of file\n");
  CHECK(patch("services:\r\n  web:\r\n    image: w\r\n    depends_on: [db]\r\n  db: {image: d}\r\n")
            .find("+    peers: [\"db\"]\r\n") != std::string::npos);
}

TEST_CASE("what several services share is not changed for one of them") {
  CHECK_THROWS_WITH(patch(R"(services:
  db: {image: d}
  web: &base {image: w, depends_on: [db]}
  copy: *base
)"),
                    Contains("safely") || Contains("alias"));
}

TEST_CASE("nothing to propose is an empty patch") {
  CHECK(patch("services: {web: {image: w}}\n").empty());
  CHECK(compose::unified_diff("a\nb\n", "a\nb\n", "x").empty());
}

TEST_CASE("a diff of a text that changes at both ends") {
  CHECK(compose::unified_diff("a\nb\nc\n", "x\na\nb\n", "t") == "--- t\n+++ t\n@@ -1,3 +1,3 @@\n+x\n a\n b\n-c\n");
  CHECK(compose::unified_diff("", "a\n", "t") == "--- t\n+++ t\n@@ -0,0 +1,1 @@\n+a\n");
}

TEST_CASE("tracked connections in words of the project") {
  const auto project = test::project("services: {web: {image: w}, db: {image: d}}");
  network::Settings settings;
  network::Endpoint web, db;
  web.address = 0x0ae70002, db.address = 0x0ae70003;
  web.config.groups = {"shop/web"}, db.config.groups = {"shop/db"};
  linux::Connection connection;
  connection.protocol = IPPROTO_TCP;
  connection.source = linux::IpAddress(web.address);
  connection.destination = connection.translated_destination = linux::IpAddress(db.address);
  connection.destination_port = connection.translated_port = 5432;
  const auto seen = [&] { return compose::seen_of(project, settings, {web, db}, connection); };
  CHECK(seen() == tcp("web", "db", 5432));
  connection.translated_destination = *linux::parse_ip("203.0.113.7");
  CHECK(seen() == tcp("web", "203.0.113.7", 5432));
  connection.translated_destination = *linux::parse_ip("169.254.1.1");
  CHECK_FALSE(seen());
  connection.source = *linux::parse_ip("203.0.113.7");
  CHECK_FALSE(seen());
}
