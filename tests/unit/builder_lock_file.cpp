// conductor.lock: what counts as the same, and what is said of what has moved.
#include "base/error.hpp"
#include "builder/lock_file.hpp"
#include "linux/fd.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

#include <fcntl.h>
#include <sys/stat.h>

using namespace conductor::builder;
using Lines = std::vector<std::string>;

namespace {

constexpr auto status =
    "Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:1.2\nDescription: x\n more: words\n"
    "\n"
    "Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n"
    "\n"
    "Package: adduser\nStatus: install ok installed\nVersion: 3.134\nArchitecture: all\n";

LockedImage locked(const std::string& id, const Lines& packages, const std::string& digest) {
  return {id, digest, packages};
}

}  // namespace

TEST_CASE("installed packages of dpkg's status") {
  CHECK(installed_packages(status) == Lines{"adduser 3.134 all", "zlib1g 1:1.2 amd64"});
  CHECK(installed_packages("").empty());
  CHECK(installed_packages("no field\n: \n\n\n").empty());
}

TEST_CASE("a bootstrapped base is its packages, any other image its id") {
  const auto before = locked("aaaaaaaaaaaaaaaa", {"a 1 all"}, "d"),
             again = locked("bbbbbbbbbbbbbbbb", {"a 1 all"}, "d");
  CHECK_FALSE(drift("x", before, before, false));
  CHECK_FALSE(drift("x", before, again, true));
  CHECK(drift("x", before, again, false) == "x was image aaaaaaaaaaaa and is bbbbbbbbbbbb");
}

TEST_CASE("packages that moved are named") {
  const auto before = locked("a", {"a 1 all", "b 1 all", "c 1 all"}, "d");
  const auto now = locked("b", {"a 2 all", "c 1 all", "e 5 all"}, "e");
  CHECK(drift("x", before, now, true) == "x has other packages: a:all was 1 and is 2, b:all is gone, e:all 5 is new");
}

TEST_CASE("a record that is written is one that holds") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "conductor.lock";
  {
    Pins pins(path, true, false);
    pins.saw_image("debian:bookworm", locked("a", {"a 1 all"}, "d"), true);
    pins.saw_download("https://host/x", "sha256:1");
    pins.write();
  }
  struct stat written{};
  REQUIRE(stat(path.c_str(), &written) == 0);
  CHECK((written.st_mode & 0777U) == 0644U);
  Pins pins(path, false, true);
  CHECK_NOTHROW(pins.saw_image("debian:bookworm", locked("b", {"a 1 all"}, "d"), true));
  CHECK_NOTHROW(pins.saw_download("https://host/x", "sha256:1"));
  CHECK_THROWS_WITH(pins.saw_image("debian:bookworm", locked("b", {"a 2 all"}, "e"), true), Contains("a:all was 1"));
  CHECK_THROWS_WITH(pins.saw_image("other", locked("a", {}, ""), false), Contains("other is not in it"));
  CHECK_THROWS_WITH(pins.saw_download("https://host/x", "sha256:2"), Contains("was sha256:1 and is sha256:2"));
  CHECK_THROWS_WITH(pins.saw_download("https://host/y", "sha256:1"), Contains("https://host/y is not in it"));
}

TEST_CASE("a locked build needs its record") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "conductor.lock";
  CHECK_THROWS_WITH(Pins(path, false, true), Contains("there is no ") && Contains("conductor.lock"));
  conductor::linux::write_all(conductor::linux::open_file(path, O_WRONLY | O_CREAT, 0600).get(), "{ nonsense");
  CHECK_THROWS_WITH(Pins(path, false, true), Contains("reading "));
  CHECK_NOTHROW(Pins(path, true, false));
  CHECK_NOTHROW(Pins("", false, false).saw_download("u", "d"));
  CHECK_THROWS_WITH(Pins("", true, false), Contains("not a file here"));
}
