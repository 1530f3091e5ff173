// Which difference of two layers is told, and that none is when there is none.
#include "image/layer_archive.hpp"
#include "image/layer_difference.hpp"
#include "store/records.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using namespace conductor;
using namespace conductor::image;

// Two equal trees, to be made different.
struct Trees {
  test::TemporaryDirectory directory;
  std::string first = directory / "first", second = directory / "second";
  Trees() {
    for (const auto& tree : {first, second}) {
      store::make_directory(tree + "/d", 0755);
      store::write_file_atomically(tree + "/d/file", std::string(300000, 'x'), false);
      store::write_file_atomically(tree + "/z", "z", false);
      REQUIRE(symlink("z", (tree + "/link").c_str()) == 0);
      clamp_times(tree, 1000);
    }
  }
  void write(const std::string& path, const std::string& content) const {
    store::write_file_atomically(path, content, false);
    clamp_times(first, 1000);
    clamp_times(second, 1000);
  }
  std::string difference() const {
    const auto found = compare_layers(first, second);
    return found ? found->path + ": " + found->how : "none";
  }
};

TEST_CASE_METHOD(Trees, "equal layers have no difference") {
  CHECK(difference() == "none");
  CHECK(digest_layer(first).diff_id == digest_layer(second).diff_id);
}

TEST_CASE_METHOD(Trees, "content is told with the first byte that differs") {
  std::string content(300000, 'x');
  content[299990] = 'y';
  write(second + "/d/file", content);
  CHECK(difference() == "/d/file: content, from byte 299990 on");
  write(second + "/d/file", content + "more");
  CHECK(difference() == "/d/file: size 300000 and 300004");
}

TEST_CASE_METHOD(Trees, "mode, type and target of a link") {
  REQUIRE(chmod((second + "/z").c_str(), 04711) == 0);
  CHECK(difference() == "/z: mode 0600 and 4711");
  REQUIRE(unlink((second + "/link").c_str()) == 0);
  REQUIRE(symlink("d", (second + "/link").c_str()) == 0);
  CHECK(difference() == "/link: link target z and d");
  REQUIRE(unlink((second + "/link").c_str()) == 0);
  REQUIRE(mkfifo((second + "/link").c_str(), 0600) == 0);
  CHECK(difference() == "/link: type symbolic link and FIFO");
}

TEST_CASE_METHOD(Trees, "what only one of them has") {
  write(second + "/d/a", "new");
  CHECK(difference() == "/d/a: only the second time");
  write(first + "/b", "new");
  CHECK(difference() == "/b: only the first time");
}

TEST_CASE_METHOD(Trees, "times are told only when nothing else differs") {
  const timespec past[2] = {{500, 0}, {500, 0}};
  REQUIRE(utimensat(AT_FDCWD, (second + "/d").c_str(), past, 0) == 0);
  CHECK(difference() == "/d: time 1970-01-01T00:16:40Z and 1970-01-01T00:08:20Z");
  write(first + "/z", "y");
  CHECK(difference() == "/z: content, from byte 0 on");
}

TEST_CASE_METHOD(Trees, "the root's mode is part of a layer, its time is not") {
  const timespec past[2] = {{500, 0}, {500, 0}};
  REQUIRE(utimensat(AT_FDCWD, second.c_str(), past, 0) == 0);
  CHECK(difference() == "none");
  REQUIRE(chmod(first.c_str(), 0755) == 0);
  REQUIRE(chmod(second.c_str(), 0700) == 0);
  CHECK(difference() == "/: mode 0755 and 0700");
}

}  // namespace
