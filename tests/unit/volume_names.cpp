// Named volumes without their content, and host paths that may be bound.
#include "base/error.hpp"
#include "store/records.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"
#include "volume/volume.hpp"

#include <sys/stat.h>
#include <unistd.h>

namespace {

using namespace conductor;

struct Fixture {
  test::TemporaryDirectory directory;
  store::Locations locations = store::Locations::choose(directory / "root", directory / "state");
  Fixture() { locations.prepare(); }
};

bool is_directory(const std::string& path) {
  struct stat found{};
  return lstat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

TEST_CASE_METHOD(Fixture, "a volume is made once and keeps its data") {
  volume::Volumes volumes(locations);
  const auto made = volumes.create("data", {{"use", "test"}});
  CHECK(made.created > 0);
  store::write_file_atomically(volumes.data_directory("data") + "/file", "kept");
  const auto again = volumes.create("data", {{"use", "other"}});
  CHECK(again.created == made.created);
  CHECK(again.labels == made.labels);
  CHECK(linux::read_file(volumes.data_directory("data") + "/file") == "kept");
  struct stat found{};
  REQUIRE(stat(volumes.data_directory("data").c_str(), &found) == 0);
  CHECK((found.st_mode & 07777U) == 0755U);
  CHECK(store::list_directory(locations.temporary()).empty());
}

TEST_CASE_METHOD(Fixture, "names of volumes are checked, an unknown one is none") {
  volume::Volumes volumes(locations);
  for (const char* name : {"", "..", "a/b", "-x"}) {
    CAPTURE(name);
    CHECK_THROWS_AS(volumes.create(name), base::Error);
    CHECK_FALSE(volumes.find(name));
    CHECK_THROWS_AS(volumes.remove(name, {}), base::Error);
  }
  CHECK_FALSE(volumes.find("absent"));
  CHECK_FALSE(volumes.remove("absent", {}));
  CHECK_THROWS_WITH(volumes.fill("absent", {}, "/data"), Contains("no such volume: absent"));
}

TEST_CASE_METHOD(Fixture, "volumes are listed by name, a damaged one is left out") {
  volume::Volumes volumes(locations);
  for (const char* name : {"c", "a", "b"}) volumes.create(name);
  store::write_file_atomically(locations.volumes() + "/b/record.json", "{");
  REQUIRE(volumes.list().size() == 2);
  CHECK(volumes.list()[0].name == "a");
  CHECK(volumes.list()[1].name == "c");
  CHECK(volumes.remove("b", {}));
}

TEST_CASE_METHOD(Fixture, "a volume in use is not removed") {
  volume::Volumes volumes(locations);
  volumes.create("data");
  CHECK_THROWS_WITH(volumes.remove("data", {"web", "db"}), Contains("web, db"));
  CHECK(volumes.find("data"));
  CHECK(volumes.remove("data", {}));
  CHECK_FALSE(volumes.find("data"));
  CHECK_FALSE(is_directory(locations.volumes() + "/data"));
  CHECK(store::list_directory(locations.temporary()).empty());
}

TEST_CASE_METHOD(Fixture, "a bind source is an absolute path that exists, or is made") {
  const std::string path = directory / "host/data";
  CHECK_THROWS_WITH(volume::check_bind_source(locations, path, false), Contains(path));
  CHECK_FALSE(is_directory(path));
  CHECK(volume::check_bind_source(locations, path, true) == path);
  CHECK(is_directory(path));
  CHECK(volume::check_bind_source(locations, path + "/../data/", false) == path);
  CHECK_THROWS_AS(volume::check_bind_source(locations, "host/data", true), base::Error);
  CHECK_THROWS_AS(volume::check_bind_source(locations, "", true), base::Error);
  store::write_file_atomically(directory / "host/file", "");
  CHECK(volume::check_bind_source(locations, directory / "host/file", false) == directory / "host/file");
}

TEST_CASE_METHOD(Fixture, "our own state is never bound, by whatever name") {
  REQUIRE(symlink(locations.root.c_str(), (directory / "link").c_str()) == 0);
  for (const auto& path : {locations.root, locations.root + "/", locations.root + "/volumes/a/data", locations.state,
                           directory.path(), std::string("/"), std::string("/tmp"), directory / "link",
                           directory / "link/new", directory / "other/../root"}) {
    CAPTURE(path);
    CHECK_THROWS_WITH(volume::check_bind_source(locations, path, true), Contains("conductor"));
  }
  CHECK(volume::check_bind_source(locations, locations.root + "-beside", true) == locations.root + "-beside");
  CHECK_FALSE(is_directory(locations.root + "/new"));
}

}  // namespace
