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
x-conductor:
  isolation: strict
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

TEST_CASE("reach and networks come back as they were written") {
  const std::string text = R"(
x-conductor: {isolation: open, publish_scope: host}
services:
  web:
    image: x
    links: ["db:database"]
    external_links: [legacy]
    peers: ["db:5432", {service: media, ports: ["9000-9100"], protocol: udp, alias: m}]
    allow_peers: ["other/*"]
    internet: [192.0.2.0/24, "[2001:db8::]/32:443", "*.example.org:443/tcp"]
    host: [5432, 53/udp]
    expose: ["8000-8010"]
    publish_scope: loopback
    ports: [{target: 80, published: 8080, mode: host, name: web, app_protocol: http, publish_scope: all}]
    networks: {front: {aliases: [w]}, back: {ipv4_address: 172.28.0.5}}
    dns_search: example.org
    dns_opt: [use-vc]
    hostname: w
    domainname: example.org
  db: {image: x}
  media: {image: x, networks: [back], internet: false}
  log: {image: x, network_mode: "service:db"}
networks:
  front: {external: true, name: company}
  back: {internal: true, enable_ipv6: true, labels: {a: b}, ipam: {config: [{subnet: 172.28.0.0/16}, {subnet: "fd00:1::/64"}]}}
)";
  const auto first = test::project(text, {}, "compose.yaml");
  const auto once = compose::canonical(first);
  const auto again = test::project(compose::to_yaml(once));
  CHECK(compose::canonical(again) == once);
  for (const auto& service : first.services) {
    INFO(service.name);
    CHECK(again.require(service.name).pattern == service.pattern);
  }
  CHECK_THAT(compose::to_yaml(once), Contains("default:\n    name: shop_default") && Contains("isolation: open") &&
                                         Contains("networks:\n      default: null"));
}

TEST_CASE("YAML strings that another reading would take for something else are quoted") {
  const auto yaml = [](const char* text) { return compose::to_yaml(base::Json(text)); };
  CHECK(yaml("plain/text-1.2") == "plain/text-1.2\n");
  for (const char* text : {"", "no", "Yes", "true", "null", "1", "-x", "a: b", "a #b", "*x", "&x", "a\nb", "x:", "!t"})
    CHECK(yaml(text).front() == '"');
}
