// A new volume takes the content of the image, seen through its layers.
#include "base/error.hpp"
#include "linux/mount.hpp"
#include "store/records.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"
#include "volume/volume.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace {

using namespace conductor;

struct Fixture {
  test::TemporaryDirectory directory;
  store::Locations locations = store::Locations::choose(directory / "root", directory / "state");
  volume::Volumes volumes{locations};
  std::string low = directory / "low", high = directory / "high";  // two layers

  Fixture() {
    locations.prepare();
    volumes.create("data");
    store::make_directory(low + "/srv/data/below", 0755);
    store::make_directory(high + "/srv/data", 0755);
  }
  std::string data(const std::string& name = {}) const {
    return volumes.data_directory("data") + (name.empty() ? "" : "/" + name);
  }
  void fill() { volumes.fill("data", {high, low}, "/srv/data"); }
};

bool is_root() { return geteuid() == 0; }

struct stat status(const std::string& path) {
  struct stat found{};
  REQUIRE(lstat(path.c_str(), &found) == 0);
  return found;
}

bool exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

TEST_CASE_METHOD(Fixture, "the content is what a container would see") {
  if (!is_root()) SKIP_TEST("needs root");
  store::write_file_atomically(low + "/srv/data/covered", "low");
  store::write_file_atomically(high + "/srv/data/covered", "high");
  store::write_file_atomically(low + "/srv/data/deleted", "x");
  REQUIRE(mknod((high + "/srv/data/deleted").c_str(), S_IFCHR, makedev(0, 0)) == 0);
  store::write_file_atomically(low + "/srv/data/below/hidden", "x");
  store::make_directory(high + "/srv/data/below", 0755);
  REQUIRE(setxattr((high + "/srv/data/below").c_str(), "trusted.overlay.opaque", "y", 1, 0) == 0);
  store::write_file_atomically(high + "/srv/data/below/new", "y");
  fill();
  CHECK(store::list_directory(data()) == std::vector<std::string>{"below", "covered"});
  CHECK(store::list_directory(data("below")) == std::vector<std::string>{"new"});
  CHECK(linux::read_file(data("covered")) == "high");
  CHECK(getxattr(data("below").c_str(), "trusted.overlay.opaque", nullptr, 0) < 0);
}

TEST_CASE_METHOD(Fixture, "owners, modes, times, links, special files and attributes come with it") {
  if (!is_root()) SKIP_TEST("needs root");
  const std::string source = low + "/srv/data/";
  store::write_file_atomically(source + "program", std::string(100000, 'p'));
  REQUIRE(chown((source + "program").c_str(), 1234, 2345) == 0);
  REQUIRE(chmod((source + "program").c_str(), 04751) == 0);
  REQUIRE(setxattr((source + "program").c_str(), "trusted.sample", "value", 5, 0) == 0);
  const timespec times[2] = {{1000000000, 5}, {1100000000, 7}};
  REQUIRE(utimensat(AT_FDCWD, (source + "program").c_str(), times, 0) == 0);
  REQUIRE(link((source + "program").c_str(), (source + "below/same").c_str()) == 0);
  REQUIRE(symlink("/etc/../target", (source + "link").c_str()) == 0);
  REQUIRE(lchown((source + "link").c_str(), 7, 8) == 0);
  REQUIRE(mkfifo((source + "fifo").c_str(), 0640) == 0);
  REQUIRE(chown((low + "/srv/data").c_str(), 55, 66) == 0);
  REQUIRE(chmod((low + "/srv/data").c_str(), 01770) == 0);
  volumes.fill("data", {low}, "/srv/data");

  const auto program = status(data("program"));
  CHECK(program.st_uid == 1234U);
  CHECK(program.st_gid == 2345U);
  CHECK((program.st_mode & 07777U) == 04751U);
  CHECK(program.st_mtim.tv_sec == 1100000000);
  CHECK(program.st_mtim.tv_nsec == 7);
  CHECK(program.st_size == 100000);
  CHECK(program.st_ino == status(data("below/same")).st_ino);
  char value[16] = {};
  CHECK(getxattr(data("program").c_str(), "trusted.sample", value, sizeof value) == 5);
  CHECK(std::string(value) == "value");
  char target[64] = {};
  REQUIRE(readlink(data("link").c_str(), target, sizeof target) > 0);
  CHECK(std::string(target) == "/etc/../target");
  CHECK(status(data("link")).st_uid == 7U);
  CHECK(S_ISFIFO(status(data("fifo")).st_mode));
  CHECK((status(data("fifo")).st_mode & 07777U) == 0640U);
  CHECK(status(data()).st_uid == 55U);
  CHECK((status(data()).st_mode & 07777U) == 01770U);
}

TEST_CASE_METHOD(Fixture, "only the first use fills it") {
  if (!is_root()) SKIP_TEST("needs root");
  store::write_file_atomically(low + "/srv/data/file", "first");
  fill();
  const auto inode = status(data()).st_ino;
  REQUIRE(store::remove_file(data("file")));
  fill();
  CHECK_FALSE(exists(data("file")));
  CHECK(status(data()).st_ino == inode);
}

TEST_CASE_METHOD(Fixture, "a volume that holds something already keeps it") {
  if (!is_root()) SKIP_TEST("needs root");
  store::write_file_atomically(data("own"), "kept");
  store::write_file_atomically(low + "/srv/data/file", "image");
  fill();
  CHECK(store::list_directory(data()) == std::vector<std::string>{"own"});
}

TEST_CASE_METHOD(Fixture, "an image without the directory leaves the volume empty") {
  if (!is_root()) SKIP_TEST("needs root");
  store::write_file_atomically(low + "/srv/file", "x");
  for (const char* target : {"/absent", "/srv/file"}) {
    volumes.create("other");
    volumes.fill("other", {high, low}, target);
    CHECK(store::list_directory(volumes.data_directory("other")).empty());
    CHECK(volumes.remove("other", {}));
  }
}

TEST_CASE_METHOD(Fixture, "a link in the image leads nowhere but into the image") {
  if (!is_root()) SKIP_TEST("needs root");
  store::make_directory(directory / "secret");
  store::write_file_atomically(directory / "secret/file", "x");
  REQUIRE(symlink((directory / "secret").c_str(), (low + "/outside").c_str()) == 0);
  REQUIRE(symlink("/srv/data", (low + "/inside").c_str()) == 0);
  store::write_file_atomically(low + "/srv/data/file", "image");
  volumes.create("outside");
  volumes.fill("outside", {low}, "/outside");
  CHECK(store::list_directory(volumes.data_directory("outside")).empty());
  volumes.fill("data", {high, low}, "/inside/../data");
  CHECK(linux::read_file(data("file")) == "image");
}

TEST_CASE_METHOD(Fixture, "filling leaves no mount and no temporary tree") {
  if (!is_root()) SKIP_TEST("needs root");
  store::write_file_atomically(low + "/srv/data/file", "x");
  fill();
  CHECK(exists(data("file")));
  CHECK(store::list_directory(locations.temporary()).empty());
  for (const auto& mount : linux::list_mounts()) CHECK(mount.point.find(directory.path()) == std::string::npos);
}

}  // namespace
