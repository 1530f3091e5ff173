// Which suites exist, what their bootstrap says, without bootstrapping one.
#include "base/error.hpp"
#include "image/base_cleaning.hpp"
#include "image/bootstrap.hpp"
#include "image/bootstrap_progress.hpp"
#include "image/image.hpp"
#include "image/snapshots.hpp"
#include "image/suite.hpp"
#include "store/records.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

namespace {

using namespace conductor;
using namespace conductor::image;
using std::chrono::seconds;
using std::chrono::steady_clock;

TEST_CASE("only unqualified debian and ubuntu name a suite") {
  const auto suite = suite_of(parse_reference("debian:bookworm"));
  REQUIRE(suite);
  CHECK(suite->distribution == "debian");
  CHECK(suite->name == "bookworm");
  CHECK(suite_of(parse_reference("debian:bookworm-slim"))->name == "bookworm");
  CHECK(suite_of(parse_reference("ubuntu:noble"))->distribution == "ubuntu");
  CHECK(suite_of(parse_reference("debian")));
  CHECK_FALSE(suite_of(parse_reference("team/debian:bookworm")));
  CHECK_FALSE(suite_of(parse_reference("localhost/debian:bookworm")));
  CHECK_FALSE(suite_of(parse_reference("alpine:latest")));
}

TEST_CASE("release numbers are looked up in the distribution's table") {
  const char* table =
      "version,codename,series,created,release\n"
      "12,Bookworm,bookworm,2021-08-14,2023-06-10\n"
      "22.04 LTS,Jammy Jellyfish,jammy,2021-10-14,2022-04-21\n"
      ",Sid,sid,1993-08-16\n";
  CHECK(suite_of_version(table, "12") == "bookworm");
  CHECK(suite_of_version(table, "22.04") == "jammy");
  CHECK_FALSE(suite_of_version(table, "22"));
  CHECK_FALSE(suite_of_version(table, ""));
}

// debootstrap's directory of scripts, with keyrings that exist.
struct Scripts {
  test::TemporaryDirectory directory;
  Scripts() {
    script("bookworm", directory / "debian-archive-keyring.gpg");
    script("noble", "/absent/ubuntu-archive-keyring.gpg");
    script("kali", directory / "kali-archive-keyring.gpg");
    store::write_file_atomically(directory / "debian-common", "work_out_debs () {\n");
    for (const char* keyring : {"debian-archive-keyring.gpg", "kali-archive-keyring.gpg"})
      store::write_file_atomically(directory / keyring, "");
  }
  void script(const std::string& name, const std::string& keyring) const {
    store::write_file_atomically(directory / name, "variants - minbase\nkeyring " + keyring + "\n");
  }
};

TEST_CASE("suites are those whose script names the distribution's keyring") {
  const Scripts scripts;
  const std::string& path = scripts.directory.path();
  CHECK(known_suites("debian", path) == std::vector<std::string>{"bookworm"});
  CHECK(require_suite({"debian", "bookworm"}, path) == scripts.directory / "debian-archive-keyring.gpg");
  CHECK_THROWS_WITH(require_suite({"debian", "bookwrom"}, path), Contains("did you mean 'bookworm'"));
  for (const char* name : {"kali", "noble", "debian-common", "../bookworm", ".", "", "nothing"}) {
    CAPTURE(name);
    CHECK_THROWS_AS(require_suite({"debian", name}, path), base::Error);
  }
}

TEST_CASE("a suite without its keyring is refused with the package to install") {
  const Scripts scripts;
  try {
    require_suite({"ubuntu", "noble"}, scripts.directory.path());
    FAIL("no error");
  } catch (const base::Error& e) {
    CHECK_THAT(e.message(), Contains("/absent/ubuntu-archive-keyring.gpg is missing"));
    CHECK_THAT(e.hint(), Contains("ubuntu-keyring"));
  }
}

TEST_CASE("many lines of debootstrap become few sentences") {
  BootstrapProgress progress("debian:bookworm");
  const steady_clock::time_point start{};
  CHECK(progress.take("I: Retrieving InRelease ", start) == "debian:bookworm: retrieving the index");
  CHECK_FALSE(progress.take("I: Retrieving Packages ", start));
  CHECK(progress.take("I: Retrieving apt 2.6.1", start) == "debian:bookworm: retrieving packages");
  CHECK_FALSE(progress.take("I: Validating apt 2.6.1", start));
  CHECK_FALSE(progress.take("I: Retrieving bash 5.2", start + seconds(1)));
  CHECK(progress.take("I: Retrieving dash 0.5", start + seconds(2)) == "debian:bookworm: retrieving packages (3)");
  CHECK(progress.take("I: Unpacking apt...", start + seconds(3)) == "debian:bookworm: unpacking packages");
  CHECK(progress.take("I: Unpacking bash...", start + seconds(9)) == "debian:bookworm: unpacking packages (2 of 3)");
  CHECK_FALSE(progress.take("", start + seconds(20)));
}

TEST_CASE("a failure is told with debootstrap's own errors, safe for a terminal") {
  BootstrapProgress progress("debian:bookworm");
  const steady_clock::time_point start{};
  progress.take("some program's output", start);
  CHECK(progress.complaint() == "some program's output");
  progress.take("E: Failed getting release file \x1b[31m", start);
  progress.take("I: more", start);
  CHECK_THAT(progress.complaint(), Contains("Failed getting release file"));
  CHECK(progress.complaint().find('\x1b') == std::string::npos);
}

const Suite past{"debian", "bookworm", "20260901T000000Z"};

TEST_CASE("a base of a past day is made of the archive of that day") {
  const std::string pattern = "http://archive.example/{distribution}/{time}/";
  CHECK(snapshot_address(pattern, "debian", "20260901T000000Z") == "http://archive.example/debian/20260901T000000Z");
  CHECK(debootstrap_arguments(past, "/keyring.gpg", "/target", snapshot_address(pattern, "debian", past.snapshot)) ==
        std::vector<std::string>{"debootstrap", "--variant=minbase", "--force-check-gpg", "--keyring=/keyring.gpg",
                                 "bookworm", "/target", "http://archive.example/debian/20260901T000000Z"});
  CHECK(snapshot_sources(past, pattern) ==
        "deb http://archive.example/debian/20260901T000000Z bookworm main\n"
        "deb http://archive.example/debian/20260901T000000Z bookworm-updates main\n"
        "deb http://archive.example/debian-security/20260901T000000Z bookworm-security main\n");
  CHECK(snapshot_sources({"debian", "sid", "20260901T000000Z"}, "http://a/{time}") ==
        "deb http://a/20260901T000000Z sid main\n");
  CHECK(snapshot_sources({"ubuntu", "noble", "20260901T000000Z"}, "http://a/ubuntu/{time}") ==
        "deb http://a/ubuntu/20260901T000000Z noble main\n"
        "deb http://a/ubuntu/20260901T000000Z noble-updates main\n"
        "deb http://a/ubuntu/20260901T000000Z noble-security main\n");
}

TEST_CASE("the archive of past days is configured, or it is told what to set") {
  const test::TemporaryDirectory directory;
  const std::string file = directory / "config";
  try {
    snapshot_pattern(past, file);
    FAIL("no error");
  } catch (const base::Error& e) {
    CHECK_THAT(e.message(), Contains("debian:bookworm@20260901T000000Z"));
    CHECK_THAT(e.hint(), Contains("snapshot_mirror = ") && Contains(file) && Contains("CONDUCTOR_SNAPSHOT_MIRROR"));
  }
  store::write_file_atomically(file,
                               "# snapshot_mirror = http://comment/{time}\n"
                               " snapshot_mirror =  http://all/{time} \n"
                               "snapshot_mirror.ubuntu=http://ubuntu/{time}?a=b\n");
  CHECK(snapshot_pattern(past, file) == "http://all/{time}");
  CHECK(snapshot_pattern({"ubuntu", "noble", past.snapshot}, file) == "http://ubuntu/{time}?a=b");
  store::write_file_atomically(file, "snapshot_mirror = http://all/\n");
  CHECK_THROWS_WITH(snapshot_pattern(past, file), Contains("{time}"));
}

TEST_CASE("the day of an archive is read from its Release file") {
  CHECK(parse_release_date("Origin: Debian\nDate: Sat, 11 Jul 2026 10:16:37 UTC\nAcquire-By-Hash: yes\n") ==
        1783764997);
  CHECK_FALSE(parse_release_date("Origin: Debian\n"));
  CHECK_FALSE(parse_release_date("Date: yesterday\n"));
  CHECK(clamp_shadow_line("root:*:20700:0:99999:7:::", 20000) == "root:*:20000:0:99999:7:::");
  CHECK(clamp_shadow_line("root:*:19999:0:99999:7:::", 20000) == "root:*:19999:0:99999:7:::");
  CHECK(clamp_shadow_line("root:*::0:99999:7:::", 20000) == "root:*::0:99999:7:::");
  CHECK(clamp_shadow_line("", 20000).empty());
}

TEST_CASE("a base keeps nothing of the moment it was made in") {
  const test::TemporaryDirectory directory;
  const auto write = [&](const std::string& path, const std::string& content = "x") {
    store::make_directory(directory / path.substr(0, path.rfind('/')));
    store::write_file_atomically(directory / path, content, false);
  };
  for (const char* path :
       {"etc/passwd-", "etc/.pwd.lock", "etc/resolv.conf", "etc/machine-id", "etc/kept", "var/lib/dpkg/status-old",
        "var/lib/dpkg/status", "var/lib/dpkg/lock", "var/cache/debconf/config.dat-old", "var/cache/apt/pkgcache.bin",
        "var/log/apt/history.log", "var/log/bootstrap.log", "usr/lib/python3/__pycache__/a.pyc",
        "usr/bin/tool.dpkg-new", "usr/share/a-old", "var/cache/ldconfig/aux-cache", "dev/made", "tmp/made"})
    write(path);
  write("etc/shadow", "root:*:20700:0:99999:7:::\n");
  write("var/lib/apt/lists/a_InRelease", "Date: Sat, 11 Jul 2026 10:16:37 UTC\n");
  write("var/lib/apt/lists/b_Release", "Date: Sat, 11 Jul 2026 10:16:36 UTC\n");
  const auto root = linux::RootFd::open(directory.path());
  CHECK(release_date(root) == 1783764997);
  clean_base(root, 86400 * 20000);
  std::vector<std::string> left;
  const std::function<void(const std::string&)> list = [&](const std::string& path) {
    for (const auto& name : root.list(path + "/"))
      S_ISDIR(root.status(path + "/" + name)->st_mode) ? list(path + "/" + name) : left.push_back(path + "/" + name);
  };
  list("");
  CHECK(left == std::vector<std::string>{"/etc/hostname", "/etc/kept", "/etc/machine-id", "/etc/resolv.conf",
                                         "/etc/shadow", "/usr/share/a-old", "/var/lib/dpkg/status"});
  CHECK(root.read_file("/etc/machine-id", 10) == "");
  CHECK(root.read_file("/etc/shadow", 100) == "root:*:20000:0:99999:7:::\n");
  CHECK(root.status("/var/log/apt"));
  CHECK(root.status("/var/cache/apt/archives/partial"));
  CHECK_FALSE(release_date(root));
}

}  // namespace
