// Which suites exist, what their bootstrap says, without bootstrapping one.
#include "base/error.hpp"
#include "image/bootstrap_progress.hpp"
#include "image/image.hpp"
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

}  // namespace
