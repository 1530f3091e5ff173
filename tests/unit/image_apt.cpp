// The host's apt configuration: which mirror, which lines for the image.
#include "image/apt_sources.hpp"
#include "store/records.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

namespace {

using namespace conductor;
using namespace conductor::image;

constexpr const char* debian_sources = R"(# the machine's own
Types: deb
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb deb-src
# a comment within
URIs: http://mirror.test/debian-security
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 debian-archive

Enabled: no
Types: deb
URIs: http://disabled.test/debian
Suites: bookworm
Components: main
)";

constexpr const char* foreign_sources = R"(Types: deb
URIs: https://vendor.test/linux/debian
Suites: bookworm
Components: main
Signed-By: /etc/apt/keyrings/vendor.gpg

Types: deb
URIs: https://other.test/node
Suites: nodistro
Components: main
)";

std::vector<AptSource> sources_of(std::initializer_list<const char*> texts) {
  std::vector<AptSource> all;
  for (const char* text : texts)
    for (auto& source : parse_deb822(text)) all.push_back(std::move(source));
  return all;
}

TEST_CASE("deb822: stanzas, comments, continuations, disabled ones") {
  const auto sources = parse_deb822(debian_sources);
  REQUIRE(sources.size() == 2);
  CHECK(sources[0].uri == "http://mirror.test/debian");
  CHECK(sources[0].suites == std::vector<std::string>{"bookworm", "bookworm-updates", "bookworm-backports"});
  CHECK(sources[0].components == std::vector<std::string>{"main", "contrib"});
  CHECK(sources[1].uri == "http://mirror.test/debian-security");
}

TEST_CASE("deb822: sources without binary packages are none, several URIs are several") {
  CHECK(parse_deb822("Types: deb-src\nURIs: http://a.test/debian\nSuites: x\nComponents: main\n").empty());
  CHECK(parse_deb822("types: deb\nuris: http://a.test/debian http://b.test/debian\nsuites: x\n").size() == 2);
  CHECK(parse_deb822("").empty());
  CHECK(parse_deb822(" stray continuation\nno colon\n").empty());
}

TEST_CASE("one-line sources with and without options") {
  const auto sources = parse_one_line_sources(
      "# deb http://commented.test/debian bookworm main\n"
      "deb http://a.test/debian bookworm main contrib # why\n"
      "deb [arch=amd64 signed-by=/k/debian-archive-keyring.gpg] http://b.test/debian bookworm main\n"
      "deb [ arch=amd64 ] http://c.test/debian bookworm main\n"
      "deb-src http://d.test/debian bookworm main\n"
      "deb http://short.test/debian\n"
      "deb [never closed\n");
  REQUIRE(sources.size() == 3);
  CHECK(sources[0].components == std::vector<std::string>{"main", "contrib"});
  CHECK(sources[1].uri == "http://b.test/debian");
  CHECK(sources[1].signed_by == "/k/debian-archive-keyring.gpg");
  CHECK(sources[2].uri == "http://c.test/debian");
}

TEST_CASE("the mirror is the distribution's own archive, never its security archive nor a vendor's") {
  const auto sources = sources_of({foreign_sources, debian_sources});
  CHECK(mirror_of(sources, "debian", "bookworm") == "http://mirror.test/debian");
  CHECK(mirror_of(sources, "debian", "trixie") == "http://mirror.test/debian");
  CHECK_FALSE(mirror_of(sources, "ubuntu", "noble"));
  CHECK_FALSE(mirror_of(sources_of({foreign_sources}), "debian", "bookworm"));
}

TEST_CASE("a source that has the suite is taken before others") {
  const auto sources = parse_one_line_sources(
      "deb http://a.test/debian bookworm main\n"
      "deb http://b.test/debian trixie main\n"
      "deb cdrom:[disc]/ bookworm main\n");
  CHECK(mirror_of(sources, "debian", "trixie") == "http://b.test/debian");
}

TEST_CASE("the image gets release, updates and security of the host's suite") {
  CHECK(sources_list_for(sources_of({debian_sources, foreign_sources}), "debian", "bookworm") ==
        "deb http://mirror.test/debian bookworm main contrib\n"
        "deb http://mirror.test/debian bookworm-updates main contrib\n"
        "deb http://mirror.test/debian-security bookworm-security main\n");
}

TEST_CASE("another suite takes the place of the host's; one that only rolls has no updates") {
  const auto sources = sources_of({debian_sources});
  CHECK(sources_list_for(sources, "debian", "trixie") ==
        "deb http://mirror.test/debian trixie main contrib\n"
        "deb http://mirror.test/debian trixie-updates main contrib\n"
        "deb http://mirror.test/debian-security trixie-security main\n");
  CHECK(sources_list_for(sources, "debian", "sid") == "deb http://mirror.test/debian sid main contrib\n");
  CHECK(sources_list_for(sources, "ubuntu", "noble").empty());
}

TEST_CASE("ubuntu has its security archive elsewhere") {
  const auto sources = parse_one_line_sources(
      "deb http://m.test/ubuntu noble main universe\n"
      "deb http://m.test/ubuntu noble-updates main universe\n"
      "deb http://s.test/ubuntu noble-security main universe\n");
  CHECK(mirror_of(sources, "ubuntu", "noble") == "http://m.test/ubuntu");
  CHECK(sources_list_for(sources, "ubuntu", "noble") ==
        "deb http://m.test/ubuntu noble main universe\n"
        "deb http://m.test/ubuntu noble-updates main universe\n"
        "deb http://s.test/ubuntu noble-security main universe\n");
}

TEST_CASE("options of apt.conf") {
  const char* text =
      "// Acquire::http::Proxy \"http://commented.test:1\";\n"
      "Acquire::http::Proxy \"http://first.test:3128\";\n"
      "acquire::HTTP::proxy \"http://last.test:3128/\";\n"
      "Acquire::https::Proxy \"http://other.test:1\";\n";
  CHECK(find_apt_option(text, "Acquire::http::Proxy") == "http://last.test:3128/");
  CHECK_FALSE(find_apt_option(text, "Acquire::Check-Valid-Until"));
  CHECK_FALSE(find_apt_option("Acquire::http::Proxy \"open", "Acquire::http::Proxy"));
}

TEST_CASE("the configuration is read from its directory") {
  const test::TemporaryDirectory apt;
  store::make_directory(apt / "sources.list.d");
  store::make_directory(apt / "apt.conf.d");
  store::write_file_atomically(apt / "mirrors",
                               "# first\nhttp://listed.test/debian\tpriority:1\nhttp://second.test/debian\n");
  store::write_file_atomically(
      apt / "sources.list.d/a.sources",
      "Types: deb\nURIs: mirror+file://" + (apt / "mirrors") + "\nSuites: bookworm\nComponents: main\n");
  store::write_file_atomically(apt / "sources.list.d/b.list.disabled", "deb http://off.test/debian bookworm main\n");
  store::write_file_atomically(apt / "apt.conf.d/90proxy", "Acquire::http::Proxy \"DIRECT\";\n");
  store::write_file_atomically(apt / "apt.conf.d/91old", "Acquire::Check-Valid-Until \"false\";\n");
  const auto configuration = read_apt_configuration(apt.path());
  REQUIRE(configuration.sources.size() == 1);
  CHECK(configuration.sources[0].uri == "http://listed.test/debian");
  CHECK_FALSE(configuration.proxy);
  CHECK(configuration.accepts_old_archive);
  CHECK(read_apt_configuration(apt / "absent").sources.empty());
}

}  // namespace
