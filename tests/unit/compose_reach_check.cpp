// `compose verify`, the part that compares the file with what runs, and chooses the findings of a project.
#include "compose/reach_check.hpp"
#include "compose_world.hpp"
#include "support/catch.hpp"

using namespace conductor;
using network::Finding;

namespace {

constexpr const char* shop = "services:\n  web:\n    image: w\n    peers: [\"db:5432\"]\n  db: {image: d}\n";

network::Endpoint endpoint(const std::string& name, const std::string& group) {
  network::Endpoint one;
  one.id = name;
  one.config.names = {name};
  one.config.groups = {group};
  return one;
}

using Ids = std::vector<std::string>;

// Of findings that are about these endpoints, those that `compose verify` of shop keeps.
std::vector<Ids> about_shop(const std::vector<Ids>& all) {
  std::vector<Finding> findings;
  for (const auto& ids : all) findings.push_back({Finding::Kind::missing, "link", "shop-web-1 in words", ids});
  std::vector<Ids> kept;
  for (const auto& finding : compose::findings_about(
           "shop", findings, {endpoint("shop-web-1", "shop/web"), endpoint("other-web-1", "other/web")}))
    kept.push_back(finding.ids);
  return kept;
}

}  // namespace

TEST_CASE("a machine that matches the file has no finding") {
  const auto project = test::project(shop);
  CHECK(compose::compare_with_file(project, test::machine(project)).empty());
}

TEST_CASE("a container that does not run or does not exist is missing") {
  const auto project = test::project(shop);
  auto machine = test::machine(project);
  test::exited(test::container(machine, "shop-db-1"), 3);
  std::erase_if(machine.containers, [](const auto& one) { return one.service == "web"; });
  const auto findings = compose::compare_with_file(project, machine);
  REQUIRE(findings.size() == 2);
  CHECK(findings[0].text == "shop-web-1 does not exist: run 'conductor compose up'");
  CHECK(findings[1].text == "shop-db-1 does not run: exited (3): run 'conductor compose up'");
  CHECK(findings[1].kind == Finding::Kind::missing);
}

TEST_CASE("links that differ from the file are told with the line of the key") {
  const auto project = test::project(shop);
  auto machine = test::machine(project);
  test::container(machine, "shop-web-1").container.config.endpoint.links.clear();
  const auto findings = compose::compare_with_file(project, machine);
  REQUIRE(findings.size() == 1);
  CHECK(findings.front().kind == Finding::Kind::damaged);
  CHECK_THAT(findings.front().text,
             Contains("the reach of shop-web-1 is not as the file says: conductor.yaml:4: peers"));
}

TEST_CASE("a container that the file does not name is extra") {
  const auto machine = test::machine(test::project(shop));
  const auto findings = compose::compare_with_file(test::project("services:\n  db: {image: d}\n"), machine);
  REQUIRE(findings.size() == 1);
  CHECK(findings.front().kind == Finding::Kind::extra);
  CHECK_THAT(findings.front().text, Contains("shop-web-1 runs, and the file does not name it"));
}

TEST_CASE("of the machine's findings those are the project's that are about a container of it, or about none") {
  const Ids own{"shop-web-1"}, others{"other-web-1"}, both{"other-web-1", "shop-web-1"}, machine, unknown{"gone"};
  CHECK(about_shop({own, others, both, machine, unknown}) == std::vector<Ids>{own, both, machine});
}
