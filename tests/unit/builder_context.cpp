// Which files a build takes for its Conductorfile, its rules and what they include; and what it says of missing ones.
#include "base/error.hpp"
#include "builder/context.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <functional>

using namespace conductor;

namespace {

class Home {
 public:
  Home() : root_(linux::RootFd::open(home_.path())) { root_.make_directories("app"); }
  void write(const std::string& path, const std::string& text) { root_.write_file(path, text); }
  std::string at(const std::string& path) const { return home_ / path; }
  linux::RootFd& root() { return root_; }

 private:
  test::TemporaryDirectory home_;
  linux::RootFd root_;
};

std::string failure(const std::function<void()>& step) {
  try {
    step();
  } catch (const base::Error& e) {
    return std::string(e.what()) + " | " + e.hint();
  }
  return "none";
}

// The working directory, for what is relative to it; back afterwards.
class Standing {
 public:
  explicit Standing(const std::string& path) : before_(linux::open_file(".", O_PATH | O_DIRECTORY)) {
    REQUIRE(chdir(path.c_str()) == 0);
  }
  ~Standing() { [[maybe_unused]] const int back = fchdir(before_.get()); }
  Standing(const Standing&) = delete;
  Standing& operator=(const Standing&) = delete;

 private:
  linux::Fd before_;
};

}  // namespace

TEST_CASE("the default is Conductorfile, then Dockerfile") {
  Home home;
  home.write("app/Dockerfile", "FROM b");
  CHECK(builder::open_context(home.at("app"), "").file.text == "FROM b");
  home.write("app/Conductorfile", "FROM a");
  const auto context = builder::open_context(home.at("app"), "");
  CHECK(context.file.text == "FROM a");
  CHECK(context.file.name == home.at("app/Conductorfile"));
  const Standing standing(home.at("app"));
  CHECK(builder::open_context(".", "").file.name == "Conductorfile");
}

TEST_CASE("a missing file comes with what was probably meant") {
  Home home;
  const auto open = [&](const std::string& file) {
    return failure([&] { builder::open_context(home.at("app"), file); });
  };
  CHECK_THAT(open(""), Contains("no Conductorfile and no Dockerfile in " + home.at("app")) && Contains("-f"));
  home.write("app/Dockerfile.dockerignore", "x");
  CHECK_THAT(open(""), !Contains("did you mean"));
  home.write("app/Containerfile", "FROM x");
  CHECK_THAT(open(""), Contains("did you mean -f " + home.at("app/Containerfile")));
  CHECK_THAT(open(home.at("app/Containerfil")), Contains("did you mean " + home.at("app/Containerfile")));
  CHECK_THAT(open(home.at("app")), Contains("is a directory"));
  CHECK_THAT(failure([&] { builder::open_context(home.at("none"), ""); }), Contains("there is no build context"));
  CHECK_THAT(failure([&] { builder::open_context(home.at("app/Containerfile"), ""); }),
             Contains("is not a directory") && Contains("standard input"));
}

TEST_CASE("the default file is the first of its names that is there") {
  Home home;
  for (const std::string name : {"dockerfile", "Dockerfile", "Conductorfile"}) {
    home.write("app/" + name, "FROM x");
    CHECK(builder::open_context(home.at("app"), "").file.name == home.at("app/" + name));
  }
}

TEST_CASE("a context may be a link, and a named file lie outside of it") {
  Home home;
  home.write("app/Dockerfile", "FROM inside");
  home.write("other/build.txt", "FROM outside");
  home.root().symlink("app", "link");
  const auto context = builder::open_context(home.at("link"), home.at("other/build.txt"));
  CHECK(context.path == home.at("app"));
  CHECK(context.file.text == "FROM outside");
  CHECK(context.file.name == home.at("other/build.txt"));
}

TEST_CASE("a relative file is one where the user stands, else one of the context") {
  Home home;
  home.write("app/build.txt", "FROM context");
  const Standing standing(home.at(""));
  CHECK(builder::open_context("app", "build.txt").file.text == "FROM context");
  home.write("build.txt", "FROM here");
  CHECK(builder::open_context("app", "build.txt").file.text == "FROM here");
  CHECK(builder::open_context("app", "app/build.txt").file.text == "FROM context");
  home.write("secret", "FROM secret");
  home.root().symlink("../secret", "app/leak");
  CHECK_THAT(failure([] { builder::open_context("app", "leak"); }), Contains("no file leak"));
}

TEST_CASE("files over their limits are refused") {
  Home home;
  home.write("app/Dockerfile", std::string((2U << 20U) + 1, '#'));
  CHECK_THAT(failure([&] { builder::open_context(home.at("app"), ""); }), Contains("more than 2097152 bytes"));
  home.write("app/Dockerfile", "FROM x");
  home.write("app/.dockerignore", std::string((1U << 20U) + 1, '#'));
  CHECK_THAT(failure([&] { builder::open_context(home.at("app"), ""); }), Contains("more than 1048576 bytes"));
}

TEST_CASE("rules beside the file win over those of the context") {
  Home home;
  home.write("app/Dockerfile", "FROM x");
  const auto open = [&](const std::string& file = "") { return builder::open_context(home.at("app"), file); };
  CHECK(open().ignore_file.empty());
  home.write("app/.dockerignore", "one");
  CHECK(open().ignore_file == home.at("app/.dockerignore"));
  home.write("app/.conductorignore", "two");
  CHECK(open().ignore.ignores("two"));
  home.write("app/Dockerfile.dockerignore", "three");
  CHECK(open().ignore.ignores("three"));
  CHECK_FALSE(open().ignore.ignores("two"));
  home.write("other/build.txt", "FROM x");
  CHECK(open(home.at("other/build.txt")).ignore.ignores("two"));
  home.write("other/build.txt.dockerignore", "four");
  CHECK(open(home.at("other/build.txt")).ignore.ignores("four"));
}

TEST_CASE("a file that is a link counts where the link is") {
  Home home;
  home.write("shared/Dockerfile", "FROM shared");
  home.write("app/part", "1");
  home.write("app/build.dockerignore", "x");
  home.root().symlink("../shared/Dockerfile", "app/build");
  const auto context = builder::open_context(home.at("app"), home.at("app/build"));
  CHECK(context.file.text == "FROM shared");
  CHECK(context.ignore.ignores("x"));
  CHECK(builder::includer_of(context)("part", context.file.name).text == "1");
}

TEST_CASE("INCLUDE is relative to the including file and stays in the context") {
  Home home;
  home.write("app/Dockerfile", "");
  home.write("app/parts/one", "1");
  home.write("app/parts/two", "2");
  home.write("secret", "secret");
  home.root().symlink("../secret", "app/leak");
  const auto context = builder::open_context(home.at("app"), "");
  const auto include = builder::includer_of(context);
  const std::string main = home.at("app/Dockerfile");
  const auto one = include("parts/one", main);
  CHECK(one.text == "1");
  CHECK(one.name == home.at("app/parts/one"));
  CHECK(include("two", one.name).text == "2");
  CHECK(include("../parts/./two", one.name).text == "2");
  CHECK(include("/parts/two", one.name).text == "2");
  CHECK_THAT(failure([&] { include("../secret", main); }), Contains("leads out"));
  CHECK_THAT(failure([&] { include("../../secret", one.name); }), Contains("leads out"));
  CHECK_THAT(failure([&] { include("leak", main); }), Contains("no file leak"));
  CHECK_THAT(failure([&] { include("none", main); }), Contains("no file none"));
  CHECK_THAT(failure([&] { include("parts", main); }), Contains("no file parts"));
}

TEST_CASE("a file outside the context includes what is beside it") {
  Home home;
  home.write("other/build.txt", "");
  home.write("other/part", "beside");
  home.write("app/part", "context");
  home.write("secret", "secret");
  const auto context = builder::open_context(home.at("app"), home.at("other/build.txt"));
  const auto include = builder::includer_of(context);
  CHECK(include("part", home.at("other/build.txt")).text == "beside");
  CHECK_THAT(failure([&] { include("../secret", home.at("other/build.txt")); }), Contains("leads out"));
}

TEST_CASE("a named context is a directory with rules of its own, or an image") {
  Home home;
  home.write("app/.dockerignore", "x");
  auto source = builder::open_source(home.at("app"));
  auto* tree = std::get_if<builder::SourceTree>(&source);
  REQUIRE(tree != nullptr);
  CHECK(tree->identity == home.at("app"));
  CHECK(builder::context_without_file(std::move(*tree)).ignore.ignores("x"));
  const auto image = builder::open_source("docker-image://debian:bookworm@sha256:1");
  CHECK(std::get<builder::SourceImage>(image).reference == "debian:bookworm@sha256:1");
  CHECK_THAT(failure([] { builder::open_source("oci-layout:///x:latest"); }),
             Contains("OCI layout") && Contains("load"));
  CHECK_THAT(failure([] { builder::open_source("ftp://example.org/x"); }), Contains("not ftp://example.org/x"));
  CHECK_THAT(failure([&] { builder::open_source(home.at("none")); }), Contains("there is no build context"));
}
