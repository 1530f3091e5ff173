// What a compose file says of networks and reach, as endpoints; and mistakes only the whole project can show.
#include "compose/project.hpp"
#include "compose_world.hpp"
#include "support/catch.hpp"

#include <algorithm>

using namespace conductor;
using network::Protocol;
using Names = std::vector<std::string>;

namespace {

const engine::ContainerConfig& only(const compose::Project& project, const std::string& service) {
  const auto& containers = project.require(service).containers;
  REQUIRE(containers.size() == 1);
  return containers.front();
}

compose::Project open_project(const std::string& text) { return test::project(text, {}, "compose.yaml"); }

std::string mistake(const std::string& text, const std::string& file = "compose.yaml") {
  try {
    test::project(text, {}, file);
  } catch (const base::Error& e) {
    return e.what();
  }
  return "no mistake";
}

}  // namespace

TEST_CASE("without networks the services of an open file share one, with the internet") {
  const auto project = open_project("services:\n  a: {image: x}\n  b: {image: x}\n");
  const auto& endpoint = only(project, "a").endpoint;
  CHECK(endpoint.internet);
  CHECK(endpoint.links.empty());
  CHECK(endpoint.scope == "shop");
  CHECK(endpoint.networks == std::vector<network::Membership>{{"shop_default", {"a"}, true, {}, {}}});
  REQUIRE(project.networks.size() == 1);
  CHECK(project.networks[0].key == "default");
  CHECK(project.networks[0].config.labels ==
        std::map<std::string, std::string>{{"com.docker.compose.project", "shop"},
                                           {"com.docker.compose.network", "default"}});
}

TEST_CASE("an open file: each network is a membership; internal ones alone give no internet") {
  const auto project = open_project(R"(
services:
  web:
    image: x
    networks: {front: , back: {aliases: [api, web], ipv4_address: 172.28.0.5, ipv6_address: "fd00:1::5"}}
  db: {image: x, networks: [back]}
  out: {image: x, networks: [front, back], internet: [192.0.2.1]}
  shut: {image: x, internet: false}
networks:
  front: {external: true, name: company}
  back:
    internal: true
    ipam: {config: [{subnet: 172.28.0.0/16}, {subnet: "fd00:1::/64"}]}
    labels: {tier: back}
)");
  const auto& web = only(project, "web").endpoint;
  CHECK(web.networks ==
        std::vector<network::Membership>{{"company", {"web"}, true, {}, {}},
                                         {"shop_back", {"web", "api"}, true, "172.28.0.5", "fd00:1::5"}});
  CHECK(web.internet);
  CHECK_FALSE(only(project, "db").endpoint.internet);
  CHECK(only(project, "out").endpoint.internet);
  CHECK(only(project, "out").endpoint.internet_to == std::vector<network::Destination>{{"192.0.2.1", {}}});
  CHECK_FALSE(only(project, "shut").endpoint.internet);
  REQUIRE(project.networks.size() == 3);
  const auto* back = project.find_network("back");
  REQUIRE(back != nullptr);
  CHECK(back->config.name == "shop_back");
  CHECK(back->config.internal);
  CHECK(back->config.subnet == "172.28.0.0/16");
  CHECK(back->config.subnet6 == "fd00:1::/64");
  CHECK(back->config.labels.at("tier") == "back");
  CHECK(back->config.labels.at("com.docker.compose.network") == "back");
  CHECK(project.find_network("front")->external);
  CHECK(project.find_network("front")->config.labels.empty());
}

TEST_CASE("in a strict file networks give names and addresses, and open nothing") {
  const auto project =
      test::project("services:\n  a: {image: x, networks: [back]}\n  b: {image: x}\nnetworks: {back: {name: own}}\n");
  CHECK(only(project, "a").endpoint.networks == std::vector<network::Membership>{{"own", {"a"}, false, {}, {}}});
  CHECK_FALSE(only(project, "a").endpoint.internet);
  CHECK(only(project, "b").endpoint.networks.empty());
  CHECK(project.find_network("default") == nullptr);
}

TEST_CASE("peers, links and links to the outside") {
  const auto project = test::project(R"(
services:
  web:
    image: x
    peers:
      - "db:5432"
      - {service: db, ports: [53/udp, 9000-9001], alias: names}
      - "other/queue:5672"
      - shop/db
    links: [db, "db:database"]
    external_links: ["legacy:old"]
    allow_peers: [other/*, "*"]
  db: {image: x, expose: [5432, 9000-9100/tcp]}
)");
  const auto& web = only(project, "web").endpoint;
  CHECK(web.links == std::vector<network::Link>{
                         {"shop/db", Protocol::tcp, 5432, 5432, "db"},
                         {"shop/db", Protocol::udp, 53, 53, "names"},
                         {"shop/db", Protocol::tcp, 9000, 9001, "names"},
                         {"other/queue", Protocol::tcp, 5672, 5672, "queue"},
                         {"shop/db", Protocol::any, 0, 0, "db"},
                         {"shop/db", Protocol::any, 0, 0, "db"},
                         {"shop/db", Protocol::any, 0, 0, "database"},
                         {"legacy", Protocol::any, 0, 0, "old"},
                     });
  CHECK(web.allow_peers == Names{"other/*", "*"});
  CHECK(only(project, "db").endpoint.expose ==
        std::vector<network::PortRange>{{Protocol::any, 5432, 5432}, {Protocol::tcp, 9000, 9100}});
  REQUIRE(project.require("web").depends_on.size() == 1);  // of `links`
  CHECK(project.require("web").depends_on[0].service == "db");
}

TEST_CASE("internet, ports of the host, the resolver") {
  const auto project = test::project(R"(
services:
  a:
    image: x
    internet: ["api.example.org:443", 198.51.100.0/24]
    host: [5432, 53/udp]
    dns: 192.0.2.53
    dns_search: example.org
    dns_opt: ["ndots:2"]
    hostname: a
    domainname: example.org
    extra_hosts: {gate: host-gateway, db: 192.0.2.1}
  b: {image: x, internet: []}
)");
  const auto& config = only(project, "a");
  CHECK(config.endpoint.internet);
  CHECK(config.endpoint.internet_to ==
        std::vector<network::Destination>{{"api.example.org", {Protocol::any, 443, 443}}, {"198.51.100.0/24", {}}});
  CHECK(config.endpoint.host_ports ==
        std::vector<network::PortRange>{{Protocol::any, 5432, 5432}, {Protocol::udp, 53, 53}});
  CHECK(config.endpoint.dns == Names{"192.0.2.53"});
  CHECK(config.endpoint.dns_search == Names{"example.org"});
  CHECK(config.endpoint.dns_options == Names{"ndots:2"});
  CHECK(config.hostname == "a.example.org");
  CHECK(config.endpoint.extra_hosts == std::vector<network::HostEntry>{{"gate", "169.254.1.1"}, {"db", "192.0.2.1"}});
  CHECK_FALSE(only(project, "b").endpoint.internet);
}

TEST_CASE("the scope of a published port: its own, else the service's, else the file's") {
  const auto project = test::project(R"(
x-conductor: {publish_scope: host}
services:
  a:
    image: x
    publish_scope: loopback
    ports: ["80:80", {target: 81, published: 81, publish_scope: all}]
  b: {image: x, ports: ["82:82"]}
)");
  using network::PublishScope;
  CHECK(only(project, "a").endpoint.publish.at(0).scope == PublishScope::loopback);
  CHECK(only(project, "a").endpoint.publish.at(1).scope == PublishScope::all);
  CHECK(only(project, "b").endpoint.publish.at(0).scope == PublishScope::host);
  const auto silent = test::project("services:\n  a: {image: x, ports: ['80:80']}\n");
  CHECK_FALSE(only(silent, "a").endpoint.publish.at(0).scope);
}

TEST_CASE("modes of the network") {
  const auto project = open_project(R"(
services:
  a: {image: x, network_mode: none}
  b: {image: x, network_mode: host}
  c: {image: x, network_mode: "service:web"}
  d: {image: x, network_mode: "service:named"}
  e: {image: x, network_mode: "container:legacy"}
  f: {image: x, network_mode: bridge}
  web: {image: x}
  named: {image: x, container_name: own}
)");
  CHECK(only(project, "a").network == engine::NetworkMode::none);
  CHECK_FALSE(only(project, "a").endpoint.internet);
  CHECK(only(project, "a").endpoint.networks.empty());
  CHECK(only(project, "b").network == engine::NetworkMode::host);
  for (const auto& [service, holder] :
       {std::pair{"c", "shop-web-1"}, std::pair{"d", "own"}, std::pair{"e", "legacy"}}) {
    INFO(service);
    CHECK(only(project, service).network == engine::NetworkMode::container);
    CHECK(only(project, service).network_container == holder);
  }
  CHECK(only(project, "f").network == engine::NetworkMode::links);
  CHECK(only(project, "f").endpoint.internet);
  CHECK(only(project, "f").endpoint.networks.empty());
  CHECK(project.require("c").network_of == "web");
  CHECK(project.require("c").depends_on.at(0).service == "web");
  CHECK(project.require("e").depends_on.empty());
}

TEST_CASE("mistakes of networks name their place") {
  CHECK_THAT(mistake("services:\n  a:\n    image: x\n    networks: [back]\n    ports: ['80:80']\n"
                     "networks: {back: {internal: true}}\n"),
             Contains("compose.yaml:5:") && Contains("internal networks alone"));
  CHECK(mistake("services:\n  a:\n    image: x\n    networks: [back]\n    ports: ['80:80']\n"
                "networks: {back: {internal: true}}\n",
                "conductor.yaml") == "no mistake");
  CHECK_THAT(mistake("services:\n  a:\n    image: x\n    networks: [back]\n    x-internet: true\n"
                     "networks: {back: {internal: true}}\n"),
             Contains("compose.yaml:5:") && Contains("internal networks alone, so it cannot have internet"));
  CHECK_THAT(mistake("services:\n  a:\n    image: x\n    peers: [shop/bb]\n  b: {image: x}\n"),
             Contains("compose.yaml:4:") && Contains("'bb' is no service"));
}
