// Contexts that are no directory: archives and texts from standard input and from the web.
#include "base/error.hpp"
#include "builder/context.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"
#include "transfer_rig.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <functional>

using namespace conductor;

namespace {

// A store's temporary directory, and what was said meanwhile.
class Rig {
 public:
  Rig() {
    use_built_program();
    store::Locations locations;
    locations.root = home_ / "root";
    locations.state = home_ / "state";
    locations.prepare();
    fetching.locations = locations;
    fetching.listener = [this](const builder::Event& event) {
      if (event.kind == builder::Event::Kind::note) notes.push_back(event.text);
    };
  }
  std::vector<std::string> temporary() const { return store::list_directory(fetching.locations->temporary()); }
  builder::Fetching fetching;
  std::vector<std::string> notes;

 private:
  test::TemporaryDirectory home_;
};

// Standard input has these bytes while it lives.
class Input {
 public:
  explicit Input(const std::string& bytes) : before_(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)) {
    const linux::Fd file = linux::make_memory_file("input", bytes);
    REQUIRE(dup2(file.get(), STDIN_FILENO) == STDIN_FILENO);
  }
  ~Input() {
    if (before_) dup2(before_.get(), STDIN_FILENO);
  }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

 private:
  linux::Fd before_;
};

std::string failure(const std::function<void()>& step) {
  try {
    step();
  } catch (const base::Error& e) {
    return std::string(e.what()) + " | " + e.hint();
  }
  return "none";
}

const std::string archive = tar({{.name = "Dockerfile", .content = "FROM archive"},
                                 {.name = "sub/build.txt", .content = "FROM sub"},
                                 {.name = ".dockerignore", .content = "ignored"},
                                 {.name = "file", .content = "hello", .mode = 0600, .uid = 5}});

}  // namespace

TEST_CASE("an archive on standard input is a context, which is gone with it") {
  Rig rig;
  {
    const Input input(archive);
    const auto context = builder::open_context("-", "", rig.fetching);
    CHECK(context.file.text == "FROM archive");
    CHECK(context.file.name == "Dockerfile");
    CHECK(context.root.read_file("file", 10) == "hello");
    CHECK(context.ignore.ignores("ignored"));
    CHECK(rig.temporary().size() == 1);
  }
  CHECK(rig.temporary().empty());
}

TEST_CASE("-f names a file of the archive, never one of this machine") {
  Rig rig;
  {
    const Input input(archive);
    CHECK(builder::open_context("-", "sub/build.txt", rig.fetching).file.text == "FROM sub");
  }
  const Input input(archive);
  CHECK_THAT(failure([&] { builder::open_context("-", "/etc/passwd", rig.fetching); }), Contains("in the context"));
  CHECK(rig.temporary().empty());
}

TEST_CASE("a text on standard input is a Conductorfile with an empty context") {
  Rig rig;
  const Input input("FROM text\n");
  const auto context = builder::open_context("-", "", rig.fetching);
  CHECK(context.file.text == "FROM text\n");
  CHECK(context.root.list(".").empty());
}

TEST_CASE("standard input may be the Conductorfile of a directory") {
  Rig rig;
  const test::TemporaryDirectory home;
  linux::RootFd::open(home.path()).write_file("part", "1");
  const Input input("FROM input\n");
  const auto context = builder::open_context(home.path(), "-", rig.fetching);
  CHECK(context.file.text == "FROM input\n");
  CHECK(builder::includer_of(context)("part", context.file.name).text == "1");
  CHECK_THAT(failure([&] { builder::open_context("-", "-", rig.fetching); }),
             Contains("cannot both be standard input"));
}

TEST_CASE("a text that is too long, or half an archive, leaves nothing behind") {
  Rig rig;
  {
    const Input input(std::string((2U << 20U) + 1, '#'));
    CHECK_THAT(failure([&] { builder::open_context("-", "", rig.fetching); }), Contains("more than 2097152 bytes"));
  }
  const Input input(archive.substr(0, 1300));
  CHECK_THAT(failure([&] { builder::open_context("-", "", rig.fetching); }), Contains("the archive on standard input"));
  CHECK(rig.temporary().empty());
}

TEST_CASE("the web gives an archive or a Conductorfile") {
  Rig rig;
  const WebServer server([](const std::string& path, const std::string&) {
    if (path == "/text") return response("200 OK", "", "FROM web\n");
    return path == "/archive" ? response("200 OK", "", archive) : response("404 Not Found", "", "");
  });
  const auto context = builder::open_context(server.url("/archive"), "", rig.fetching);
  CHECK(context.file.text == "FROM archive");
  CHECK(context.resolved.starts_with("sha256:"));
  CHECK(context.identity == server.url("/archive") + "@" + context.resolved);
  CHECK(rig.notes.front() == "downloading " + server.url("/archive"));
  CHECK(builder::open_context(server.url("/text"), "", rig.fetching).file.text == "FROM web\n");
  const test::TemporaryDirectory home;
  CHECK(builder::open_context(home.path(), server.url("/text"), rig.fetching).file.text == "FROM web\n");
  CHECK_THAT(failure([&] { builder::open_context(server.url("/none"), "", rig.fetching); }), Contains("404"));
}

TEST_CASE("a named context from the web is the archive's tree, or the file itself") {
  Rig rig;
  const WebServer server([](const std::string& path, const std::string&) {
    return path == "/archive" ? response("200 OK", "", archive) : response("200 OK", "", "hello");
  });
  const auto tree = builder::open_source(server.url("/archive"), rig.fetching);
  CHECK(std::get<builder::SourceTree>(tree).root.read_file("file", 10) == "hello");
  const auto file = builder::open_source(server.url("/data.txt"), rig.fetching);
  CHECK(std::get<builder::SourceTree>(file).root.read_file("data.txt", 10) == "hello");
}

TEST_CASE("what is fetched ends when it is told to") {
  Rig rig;
  WebServer server([](const std::string&, const std::string&) { return WebServer::silence; });
  linux::Cancellation cancellation;
  rig.fetching.cancellation = &cancellation;
  std::thread watcher([&] {
    linux::wait_readable(server.asked.descriptor(), 10'000);
    cancellation.request();
  });
  CHECK_THAT(failure([&] { builder::open_context(server.url("/x"), "", rig.fetching); }), Contains("interrupted"));
  watcher.join();
  CHECK(rig.temporary().empty());
}
