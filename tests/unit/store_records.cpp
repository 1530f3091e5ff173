// Records: whole or not at all, damaged ones named, names unique, nothing left behind.
#include "base/fields.hpp"
#include "store/records.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

namespace {

using namespace conductor;

struct Sample {
  std::string name;
  int count = 0;
};
template <base::Is<Sample> S, class V>
void fields(S& s, V&& v) {
  v("name", s.name), v("count", s.count);
}

bool exists(const std::string& path) {
  struct stat found{};
  return lstat(path.c_str(), &found) == 0;
}

TEST_CASE("a record is read as it was written and says its format") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "sample.json";
  store::write_record(path, Sample{"web", 3});
  const auto read = store::read_record<Sample>(path);
  REQUIRE(read);
  CHECK(read->name == "web");
  CHECK(read->count == 3);
  CHECK(*store::read_json(path)->find("format")->integer() == store::record_format);
  CHECK(store::list_directory(directory.path()) == std::vector<std::string>{"sample.json"});
  CHECK_FALSE(store::read_record<Sample>(directory / "other.json"));
}

TEST_CASE("a damaged record is named") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "sample.json";
  for (const char* text : {"", "{\"name\": \"we", "\xff\xfe", "{\"name\": 7}", "[]"}) {
    store::write_file_atomically(path, text);
    CHECK_THROWS_AS(store::read_record<Sample>(path), store::DamagedRecord);
    CHECK_THROWS_WITH(store::read_record<Sample>(path), Contains(path));
  }
}

TEST_CASE("an error about a damaged record says its context once") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "sample.json";
  store::write_file_atomically(path, "{");
  const base::Context context("listing");
  try {
    store::read_record<Sample>(path);
    FAIL("no error");
  } catch (const store::DamagedRecord& e) {
    CHECK(e.message().find("listing", 1) == std::string::npos);
  }
}

TEST_CASE("a record of a later format is refused and not called damaged") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "sample.json";
  store::write_file_atomically(path, "{\"format\": 2, \"name\": \"web\"}");
  try {
    store::read_record<Sample>(path);
    FAIL("no error");
  } catch (const store::DamagedRecord&) {
    FAIL("called damaged");
  } catch (const base::Error& e) {
    CHECK_THAT(e.message(), Contains("format 2"));
  }
}

TEST_CASE("a failed write leaves the old record and no other file") {
  const test::TemporaryDirectory directory;
  const std::string target = directory / "directory";
  store::make_directory(target + "/below");
  CHECK_THROWS_AS(store::write_file_atomically(target, "text"), base::Error);
  CHECK(exists(target + "/below"));
  store::sweep_temporary_files(directory.path());
  CHECK(store::list_directory(directory.path()) == std::vector<std::string>{"directory"});
}

TEST_CASE("a name is made once") {
  const test::TemporaryDirectory directory;
  CHECK(store::create_exclusively(directory / "web", "first"));
  CHECK_FALSE(store::create_exclusively(directory / "web", "second"));
  CHECK(linux::read_file(directory / "web") == "first");
  CHECK(store::remove_file(directory / "web"));
  CHECK_FALSE(store::remove_file(directory / "web"));
}

TEST_CASE("what a killed writer left is swept, what a living one writes is not") {
  const test::TemporaryDirectory directory;
  store::write_file_atomically(directory / "record", "kept");
  store::write_file_atomically(directory / ".tmp-dead", "half");
  store::write_file_atomically(directory / ".tmp-alive", "half");
  const auto alive = linux::open_file(directory / ".tmp-alive", O_RDONLY);
  REQUIRE(flock(alive.get(), LOCK_EX | LOCK_NB) == 0);
  CHECK(store::list_directory(directory.path()) == std::vector<std::string>{"record"});
  store::sweep_temporary_files(directory.path());
  CHECK_FALSE(exists(directory / ".tmp-dead"));
  CHECK(exists(directory / ".tmp-alive"));
  CHECK(exists(directory / "record"));
}

TEST_CASE("a temporary tree goes with its object, and a sweep takes only the abandoned ones") {
  const test::TemporaryDirectory directory;
  std::string path;
  {
    const store::TemporaryTree tree(directory.path());
    path = tree.path();
    store::make_directory(path + "/a/b");
    store::make_directory(directory / "abandoned/x");
    store::sweep_temporary(directory.path());
    CHECK(exists(path + "/a/b"));
    CHECK_FALSE(exists(directory / "abandoned"));
  }
  CHECK_FALSE(exists(path));
}

TEST_CASE("a moved temporary tree is removed once, at the end") {
  const test::TemporaryDirectory directory;
  store::TemporaryTree first(directory.path());
  const std::string path = first.path();
  {
    const store::TemporaryTree second(std::move(first));
    CHECK(exists(path));
  }
  CHECK_FALSE(exists(path));
}

TEST_CASE("directories are listed sorted, an absent one is empty") {
  const test::TemporaryDirectory directory;
  for (const char* name : {"b", "a", ".hidden"}) store::write_file_atomically(directory / name, "");
  CHECK(store::list_directory(directory.path()) == std::vector<std::string>{"a", "b"});
  CHECK(store::list_directory(directory / "absent").empty());
}

TEST_CASE("ids are 64 hex digits and differ") {
  const std::string id = store::new_id();
  CHECK(id.size() == 64);
  CHECK(id.find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(id != store::new_id());
}

TEST_CASE("names of objects") {
  for (const char* name : {"a", "A", "0", "a-very-long-container-name-of-forty-chars", "a_b.c-d"})
    CHECK(store::valid_name(name));
  for (const char* name : {"", "-a", ".", "..", ".a", "a/b", "a b", "a\n", "\xc3\xa4"})
    CHECK_FALSE(store::valid_name(name));
  CHECK(store::valid_name(std::string(128, 'a')));
  CHECK_FALSE(store::valid_name(std::string(129, 'a')));
  CHECK_THROWS_WITH(store::require_valid_name("volume", "a/b"), Contains("volume") && Contains("a/b"));
}

}  // namespace
