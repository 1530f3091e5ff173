// What an image says about itself: configuration, triggers, history, and the bases it stands on.
#include "base/error.hpp"
#include "builder_rig.hpp"
#include "support/catch.hpp"

using namespace conductor;
using Words = std::vector<std::string>;

namespace {

Words history_of(const image::Image& image) {
  Words lines;
  for (const auto& entry : image.history) lines.push_back(entry.created_by + (entry.empty_layer ? "" : " *"));
  return lines;
}

}  // namespace

TEST_CASE("metadata instructions end up in the configuration") {
  BuilderRig rig;
  const auto image = rig.build(
      "FROM scratch\nMAINTAINER some one\nARG P=8080\nENV A=b C=\"d e\"\nLABEL l=\"$A\" m=n\nEXPOSE $P 53/udp\n"
      "VOLUME /b [\nVOLUME [\"/a\", \"/b\"]\nSTOPSIGNAL SIGINT\nUSER 1:2\n"
      "HEALTHCHECK --interval=1s CMD test -f /x\nSHELL [\"/bin/bash\", \"-c\"]\nCMD serve $A\n");
  const auto& config = image.config;
  CHECK(image.author == "some one");
  CHECK(config.env == Words{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "A=b", "C=d e"});
  CHECK(config.labels == std::map<std::string, std::string>{{"l", "b"}, {"m", "n"}});
  CHECK(config.exposed_ports == Words{"53/udp", "8080/tcp"});
  CHECK(config.volumes == Words{"/a", "/b", "["});
  CHECK(config.stop_signal == "SIGINT");
  CHECK(config.user == "1:2");
  REQUIRE(config.healthcheck);
  CHECK(config.healthcheck->test == Words{"CMD-SHELL", "test -f /x"});
  CHECK(config.shell == Words{"/bin/bash", "-c"});
  CHECK(config.cmd == Words{"/bin/bash", "-c", "serve $A"});
  CHECK(image.layers.empty());
}

TEST_CASE("a new entrypoint takes the base's command away, unless the stage has one") {
  BuilderRig rig;
  const std::string base = "FROM scratch AS base\nENTRYPOINT [\"e\"]\nCMD [\"c\"]\n";
  CHECK(rig.build(base).config.cmd == Words{"c"});
  CHECK_FALSE(rig.build(base + "FROM base\nENTRYPOINT [\"f\"]\n").config.cmd);
  CHECK(rig.build(base + "FROM base\nCMD [\"d\"]\nENTRYPOINT [\"f\"]\n").config.cmd == Words{"d"});
  CHECK_FALSE(rig.build(base + "FROM base\nENTRYPOINT []\n").config.entrypoint);
}

TEST_CASE("a failing metadata instruction says where") {
  BuilderRig rig;
  CHECK_THAT(rig.failure("FROM scratch\nSTOPSIGNAL SIGFOO\n"),
             Contains("Conductorfile:2:1") && Contains("SIGFOO is not a signal"));
  CHECK_THAT(rig.failure("FROM scratch\nARG P=99999\nEXPOSE $P\n"),
             Contains("Conductorfile:3:1") && Contains("99999 is not a port"));
}

TEST_CASE("triggers run where the image is used, once") {
  BuilderRig rig;
  rig.context().write_file("f", "from the context");
  rig.options.tags = {"trigger"};
  const auto base = rig.build("FROM scratch\nONBUILD COPY f /triggered\nONBUILD ENV T=t\nENV A=a\n");
  CHECK(base.config.on_build == Words{"COPY f /triggered", "ENV T=t"});
  CHECK(base.layers.empty());
  rig.options.tags = {"child"};
  const auto child = rig.build("FROM trigger\nENV B=$T\n");
  CHECK(text_of(rig.files(child), "/triggered") == "from the context");
  CHECK(child.config.on_build.empty());
  CHECK(child.config.env.back() == "B=t");
  rig.options.tags.clear();
  CHECK(rig.build("FROM child\n").layers.size() == 1);
}

TEST_CASE("triggers of a stage, and triggers that need a stage") {
  BuilderRig rig;
  rig.context().write_file("f", "f");
  rig.options.tags = {"trigger"};
  rig.build("FROM scratch\nONBUILD COPY --from=files /f /g\n");
  rig.options.tags.clear();
  const auto image = rig.build("FROM scratch AS files\nCOPY f /f\nFROM trigger\n");
  CHECK(text_of(rig.files(image), "/g") == "f");
  const auto staged = rig.build("FROM scratch AS a\nONBUILD COPY f /h\nFROM a AS b\nFROM b\nENV X=y\n");
  CHECK(rig.files(staged).list("/") == Words{"h"});
  CHECK(staged.layers.size() == 1);
}

TEST_CASE("history has an entry for each instruction") {
  BuilderRig rig;
  rig.context().write_file("f", "f");
  rig.options.source_date_epoch = 1'600'000'000;
  const auto image = rig.build("FROM scratch AS a\nENV A=b\nFROM a\nCOPY f /f\nCMD x\n");
  CHECK(history_of(image) == Words{"ENV A=b", "COPY f /f *", "CMD [\"/bin/sh\" \"-c\" \"x\"]"});
  for (const auto& entry : image.history) CHECK(entry.created == 1'600'000'000);
  CHECK(image.created == 1'600'000'000'000'000'000);
}

TEST_CASE("SOURCE_DATE_EPOCH: an argument, an ARG, times and the cache") {
  BuilderRig rig;
  rig.context().write_file("f", "f");
  const std::string text = "FROM scratch\nCOPY f /f\nARG SOURCE_DATE_EPOCH\nLABEL t=$SOURCE_DATE_EPOCH\n";
  rig.options.args = {{"SOURCE_DATE_EPOCH", "1000"}};
  const auto image = rig.build(text);
  CHECK(image.config.labels.at("t") == "1000");
  CHECK(rig.files(image).status("/f")->st_mtim.tv_sec == 1000);
  rig.options.args.clear();
  rig.options.source_date_epoch = 1000;
  CHECK(rig.build(text).id == image.id);
  CHECK(rig.made == 0);
  rig.options.source_date_epoch = 2000;
  CHECK(rig.files(rig.build(text)).status("/f")->st_mtim.tv_sec == 2000);
  CHECK(rig.made == 1);
  rig.options.source_date_epoch.reset();
  rig.options.args = {{"SOURCE_DATE_EPOCH", "soon"}};
  CHECK_THAT(rig.failure(text), Contains("SOURCE_DATE_EPOCH=soon is not a time"));
}

TEST_CASE("a named context hides an image, a stage, or is copied from") {
  BuilderRig rig;
  test::TemporaryDirectory other;
  const auto root = linux::RootFd::open(other.path());
  root.write_file("d/g", "g");
  root.write_file("left", "out");
  root.write_file(".dockerignore", "left\n");
  rig.context().write_file("f", "f");
  rig.options.contexts = {{"base", other.path()}, {"whole", other.path()}};
  CHECK(text_of(rig.files(rig.build("FROM base\nCOPY f /f\n")), "/d/g") == "g");
  CHECK(text_of(rig.files(rig.build("FROM base:latest\n")), "/left") == "(absent)");
  const auto staged = rig.build("FROM no.such/image AS whole\nRUN false\nFROM scratch\nCOPY --from=whole d /\n");
  CHECK(rig.files(staged).list("/") == Words{"g"});
  CHECK(facts_of(rig.files(staged), "/g") == "0644 0:0 file");
  rig.options.tags = {"local"};
  rig.build("FROM scratch\nCOPY f /local\n");
  rig.options.tags.clear();
  rig.options.contexts = {{"other", "docker-image://local"}};
  CHECK(rig.files(rig.build("FROM other\n")).list("/") == Words{"local"});
  rig.options.contexts = {{"base", "/no/such/directory"}};
  CHECK_THAT(rig.failure("FROM base\n"), Contains("Conductorfile:1:1") && Contains("/no/such/directory"));
}

TEST_CASE("conductor.lock is written, holds, and refuses what has moved") {
  BuilderRig rig;
  rig.context().write_file("f", "f");
  rig.options.tags = {"base"};
  const std::string base = "FROM scratch\nCOPY f /f\nLABEL v=";
  rig.build(base + "1\n");
  rig.options.tags.clear();
  rig.options.lock = true;
  rig.build("FROM base\nCOPY --from=base f /g\n");
  CHECK_THAT(text_of(rig.context(), "conductor.lock"), Contains("\"base\"") && Contains("\"format\": 1"));
  rig.options.lock = false;
  rig.options.locked = true;
  rig.build("FROM base\nCOPY --from=base f /g\n");
  rig.options.locked = false;
  rig.options.tags = {"base"};
  rig.build(base + "2\n");
  rig.options.tags.clear();
  rig.options.locked = true;
  CHECK_THAT(rig.failure("FROM base\n"), Contains("Conductorfile:1:1") && Contains("base was image "));
  CHECK_THAT(rig.failure("FROM scratch\nCOPY --from=base f /g\n"), Contains("Conductorfile:2:1"));
  CHECK(rig.steps.empty());
}

TEST_CASE("verify finds nothing where all is the same, and the step where it is not") {
  BuilderRig rig;
  if (!rig.add_programs()) SKIP_TEST("there is no static busybox at /bin/busybox");
  builder::BuildOptions options;
  options.context = rig.context_path();
  rig.context().write_file("Conductorfile", with_programs + "RUN --network=none echo same > /s\n");
  CHECK_FALSE(builder::verify(rig.engine(), options, nullptr));
  rig.context().write_file("Conductorfile",
                           with_programs +
                               "RUN --network=none echo same > /s\n"
                               "RUN --network=none mkdir /d && cat /proc/sys/kernel/random/uuid > /d/id\n");
  const auto difference = builder::verify(rig.engine(), options, nullptr);
  REQUIRE(difference);
  CHECK_THAT(difference->step, Contains("Conductorfile:4: RUN"));
  CHECK(difference->path == "/d/id");
  CHECK_THAT(difference->how, Contains("content"));
  rig.context().write_file("Conductorfile", with_programs + "RUN --network=none /bin/busybox date +%s > /now\n");
  const auto clock = builder::verify(rig.engine(), options, nullptr);
  REQUIRE(clock);
  CHECK(clock->path == "/now");
}
