// Names below a hostile root, with the kernel's resolution and with the walk in user space: both must agree.
#include "base/error.hpp"
#include "linux/process.hpp"
#include "linux/root_fd.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

using namespace conductor;
using linux::Fd;
using linux::RootFd;

namespace {

// outside/secret must never be reached from root/.
struct Hostile {
  test::TemporaryDirectory place;
  RootFd root = prepare();

  explicit Hostile(bool walk) { linux::force_userspace_walk(walk); }
  ~Hostile() { linux::force_userspace_walk(false); }

  RootFd prepare() const {
    mkdir((place / "outside").c_str(), 0755);
    mkdir((place / "root").c_str(), 0755);
    RootFd::open(place / "outside").write_file("secret", "secret");
    RootFd inside = RootFd::open(place / "root");
    inside.write_file("etc/name", "inside");
    inside.symlink("../../../../../outside/secret", "up");
    inside.symlink(place / "outside/secret", "absolute");
    inside.symlink(place / "outside", "directory");
    inside.symlink("/etc/name", "good");
    inside.symlink("../etc/./name", "etc/dotted");
    inside.symlink("loop", "loop");
    inside.symlink("/etc/missing", "dangling");
    return inside;
  }
  std::vector<std::string> outside() const { return RootFd::open(place / "outside").list("/"); }
};

int code_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const base::Error& e) {
    return e.code();
  }
  return 0;
}

}  // namespace

TEST_CASE("links that point outside are resolved inside the root") {
  const Hostile hostile(GENERATE(false, true));
  const RootFd& root = hostile.root;
  CHECK(root.read_file("good", 100) == "inside");
  CHECK(root.read_file("/etc/dotted", 100) == "inside");
  CHECK(root.read_file("etc/../../../etc/name", 100) == "inside");
  CHECK(root.read_file("up", 100) == std::nullopt);
  CHECK(root.read_file("absolute", 100) == std::nullopt);
  CHECK(root.read_file("directory/secret", 100) == std::nullopt);
  CHECK(root.read_file("../outside/secret", 100) == std::nullopt);
}

TEST_CASE("nothing is made outside through links") {
  const Hostile hostile(GENERATE(false, true));
  const RootFd& root = hostile.root;
  root.make_directories("directory/made");
  root.make_file("up");
  root.make_file("absolute");
  root.make_directories("../../etc/deep/er");
  CHECK(hostile.outside() == std::vector<std::string>{"secret"});
  CHECK(root.status("outside/secret")->st_size == 0);  // where "up" leads inside
  CHECK(S_ISDIR(root.status("etc/deep/er")->st_mode));
  CHECK(S_ISREG(root.status(hostile.place / "outside/secret")->st_mode));  // the whole path again, inside
}

TEST_CASE("link loops and magic links are refused") {
  const Hostile hostile(GENERATE(false, true));
  CHECK(code_of([&] { hostile.root.open("loop", O_RDONLY); }) == ELOOP);
  const RootFd processes = RootFd::open("/proc");
  CHECK(code_of([&] { processes.open(std::to_string(getpid()) + "/root/etc", O_PATH); }) == ELOOP);
  CHECK(code_of([&] { processes.open(std::to_string(getpid()) + "/cwd", O_PATH); }) == ELOOP);
}

TEST_CASE("the last component is followed unless O_NOFOLLOW is given") {
  const Hostile hostile(GENERATE(false, true));
  const RootFd& root = hostile.root;
  CHECK(S_ISLNK(root.status("good")->st_mode));
  CHECK(root.read_link("good") == "/etc/name");
  CHECK(root.read_link("etc/name") == std::nullopt);
  CHECK(root.read_link("absent") == std::nullopt);
  CHECK(code_of([&] { root.open("good", O_RDONLY | O_NOFOLLOW); }) == ELOOP);
  CHECK_FALSE(root.try_open("dangling", O_RDONLY).has_value());
  CHECK_FALSE(root.try_open("etc/name/x", O_RDONLY).has_value());
  CHECK_FALSE(root.try_open("etc/name/", O_RDONLY).has_value());
}

TEST_CASE("O_CREAT makes the file a dangling link names, O_EXCL refuses it") {
  const Hostile hostile(GENERATE(false, true));
  CHECK(code_of([&] { hostile.root.open("dangling", O_WRONLY | O_CREAT | O_EXCL, 0600); }) == EEXIST);
  hostile.root.open("dangling", O_WRONLY | O_CREAT, 0600);
  CHECK(S_ISREG(hostile.root.status("etc/missing")->st_mode));
}

TEST_CASE("what is made has the mode asked for, whatever the umask") {
  const Hostile hostile(GENERATE(false, true));
  const mode_t before = umask(077);
  hostile.root.make_directories("a/b", 0751);
  hostile.root.make_file("c/file", 0640);
  hostile.root.write_file("d/file", "text", 0644);
  umask(before);
  CHECK((hostile.root.status("a")->st_mode & 07777U) == 0751U);
  CHECK((hostile.root.status("a/b")->st_mode & 07777U) == 0751U);
  CHECK((hostile.root.status("c")->st_mode & 07777U) == 0755U);
  CHECK((hostile.root.status("c/file")->st_mode & 07777U) == 0640U);
  CHECK((hostile.root.status("d/file")->st_mode & 07777U) == 0644U);
}

TEST_CASE("write_file replaces links instead of following them") {
  const Hostile hostile(GENERATE(false, true));
  hostile.root.write_file("good", "new");
  CHECK(S_ISREG(hostile.root.status("good")->st_mode));
  CHECK(hostile.root.read_file("etc/name", 100) == "inside");
  CHECK_THROWS_AS(hostile.root.write_file("etc", "x"), base::Error);
}

TEST_CASE("read_file takes regular files of bounded size only") {
  const Hostile hostile(GENERATE(false, true));
  REQUIRE(mkfifo((hostile.place / "root/fifo").c_str(), 0600) == 0);
  CHECK(hostile.root.read_file("fifo", 100) == std::nullopt);
  CHECK(hostile.root.read_file("etc", 100) == std::nullopt);
  CHECK(hostile.root.read_file("etc/name", 6) == "inside");
  CHECK_THROWS_AS(hostile.root.read_file("etc/name", 5), base::Error);
}

TEST_CASE("remove takes files and empty directories, remove_all trees and never what links name") {
  const Hostile hostile(GENERATE(false, true));
  const RootFd& root = hostile.root;
  root.remove("absolute");
  root.remove("absent");
  root.remove("absent/absent");
  CHECK_FALSE(root.status("absolute").has_value());
  CHECK(code_of([&] { root.remove("etc"); }) == ENOTEMPTY);
  root.remove_all("directory");
  root.remove_all("etc");
  root.remove_all("absent");
  CHECK_FALSE(root.status("etc").has_value());
  CHECK_THROWS_AS(root.remove_all("/"), base::Error);
  CHECK_THROWS_AS(root.remove_all("up/.."), base::Error);
  CHECK(hostile.outside() == std::vector<std::string>{"secret"});
}

TEST_CASE("a tree deeper than descriptors and paths allow is removed") {
  const test::TemporaryDirectory place;
  const RootFd root = RootFd::open(place.path());
  Fd at = root.make_directories("tree");
  for (int depth = 0; depth < 1500; ++depth) {
    REQUIRE(mkdirat(at.get(), "directory", 0700) == 0);
    REQUIRE(symlinkat("/", at.get(), "link") == 0);
    at = linux::open_at(at.get(), "directory", O_PATH | O_DIRECTORY);
  }
  at.reset();
  root.remove_all("tree");
  CHECK(root.list("/").empty());
}

TEST_CASE("names are listed sorted") {
  const Hostile hostile(false);
  CHECK(hostile.root.list("etc") == std::vector<std::string>{"dotted", "name"});
}

TEST_CASE("a directory swapped for a link all the time leads nowhere else") {
  const Hostile hostile(GENERATE(false, true));
  hostile.root.make_directories("swapped");
  const std::string here = hostile.place / "root/swapped";
  const std::string link = hostile.place / "root/directory";
  linux::Pipe stop = linux::make_pipe();
  const auto swapper = linux::clone_child(0, [&] {
    stop.write.reset();
    while (!linux::wait_readable(stop.read.get(), 1))
      if (renameat2(AT_FDCWD, here.c_str(), AT_FDCWD, link.c_str(), RENAME_EXCHANGE) != 0) return 1;
    return 0;
  });
  stop.read.reset();
  for (int i = 0; i < 500; ++i) {
    const std::string name = "swapped/" + std::to_string(i);
    try {
      hostile.root.make_file(name);
      hostile.root.write_file(name, "text");
      hostile.root.make_directories(name + "-directory/below");
      hostile.root.remove_all(name + "-directory");
    } catch (const base::Error&) {  // the swap was noticed
    }
  }
  stop.write.reset();
  CHECK(linux::wait_for(swapper.pidfd).code == 0);
  CHECK(hostile.outside() == std::vector<std::string>{"secret"});
  CHECK(RootFd::open(hostile.place / "outside").read_file("secret", 100) == "secret");
}
