#include "builder/stages.hpp"
#include "support/catch.hpp"

using namespace conductor;
using namespace conductor::builder;
using Numbers = std::vector<std::size_t>;

namespace {

struct Arranged {
  explicit Arranged(std::string text, std::string target = {}, Variables arguments = {})
      : file{"Conductorfile", std::move(text)},
        parsed(parser::parse_conductorfile(file.text, file.name)),
        graph(arrange_stages(parsed, {std::move(target), std::move(arguments), "amd64"}, file)) {}
  SourceFile file;
  parser::Conductorfile parsed;
  StageGraph graph;
};

constexpr auto three_stages =
    "FROM debian:bookworm AS Tools\n"
    "FROM tools AS build\n"
    "RUN make\n"
    "FROM debian:bookworm AS tests\n"
    "COPY --from=build /a /a\n"
    "FROM scratch\n"
    "COPY --from=1 /a /a\n";

}  // namespace

TEST_CASE("the last stage and what it needs is built, nothing else") {
  const Arranged arranged(three_stages);
  CHECK(arranged.graph.target == 3);
  CHECK(arranged.graph.order == Numbers{0, 1, 3});
  CHECK(arranged.graph.stages[1].base_stage == 0U);
  CHECK(arranged.graph.stages[0].name == "tools");
  CHECK_FALSE(arranged.graph.stages[3].base_stage);
  CHECK(arranged.graph.stages[3].title() == "stage-3");
}

TEST_CASE("a target is named or numbered") {
  CHECK(Arranged(three_stages, "tests").graph.order == Numbers{0, 1, 2});
  CHECK(Arranged(three_stages, "TOOLS").graph.order == Numbers{0});
  CHECK(Arranged(three_stages, "1").graph.order == Numbers{0, 1});
  CHECK_THROWS_WITH(Arranged(three_stages, "biuld"), Contains("no stage is called biuld") && Contains("'build'"));
  CHECK_THROWS_AS(Arranged(three_stages, "4"), base::Error);
}

TEST_CASE("global arguments name the base") {
  const std::string text = "ARG SUITE=bookworm\nARG BASE=debian:$SUITE\nFROM $BASE\nFROM x:$TARGETARCH\n";
  CHECK(Arranged(text).graph.stages[0].base == "debian:bookworm");
  CHECK(Arranged(text).graph.stages[1].base == "x:amd64");
  CHECK(Arranged(text, {}, {{"SUITE", "trixie"}}).graph.stages[0].base == "debian:trixie");
  CHECK(Arranged(text).graph.globals.at("BASE") == "debian:bookworm");
}

TEST_CASE("a FROM without a name is a mistake with its place") {
  CHECK_THROWS_WITH(Arranged("ARG A\nFROM $A\n"), Contains("Conductorfile:2:6") && Contains("FROM names no image"));
}

TEST_CASE("a stage of the same name hides the earlier one") {
  const Arranged arranged("FROM a AS x\nFROM b AS x\nFROM x\n");
  CHECK(arranged.graph.stages[2].base_stage == 1U);
  CHECK(arranged.graph.order == Numbers{1, 2});
}

TEST_CASE("a stage that is called like its own base stands on the image") {
  const Arranged arranged("FROM debian AS debian\n");
  CHECK_FALSE(arranged.graph.stages[0].base_stage);
  CHECK(arranged.graph.stages[0].base == "debian");
}

TEST_CASE("COPY --from knows stages before images") {
  const Arranged arranged("FROM a AS x\nFROM b\nCOPY --from=X /f /\nCOPY --from=other:1 /f /\nCOPY f /\n");
  const auto& stage = arranged.graph.stages[1];
  const auto origin = [&](std::size_t i) {
    return origin_of(arranged.graph, stage, *stage.instructions[i], arranged.file);
  };
  CHECK(origin(1).kind == Origin::Kind::stage);
  CHECK(origin(1).stage == 0);
  CHECK(origin(2).kind == Origin::Kind::image);
  CHECK(origin(2).image == "other:1");
  CHECK(origin(3).kind == Origin::Kind::context);
  CHECK_THROWS_WITH(Arranged("FROM a\nCOPY --from=1 /f /\n"), Contains("there is no stage 1"));
}

TEST_CASE("a given argument that nobody declares is named") {
  const auto parsed = parser::parse_conductorfile("ARG A\nFROM x\nARG B=1\n", "Conductorfile");
  CHECK(unused_arguments(parsed, {{"A", ""}, {"B", ""}, {"C", ""}, {"https_proxy", ""}, {"TARGETARCH", ""}}) ==
        std::vector<std::string>{"C"});
}
