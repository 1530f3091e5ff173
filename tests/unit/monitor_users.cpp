// Who a process runs as: user strings and files that mean harm included.
#include "base/error.hpp"
#include "monitor/users.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace conductor;
using monitor::identify_user;

namespace {

const char* const passwd =
    "root:x:0:0:root:/root:/bin/sh\n"
    "web:x:1000:1001:web:/srv:/bin/sh\n"
    "broken line\n"
    "huge:x:4294967296:0::/:/bin/sh\n"
    "minus:x:-1:0::/:/bin/sh\n"
    "1005:x:0:0::/:/bin/sh\n"
    "web:x:0:0:again:/root:/bin/sh\n";
const char* const group = "root:x:0:\nweb:x:1001:\nextra:x:2000:other,web\nmore:x:2001:web\nnot:x:2002:webmaster\n";

}  // namespace

TEST_CASE("a user is found by name or number") {
  const auto root = identify_user("", passwd, group);
  CHECK((root.uid == 0 && root.gid == 0 && root.home == "/root" && root.groups.empty()));
  const auto web = identify_user("web", passwd, group);
  CHECK((web.uid == 1000 && web.gid == 1001 && web.home == "/srv"));
  CHECK(web.groups == std::vector<std::uint32_t>{2000, 2001});
  const auto number = identify_user("1000", passwd, group);
  CHECK((number.uid == 1000 && number.gid == 1001 && number.groups == web.groups));
  const auto stranger = identify_user("4242", passwd, group);
  CHECK((stranger.uid == 4242 && stranger.gid == 0 && stranger.home == "/" && stranger.groups.empty()));
}

TEST_CASE("a group that is given replaces all others") {
  const auto named = identify_user("web:extra", passwd, group);
  CHECK((named.uid == 1000 && named.gid == 2000 && named.groups.empty()));
  const auto numbers = identify_user("7:8", passwd, group);
  CHECK((numbers.uid == 7 && numbers.gid == 8));
  CHECK(identify_user("web:77", passwd, group).gid == 77);
}

TEST_CASE("a number is a number, whatever names the file has") {
  CHECK(identify_user("1005", passwd, group).uid == 1005);
}

TEST_CASE("what is no listed user is an error and never root") {
  for (const char* user : {"nobody",
                           "-1",
                           "+0",
                           " 0",
                           "0 ",
                           "0x0",
                           "00x",
                           "2147483648",
                           "4294967295",
                           "4294967296",
                           "18446744073709551616",
                           "1e3",
                           "1.0",
                           "web ",
                           "web:",
                           ":",
                           ":0",
                           ":web",
                           "web:web:web",
                           "0:0:0",
                           "web:nogroup",
                           "web:-1",
                           "web:4294967296",
                           "huge",
                           "minus",
                           "broken line",
                           "../root",
                           "root\n",
                           "web,root",
                           "\xd9\xa0"}) {
    INFO(user);
    CHECK_THROWS_AS(identify_user(user, passwd, group), base::Error);
  }
  CHECK(identify_user("2147483647", passwd, group).uid == 2147483647U);
  CHECK(identify_user("000", passwd, group).uid == 0);  // zero, however it is written
}

TEST_CASE("lines and groups are looked at up to a bound") {
  std::string many;
  for (int i = 0; i < 20'000; ++i) many += "u" + std::to_string(i) + ":x:" + std::to_string(i + 1) + ":1::/:\n";
  CHECK(identify_user("u9999", many, "").uid == 10'000);
  CHECK_THROWS_AS(identify_user("u10000", many, ""), base::Error);
  CHECK_THROWS_AS(identify_user("long", "long:x:5:5:" + std::string(70'000, 'a') + ":/:\n", ""), base::Error);
  std::string groups;
  for (int i = 0; i < 3000; ++i) groups += "g:x:" + std::to_string(i + 10) + ":web\n";
  CHECK(identify_user("web", passwd, groups).groups.size() == 1024);
}

TEST_CASE("files that are none, or endless, do not hold us up") {
  const test::TemporaryDirectory directory;
  REQUIRE(mkdir((directory / "etc").c_str(), 0755) == 0);
  const auto root = linux::RootFd::open(directory.path());
  const std::string file = directory / "etc/passwd";
  CHECK(identify_user("5:5", root).uid == 5);
  CHECK_THROWS_AS(identify_user("web", root), base::Error);

  REQUIRE(mkfifo(file.c_str(), 0600) == 0);
  CHECK_THROWS_AS(identify_user("web", root), base::Error);
  REQUIRE(unlink(file.c_str()) == 0);

  REQUIRE(symlink("/dev/zero", file.c_str()) == 0);
  CHECK_THROWS_AS(identify_user("web", root), base::Error);
  REQUIRE(unlink(file.c_str()) == 0);

  linux::open_file(file, O_WRONLY | O_CREAT, 0600);
  REQUIRE(truncate(file.c_str(), std::int64_t{4} << 30) == 0);
  CHECK_THROWS_AS(identify_user("web", root), base::Error);
}
