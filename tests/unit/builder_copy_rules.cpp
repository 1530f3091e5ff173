#include "builder/copy.hpp"
#include "builder/ownership.hpp"
#include "linux/fd.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

using namespace conductor;
using namespace conductor::builder;

TEST_CASE("where a source of a COPY goes") {
  struct Row {
    const char* destination;
    bool there, directory;
    Place place;
  };
  const std::vector<Row> rows{
      {"/app/", false, false, {"/app", "f"}},  {"/app", false, false, {"/", "app"}},
      {"/app", true, false, {"/app", "f"}},    {"/a/b/c", false, false, {"/a/b", "c"}},
      {"/", true, false, {"/", "f"}},          {"/app", false, true, {"/app", ""}},
      {"/app/", true, true, {"/app", ""}},     {"/", true, true, {"/", ""}},
      {"/a/b//", false, false, {"/a/b", "f"}},
  };
  for (const auto& row : rows) {
    INFO(row.destination << (row.directory ? " <- directory" : " <- file"));
    CHECK(place_for(row.destination, row.there, row.directory, "f") == row.place);
  }
}

TEST_CASE("--chown by the image's own files") {
  const test::TemporaryDirectory directory;
  const auto root = linux::RootFd::open(directory.path());
  root.write_file("/etc/passwd", "root:x:0:0::/:/bin/sh\napp:x:1000:100::/home:/bin/sh\nbad:x:-1:0::/:\nshort:x\n");
  root.write_file("/etc/group", "root:x:0:\nstaff:x:50:app\n");
  CHECK(resolve_owner(root, "app") == Owner{1000, 100});
  CHECK(resolve_owner(root, "app:staff") == Owner{1000, 50});
  CHECK(resolve_owner(root, "7") == Owner{7, 7});
  CHECK(resolve_owner(root, "7:staff") == Owner{7, 50});
  CHECK(resolve_owner(root, "app:9") == Owner{1000, 9});
  for (const char* wrong : {"nobody", "ap", "app:none", "", ":", "app:", "bad", "short", "-1", "+1", "0x10",
                            "2147483648", "4294967296", " app"}) {
    INFO(wrong);
    CHECK_THROWS_AS(resolve_owner(root, wrong), base::Error);
  }
}

TEST_CASE("a passwd file that is no file is not read") {
  const test::TemporaryDirectory directory;
  const auto root = linux::RootFd::open(directory.path());
  root.make_directories("/etc");
  SECTION("a link out of the image") { root.symlink("../../../../etc/passwd", "/etc/passwd"); }
  SECTION("a FIFO") { REQUIRE(mkfifo((directory / "etc/passwd").c_str(), 0600) == 0); }
  CHECK_THROWS_AS(resolve_owner(root, "root"), base::Error);
}
