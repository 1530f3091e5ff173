// RUN: layers, environment, confinement of what it leaves.
#include "base/error.hpp"
#include "builder_rig.hpp"
#include "linux/cgroup.hpp"
#include "support/catch.hpp"

#include <thread>

using namespace conductor;
using Names = std::vector<std::string>;

#define NEED_PROGRAMS(rig) \
  if (!(rig).add_programs()) SKIP_TEST("there is no static busybox at /bin/busybox")

TEST_CASE("a file of a lower layer that RUN changes shows its new content") {
  BuilderRig rig;
  NEED_PROGRAMS(rig);
  rig.context().write_file("f", "base\n");
  rig.context().write_file("gone", "x");
  const std::string text =
      with_programs + "COPY f gone /\nRUN --network=none echo new > /f && rm /gone && echo more > /g\n";
  const auto image = rig.build(text);
  CHECK(image.layers.size() == 3);
  CHECK(text_of(rig.files(image), "/f") == "new\n");
  CHECK(text_of(rig.files(image), "/g") == "more\n");
  CHECK(text_of(rig.files(image), "/gone") == "(absent)");
  CHECK(text_of(rig.files_below(image, 1), "/f") == "base\n");
  CHECK(rig.build(text).id == image.id);
  CHECK(rig.made == 0);
}

TEST_CASE("a directory that is made again does not show what it held before") {
  BuilderRig rig;
  NEED_PROGRAMS(rig);
  rig.context().write_file("old/a", "a");
  rig.context().write_file("new/b", "b");
  const std::string old = with_programs + "COPY old /d\nCOPY old /e/old\nRUN --network=none rm -r /d /e\n";
  const auto root = rig.files(rig.build(old + "COPY new /d\nCOPY new /e/new\n"));
  CHECK(root.list("/d") == Names{"b"});
  CHECK(root.list("/e") == Names{"new"});
  CHECK(rig.files(rig.build(old + "RUN --network=none mkdir /d && touch /d/c\n")).list("/d") == Names{"c"});
}

TEST_CASE("a RUN that fails says where and why, is not cached, and leaves nothing") {
  BuilderRig rig;
  NEED_PROGRAMS(rig);
  const std::string text = with_programs + "RUN --network=none echo told; touch /left; exit 7\n";
  const std::string message = rig.failure(text);
  CHECK_THAT(message, Contains("Conductorfile:3:1") && Contains("exit code 7"));
  CHECK(rig.output == "told\n");
  CHECK(store::list_directory(rig.locations().temporary()).empty());
  CHECK(linux::list_cgroups(rig.locations().instance).empty());
  CHECK(store::list_directory(rig.locations().containers()).empty());
  CHECK(store::list_directory(rig.locations().layers()).size() == 2);  // of the COPY: the directory and its record
  rig.failure(text);
  CHECK(rig.cached == 1);
  CHECK(rig.output == "told\n");
}

TEST_CASE("what runs sees ARG and ENV, the directory and the user") {
  BuilderRig rig;
  NEED_PROGRAMS(rig);
  rig.context().write_file("etc/passwd", "app:x:1000:1000::/home:/bin/sh\n");
  rig.options.args = {{"GIVEN", "given"}, {"HTTP_PROXY", "proxy"}};
  rig.build(with_programs +
            "COPY etc /etc\nARG GIVEN\nARG A=argument B=b\nENV A=environment\nWORKDIR /w\nUSER app\n"
            "RUN --network=none echo \"$GIVEN $A $B $HTTP_PROXY $(pwd) $(id -u)\"; echo error >&2\n");
  CHECK(rig.output == "given environment b proxy /w 1000\nerror\n");
  rig.options.args["HTTP_PROXY"] = "other";
  rig.context().write_file("unrelated", "");
  rig.build(text_of(rig.context(), "Conductorfile"));
  CHECK(rig.made == 0);
  rig.options.args["GIVEN"] = "changed";
  rig.build(text_of(rig.context(), "Conductorfile"));
  CHECK(rig.made == 1);
}

TEST_CASE("a RUN leaves no mount points behind") {
  BuilderRig rig;
  NEED_PROGRAMS(rig);
  const auto image = rig.build(with_programs + "RUN --network=none true\nRUN --network=none touch /only\n");
  CHECK(rig.files(image).list("/") == Names{"bin", "only"});
  CHECK(image.layers.size() == 2);  // the first RUN has left nothing
  rig.context().write_file("etc/os", "x");
  const auto root = rig.files(rig.build(with_programs + "COPY etc /etc\nRUN --network=none touch /etc/made\n"));
  CHECK(root.list("/etc") == Names{"made", "os"});
}

TEST_CASE("here-documents run") {
  BuilderRig rig;
  NEED_PROGRAMS(rig);
  const auto image = rig.build(with_programs +
                               "RUN --network=none <<EOF\necho one\necho \"two\"\nEOF\n"
                               "RUN --network=none <<'EOF'\n#!/bin/cat\nshown\nEOF\n"
                               "RUN --network=none cat <<A <<B\na\nA\nb\nB\n"
                               "RUN --network=none [\"/bin/echo\", \"$HOME\", \"a b\"]\n");
  CHECK(rig.output == "one\ntwo\n#!/bin/cat\nshown\nb\n$HOME a b\n");
  CHECK(rig.files(image).list("/") == Names{"bin"});
}

TEST_CASE("--network=none has nothing but a loopback, the default more") {
  BuilderRig rig;
  NEED_PROGRAMS(rig);
  const std::string show = "ls /sys/class/net | sed 's/^/if:/'\n";
  rig.build(with_programs + "RUN --network=none " + show);
  CHECK(rig.output == "if:lo\n");
  rig.build(with_programs + "RUN " + show);
  CHECK_THAT(rig.output, Contains("if:lo\n") && Contains("if:eth0\n"));
}

TEST_CASE("a program that is not there") {
  BuilderRig rig;
  NEED_PROGRAMS(rig);
  CHECK_THAT(rig.failure(with_programs + "RUN --network=none [\"/none\"]\n"), Contains("Conductorfile:3:1"));
  CHECK_THAT(rig.failure("FROM scratch\nRUN --network=none x\n"), Contains("no program to run"));
}

TEST_CASE("two builds at once make the same image twice") {
  BuilderRig rig;
  NEED_PROGRAMS(rig);
  rig.context().write_file("f", "f");
  const std::string text = with_programs + "COPY f /f\nWORKDIR /w\n";
  rig.context().write_file("Conductorfile", text);
  builder::BuildOptions options;
  options.context = rig.context_path();
  std::vector<image::Image> images(2);
  std::vector<std::thread> threads;
  for (auto& image : images)
    threads.emplace_back([&] { image = builder::build(rig.engine(), options, nullptr).image; });
  for (auto& thread : threads) thread.join();
  for (const auto& image : images) CHECK(text_of(rig.files(image), "/f") == "f");
  CHECK(store::list_directory(rig.locations().temporary()).empty());
}
