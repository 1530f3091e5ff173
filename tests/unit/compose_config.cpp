// `compose config`: the canonical form, and YAML.
#include "compose/canonical.hpp"
#include "compose_world.hpp"
#include "support/catch.hpp"

using namespace conductor;

TEST_CASE("the canonical form is sorted, resolved and complete") {
  test::Outside outside;
  outside.variables["TAG"] = "1.2";
  const auto project = test::project(R"(
services:
  web:
    image: nginx:${TAG}
    ports: ["127.0.0.1:8080:80"]
    volumes: ["./site:/site:ro", "data:/data"]
    environment: {B: 2, A: 1}
    depends_on: [db]
    peers: ["db:5432"]
  db:
    image: db
    healthcheck: {test: ["CMD", "true"], interval: 2s}
volumes:
  data:
)",
                                     outside);
  CHECK(compose::to_yaml(compose::canonical(project)) == R"(name: shop
services:
  db:
    healthcheck:
      interval: 2s
      retries: 3
      start_interval: 5s
      test:
        - CMD
        - "true"
      timeout: 30s
    image: db
  web:
    depends_on:
      db:
        condition: service_started
        required: true
    environment:
      A: "1"
      B: "2"
    image: nginx:1.2
    peers:
      - db:5432
    ports:
      - host_ip: "127.0.0.1"
        mode: ingress
        protocol: tcp
        published: "8080"
        target: 80
    volumes:
      - read_only: true
        source: /srv/shop/site
        target: /site
        type: bind
      - source: data
        target: /data
        type: volume
volumes:
  data:
    name: shop_data
)");
}

TEST_CASE("the canonical form of the canonical form is itself") {
  const auto once = compose::canonical(test::project(
      "services:\n  a: {image: x, mem_limit: 64m, restart: 'on-failure:3', command: 'a \"b c\"', tty: true}\n"));
  CHECK(compose::canonical(test::project(compose::to_yaml(once))) == once);
  const auto dollars = compose::canonical(
      test::project("services:\n  a: {image: x, command: [echo, $$HOME, a$$$$b], environment: {PRICE: 5$$}}\n"));
  CHECK_THAT(compose::to_yaml(dollars), Contains("$$HOME") && Contains("a$$$$b") && Contains("PRICE: \"5$$\""));
  CHECK(compose::canonical(test::project(compose::to_yaml(dollars))) == dollars);
}

TEST_CASE("YAML strings that another reading would take for something else are quoted") {
  const auto yaml = [](const char* text) { return compose::to_yaml(base::Json(text)); };
  CHECK(yaml("plain/text-1.2") == "plain/text-1.2\n");
  for (const char* text : {"", "no", "Yes", "true", "null", "1", "-x", "a: b", "a #b", "*x", "&x", "a\nb", "x:", "!t"})
    CHECK(yaml(text).front() == '"');
}
