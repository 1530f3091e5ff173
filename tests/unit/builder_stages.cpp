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
  Arranged(std::string text, const GraphOptions& options)
      : file{"Conductorfile", std::move(text)},
        parsed(parser::parse_conductorfile(file.text, file.name)),
        graph(arrange_stages(parsed, options, file)) {}
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

TEST_CASE("a later stage can be copied from, a circle cannot be built") {
  CHECK(Arranged("FROM a AS x\nCOPY --from=y /f /\nFROM b AS y\n", "x").graph.order == Numbers{1, 0});
  CHECK_THROWS_WITH(Arranged("FROM a AS x\nCOPY --from=y /f /\nFROM b AS y\nCOPY --from=x /f /\n"),
                    Contains("Conductorfile:3:1") && Contains("stage y needs itself"));
  CHECK_THROWS_WITH(Arranged("FROM a AS x\nCOPY --from=x /f /\n"), Contains("stage x needs itself"));
  CHECK_THROWS_WITH(Arranged("FROM a AS x\nCOPY --from=0 /f /\n"), Contains("stage x needs itself"));
}

TEST_CASE("a variable cannot say where to copy from") {
  CHECK_THROWS_WITH(Arranged("ARG S=x\nFROM a AS x\nFROM b\nARG S\nCOPY --from=$S /f /\n"),
                    Contains("Conductorfile:5") && Contains("not expanded"));
}

TEST_CASE("mounts need stages") {
  const Arranged arranged(
      "FROM a AS x\nFROM a AS y\nFROM a AS z\n"
      "FROM b\nRUN --mount=target=/t,from=x --mount=type=cache,\"from=y\",target=/c true\nRUN --mount=target=/u "
      "true\n");
  CHECK(arranged.graph.order == Numbers{0, 1, 3});
  const auto origins = origins_of(arranged.graph, arranged.graph.stages[3], arranged.file);
  REQUIRE(origins.size() == 2);
  CHECK(origins[1].origin.stage == 1);
  CHECK(origins[1].instruction->keyword == "RUN");
}

TEST_CASE("a platform is this machine's") {
  for (const char* platform : {"linux/amd64", "amd64", "linux", "x86_64", "LINUX/AMD64", "$BUILDPLATFORM", "$P"}) {
    INFO(platform);
    CHECK_NOTHROW(Arranged("ARG P=linux/amd64\nFROM --platform=" + std::string(platform) + " a\n"));
  }
  CHECK_THROWS_WITH(Arranged("ARG P=linux/arm64\nFROM --platform=$P a\n"),
                    Contains("linux/arm64 is not this machine's"));
  CHECK_THROWS_WITH(Arranged("ARG P\nFROM --platform=$P a\n"), Contains("names no platform"));
}

TEST_CASE("named contexts hide images and stages") {
  GraphOptions options{
      "",
      {},
      "amd64",
      {{"Docker.io/library/base:latest", "/dir"}, {"whole", "/w"}, {"image", "docker-image://other:1"}},
      {}};
  const Arranged arranged(
      "FROM base AS a\nFROM x AS whole\nRUN false\nFROM image AS c\n"
      "FROM a\nCOPY --from=whole /f /\nCOPY --from=base /f /\nCOPY --from=image /f /\nCOPY --from=c /f /\n",
      options);
  const auto& stages = arranged.graph.stages;
  CHECK(stages[0].base_context == "base");
  REQUIRE(stages[0].instructions.size() == 2);
  CHECK(stages[0].instructions[1]->text == "COPY --from=base . /");
  CHECK(stages[2].base == "other:1");
  CHECK(arranged.graph.order == Numbers{0, 2, 3});
  const auto origins = origins_of(arranged.graph, stages[3], arranged.file);
  REQUIRE(origins.size() == 4);
  CHECK(origins[0].origin.name == "whole");
  CHECK(origins[1].origin.kind == Origin::Kind::named);
  CHECK(origins[2].origin.image == "other:1");
  CHECK(origins[3].origin.kind == Origin::Kind::stage);
}

TEST_CASE("a stage that a context stands for has no instructions of its own") {
  const Arranged arranged("FROM x AS whole\nRUN false\nFROM whole\n", {"", {}, "amd64", {{"whole", "/w"}}, {}});
  CHECK(arranged.graph.stages[0].instructions.size() == 2);
  CHECK(arranged.graph.stages[0].instructions[1]->keyword == "COPY");
}

TEST_CASE("triggers are instructions right after FROM, of those who stand on the base") {
  GraphOptions options{"", {}, "amd64", {}, [](const std::string& image) {
                         return image == "base" ? std::vector<std::string>{"ENV A=b", "COPY --from=x /f /"}
                                                : std::vector<std::string>{};
                       }};
  const Arranged arranged("FROM other AS x\nONBUILD ENV C=d\nFROM base AS y\nENV E=f\nFROM x\nFROM y\n", options);
  const auto words = [&](std::size_t stage) {
    std::string all;
    for (const auto* instruction : arranged.graph.stages[stage].instructions) all += instruction->text + "; ";
    return all;
  };
  CHECK(words(1) == "FROM base AS y; ENV A=b; COPY --from=x /f /; ENV E=f; ");
  CHECK(words(3) == "FROM y; ");
  CHECK(arranged.graph.order == Numbers{0, 1, 3});
  options.target = "2";
  const Arranged staged("FROM other AS x\nONBUILD ENV C=d\nFROM base AS y\nFROM x\nRUN z\n", options);
  CHECK(staged.graph.stages[2].instructions[1]->text == "ENV C=d");
}

TEST_CASE("more stages or instructions than anybody writes are refused at once") {
  std::string stages, instructions = "FROM a\n";
  for (std::size_t i = 0; i <= max_stages; ++i) stages += "FROM a\n";
  for (std::size_t i = 0; i <= max_instructions; ++i) instructions += "ENV A=b\n";
  CHECK_THROWS_WITH(Arranged(stages), Contains("Conductorfile:1001:1") && Contains("more than 1000 stages"));
  CHECK_THROWS_WITH(Arranged(instructions), Contains("more than 10000 instructions"));
}

TEST_CASE("a given argument that nobody declares is named") {
  const auto parsed = parser::parse_conductorfile("ARG A\nFROM x\nARG B=1\n", "Conductorfile");
  CHECK(unused_arguments(parsed, {{"A", ""}, {"B", ""}, {"C", ""}, {"https_proxy", ""}, {"TARGETARCH", ""}}) ==
        std::vector<std::string>{"C"});
}
