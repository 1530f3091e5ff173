// The declared graph: who reaches whom, by which line; that it is what the network will be told; and its drawings.
#include "compose/reach.hpp"
#include "compose/reach_draw.hpp"
#include "compose/reach_layout.hpp"
#include "compose_world.hpp"
#include "network/graph.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <set>

using namespace conductor;
using compose::GraphFormat;

namespace {

constexpr const char* shop = R"(services:
  front:
    image: nginx
    ports: ["3000:8080", "127.0.0.1:9000:9000/udp"]
    peers: ["api:8000", "dns:53/udp", "other/mail:25"]
    scale: 2
  api:
    image: api
    peers: [db]
    internet: ["api.example.org:443", "192.0.2.0/24"]
    host: [5432]
  dns: {image: dns, internet: true}
  db: {image: db, expose: [5432, "9000-9001/udp"], allow_peers: ["other/*"]}
  side: {image: side, network_mode: "service:api"}
  alone: {image: alone, network_mode: none}
)";

constexpr const char* open_shop = R"(services:
  web: {image: nginx, ports: ["80:80"], networks: [front, back]}
  db: {image: db, networks: [back], depends_on: [cache]}
  cache: {image: cache, networks: [back], scale: 2}
  lone: {image: lone}
networks:
  front:
  back: {internal: true}
)";

std::string line(const compose::Reach& reach) {
  std::string text = reach.from + " -> " + reach.to;
  const auto ports =
      reach.kind == compose::Reach::Kind::published ? compose::published_text(reach) : compose::ports_text(reach.ports);
  if (!ports.empty()) text += " " + ports;
  text += " (" + reach.via + (reach.network.empty() ? "" : " " + reach.network);
  return text + (reach.place.line == 0 ? ")" : ", " + base::to_text(reach.place) + ")");
}

std::string lines(const compose::Project& project) {
  std::string text;
  for (const auto& reach : compose::declared_reach(project)) text += line(reach) + "\n";
  return text;
}

std::string drawn(const std::string& text, GraphFormat format, const std::string& file = "conductor.yaml",
                  const std::vector<std::string>& services = {}) {
  const auto project = test::project(text, {}, file);
  return compose::draw(project, compose::declared_reach(project), format, services);
}

// Endpoints as the engine would reserve them: the containers' configurations with names and ids.
std::vector<network::Endpoint> endpoints(const compose::Project& project) {
  std::vector<network::Endpoint> result;
  for (const auto& service : project.services)
    for (const auto& container : service.containers) {
      network::Endpoint endpoint;
      endpoint.id = container.name;
      endpoint.config = container.endpoint;
      endpoint.config.names = {container.name};
      result.push_back(endpoint);
    }
  return result;
}

// "web db any 0 0" for each pair of services, from the declared graph and from the network's.
std::set<std::string> edge(const std::string& from, const std::string& to, const network::PortRange& ports) {
  const auto text = [&](network::Protocol protocol) {
    return from + " " + to + " " + std::string(base::enum_name(protocol)) + " " + std::to_string(ports.first) + " " +
           std::to_string(ports.last);
  };
  if (ports.protocol != network::Protocol::any || ports.first == 0) return {text(ports.protocol)};
  return {text(network::Protocol::tcp), text(network::Protocol::udp)};
}

void require_the_same_edges(const compose::Project& project) {
  std::set<std::string> declared, enforced;
  for (const auto& reach : compose::declared_reach(project)) {
    const bool between = reach.kind == compose::Reach::Kind::link || reach.kind == compose::Reach::Kind::network;
    if (between && project.find(reach.to) != nullptr) declared.merge(edge(reach.from, reach.to, reach.ports));
  }
  const auto all = endpoints(project);
  for (const auto& from : all)
    for (const auto& to : all) {
      if (from.id == to.id) continue;
      for (const auto& ports : network::open_ports(from, to))
        enforced.merge(edge(compose::service_of_group(project, from.config.groups.front()),
                            compose::service_of_group(project, to.config.groups.front()), ports));
    }
  CHECK(declared == enforced);
}

}  // namespace

TEST_CASE("every permission is listed with the line that declares it") {
  CHECK(lines(test::project(shop)) ==
        "front -> api 8000/tcp (peers, conductor.yaml:5:13)\n"
        "front -> dns 53/udp (peers, conductor.yaml:5:25)\n"
        "front -> other/mail 25/tcp (peers, conductor.yaml:5:39)\n"
        "world -> front 3000→8080 (ports, conductor.yaml:4:13)\n"
        "host -> front 127.0.0.1:9000→9000/udp (ports, conductor.yaml:4:26)\n"
        "api -> db 5432 (peers, conductor.yaml:9:13)\n"
        "api -> db 9000-9001/udp (peers, conductor.yaml:9:13)\n"
        "api -> api.example.org 443 (internet, conductor.yaml:10:16)\n"
        "api -> 192.0.2.0/24 (internet, conductor.yaml:10:39)\n"
        "api -> host 5432 (host, conductor.yaml:11:5)\n"
        "dns -> internet (internet, conductor.yaml:12:21)\n"
        "other/* -> db (allow_peers, conductor.yaml:13:66)\n"
        "side -> api (network_mode, conductor.yaml:14:23)\n");
}

TEST_CASE("a network that services share is a permission in both directions") {
  CHECK(lines(test::project(open_shop, {}, "compose.yaml")) ==
        "web -> db (networks back, compose.yaml:2:59)\n"
        "web -> cache (networks back, compose.yaml:2:59)\n"
        "web -> internet (networks front, compose.yaml:2:52)\n"
        "world -> web 80→80 (ports, compose.yaml:2:31)\n"
        "db -> web (networks back, compose.yaml:3:30)\n"
        "db -> cache (networks back, compose.yaml:3:30)\n"
        "cache -> web (networks back, compose.yaml:4:36)\n"
        "cache -> db (networks back, compose.yaml:4:36)\n"
        "cache -> cache (networks back, compose.yaml:4:36)\n"
        "lone -> internet (networks default)\n");
}

TEST_CASE("the machine's scope counts for published ports that say none") {
  const auto project = test::project("services:\n  web: {image: w, ports: [\"80:80\"]}\n");
  const auto reach = compose::declared_reach(project, network::PublishScope::host);
  REQUIRE(reach.size() == 1);
  CHECK(reach.front().from == compose::host_word);
  CHECK(reach.front().scope == network::PublishScope::host);
}

TEST_CASE("the declared graph is the one the network is told") {
  require_the_same_edges(test::project(shop));
  require_the_same_edges(test::project(open_shop, {}, "compose.yaml"));
  require_the_same_edges(test::project(open_shop, {}, "conductor.yaml"));
}

TEST_CASE("the graph as text") {
  CHECK(drawn(shop, GraphFormat::text) ==
        "front (×2)\n"
        "  → api         8000/tcp\n"
        "  → dns         53/udp\n"
        "  → other/mail  25/tcp\n"
        "  ← world       3000→8080\n"
        "  ← this host   127.0.0.1:9000→9000/udp\n"
        "api\n"
        "  → db               5432, 9000-9001/udp\n"
        "  → api.example.org  443\n"
        "  → 192.0.2.0/24\n"
        "  → this host        5432\n"
        "dns\n"
        "  → internet\n"
        "db\n"
        "  ← other/*  if it links to it\n"
        "side\n"
        "  = api  has its network\n"
        "alone (no network)\n"
        "  reaches nothing\n"
        "nothing else is open\n");
  CHECK(drawn(open_shop, GraphFormat::text, "compose.yaml", {"db"}) ==
        "db\n"
        "  ↔ web, cache  network back\n"
        "web\n"
        "  → internet  network front\n"
        "  ← world     80→80\n"
        "  ↔ db, cache  network back\n"
        "cache (×2)\n"
        "  ↔ web, db  network back\n"
        "services of a network reach each other on all ports\n");
}

TEST_CASE("the graph as DOT and Mermaid") {
  const std::string text =
      "services:\n  web: {image: w, ports: [\"80:8080\"], peers: [\"db:5432\"]}\n  db: {image: d}\n";
  CHECK(drawn(text, GraphFormat::dot) ==
        "digraph \"shop\" {\n"
        "  rankdir=LR;\n"
        "  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n"
        "  edge [fontname=\"sans-serif\", fontsize=11];\n"
        "  n0 [label=\"web\"];\n"
        "  n1 [label=\"db\"];\n"
        "  n2 [label=\"world\", shape=ellipse, style=solid];\n"
        "  n0 -> n1 [label=\"5432/tcp\"];\n"
        "  n2 -> n0 [label=\"80→8080\"];\n"
        "}\n");
  CHECK(drawn(text, GraphFormat::mermaid) ==
        "flowchart LR\n"
        "  n0[\"web\"]\n"
        "  n1[\"db\"]\n"
        "  n2([\"world\"])\n"
        "  n0 -->|\"5432/tcp\"| n1\n"
        "  n2 -->|\"80→8080\"| n0\n");
  CHECK(compose::to_mermaid({"t", {{compose::Drawing::Kind::service, "a\"<b#", "", {}}}, {}, {}, {}}) ==
        "flowchart LR\n  n0[\"a#quot;#lt;b#35;\"]\n");
  CHECK(compose::to_dot({"t\"", {}, {}, {}, {}}).starts_with("digraph \"t\\\"\" {"));
}

TEST_CASE("the graph as JSON has every permission with its place") {
  const auto json = base::Json::parse(drawn(shop, GraphFormat::json));
  CHECK(json.find("services")->array_items()->size() == 6);
  const auto& reach = *json.find("reach")->array_items();
  REQUIRE(reach.size() == 13);
  CHECK(*reach.front().find("place")->string() == "conductor.yaml:5:13");
  CHECK(*reach.front().find("first_port")->integer() == 8000);
}

TEST_CASE("services of a profile that is not asked for are drawn when they are named") {
  const std::string text = "services:\n  web: {image: w, peers: [debug]}\n  debug: {image: d, profiles: [dev]}\n";
  CHECK(drawn(text, GraphFormat::text) == "web\n  reaches nothing\nnothing else is open\n");
  CHECK(drawn(text, GraphFormat::text, "conductor.yaml", {"debug"}) ==
        "debug\n  reaches nothing\nweb\n  → debug\nnothing else is open\n");
  CHECK_THROWS_WITH(drawn(text, GraphFormat::text, "conductor.yaml", {"wen"}), Contains("did you mean 'web'"));
}

TEST_CASE("the graph as SVG is the same each time, and its texts are escaped") {
  const std::string svg = drawn(shop, GraphFormat::svg);
  CHECK(svg == drawn(shop, GraphFormat::svg));
  CHECK(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  CHECK(svg.find("prefers-color-scheme: dark") != std::string::npos);
  CHECK(svg.find(">3000→8080<") != std::string::npos);
  const auto hostile =
      compose::to_svg({"<script>", {{compose::Drawing::Kind::service, "a&b", "\x1b", {}}}, {}, {}, {}});
  CHECK(hostile.find("<script>") == std::string::npos);
  CHECK(hostile.find(">a&amp;b<") != std::string::npos);
  CHECK(hostile.find('\x1b') == std::string::npos);
}

TEST_CASE("positions are moved as little as keeps them in order") {
  CHECK(compose::nearest_in_order({1, 2, 3}) == std::vector<double>{1, 2, 3});
  CHECK(compose::nearest_in_order({3, 1}) == std::vector<double>{2, 2});
  CHECK(compose::nearest_in_order({5, 1, 9, 0, 6}) == std::vector<double>{3, 3, 4.5, 4.5, 6});
  CHECK(compose::nearest_in_order({}).empty());
}

namespace {

struct Rectangle {
  double left, top, right, bottom;
};

Rectangle around(const compose::Point& centre, double width, double height) {
  return {centre.x - width / 2, centre.y - height / 2, centre.x + width / 2, centre.y + height / 2};
}

bool overlap(const Rectangle& a, const Rectangle& b) {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

}  // namespace

TEST_CASE("no box and no label of a layout lies on another, whatever the graph") {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    unsigned state = seed;
    const auto random = [&](unsigned below) { return (state = state * 1103515245U + 12345U) / 65536U % below; };
    std::vector<compose::LayoutNode> nodes;
    for (unsigned i = 0; i < 16; ++i) {
      using Side = compose::LayoutNode::Side;
      nodes.push_back({i == 0    ? Side::left
                       : i == 15 ? Side::right
                                 : Side::middle,
                       90.0 + random(60), 40.0 + random(30)});
    }
    std::vector<compose::LayoutEdge> edges;
    for (unsigned i = 0; i < 30; ++i) {
      const auto from = random(15), to = 1 + random(15);
      if (from != to) edges.push_back({from, to, 30.0 + random(50), 16, true});
    }
    const auto layout = compose::lay_out(nodes, edges);
    std::vector<Rectangle> all;
    for (std::size_t i = 0; i < nodes.size(); ++i)
      all.push_back(around(layout.nodes[i], nodes[i].width, nodes[i].height));
    for (std::size_t i = 0; i < edges.size(); ++i)
      all.push_back(around(layout.edges[i].label, edges[i].label_width, edges[i].label_height));
    INFO("seed " << seed);
    for (std::size_t i = 0; i < all.size(); ++i) {
      CHECK(all[i].left >= -0.01);
      CHECK(all[i].top >= -0.01);
      CHECK(all[i].right <= layout.width + 0.01);
      CHECK(all[i].bottom <= layout.height + 0.01);
      for (std::size_t j = 0; j < i; ++j) CHECK_FALSE(overlap(all[i], all[j]));
    }
  }
}
