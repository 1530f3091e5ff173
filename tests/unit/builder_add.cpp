// What ADD takes from outside: what is asked, and when, of an outside that is not there.
#include "base/error.hpp"
#include "base/sha256.hpp"
#include "builder/add.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

#include <sys/stat.h>

using namespace conductor;
using namespace conductor::builder;

namespace {

// A server with one file and a repository with one commit; counts what it is asked.
struct FakeOutside {
  test::TemporaryDirectory home;
  store::Locations locations = store::Locations::choose(home / "store", home / "state");
  std::string content = "one", etag = "\"1\"";
  std::string commit = std::string(40, 'a');
  int asked = 0, sent = 0, checkouts = 0;
  Outside outside{locations, true, {}, nullptr, {}, {}, {}};

  FakeOutside() {
    locations.prepare();
    outside.download = [this](const transfer::DownloadRequest& request, int target) {
      ++asked;
      transfer::Download answer;
      if (!etag.empty() && request.etag == etag) {
        answer.not_modified = true;
        return answer;
      }
      ++sent;
      linux::write_all(target, content);
      answer.digest = "sha256:" + base::sha256_hex(content);
      answer.etag = etag;
      answer.modified = 100;
      return answer;
    };
    outside.checkout = [this](const transfer::GitSource& source, const std::string& directory) {
      ++checkouts;
      linux::RootFd::open(directory).write_file("file", source.ref);
      return commit;
    };
  }
  RemoteSource source(const std::string& url, const std::string& checksum = {}, std::optional<bool> git = {}) {
    return {outside, url, checksum, git};
  }
};

const std::string url = "http://host/f", repository = "https://host/r.git";

}  // namespace

TEST_CASE("which sources of ADD are remote") {
  for (const char* remote : {"http://host/f", "https://host/f.tar.gz", "https://host/r.git", "git://host/r",
                             "ssh://git@host/r", "git@host:user/r.git", "https://github.com/user/r#v1:docs"})
    CHECK(is_remote_source(remote));
  for (const char* local : {"f", "./http:/f", "a@b", "r.git", "github.com/user/r", "dir/user@host:r", "ftp://host/f",
                            "/http://host/f", "git"})
    CHECK_FALSE(is_remote_source(local));
}

TEST_CASE("the name of a file is the last of its URL's path") {
  FakeOutside fake;
  for (const auto& [address, name] : {std::pair{"http://host/a/b.tar", "b.tar"},
                                      {"http://host/a/b?c=/d#e/f", "b"},
                                      {"http://host", ""},
                                      {"http://host/", ""},
                                      {"http://host?x=/y", ""},
                                      {"http://host/a/..", ""},
                                      {"http://host/a/", "a"}})
    CHECK(fake.source(address).name() == name);
}

TEST_CASE("a file is asked for once, and sent once") {
  FakeOutside fake;
  auto first = fake.source(url);
  CHECK(first.identity() == "sha256:" + base::sha256_hex("one"));
  first.fetch();
  CHECK(fake.asked == 1);
  const Selected file = first.file();
  CHECK(first.root().read_file(file.files.at(0).path, 100) == "one");
  CHECK(file.files.at(0).target == "f");
  CHECK(file.files.at(0).status.st_mode == (S_IFREG | 0600));
  CHECK(file.files.at(0).status.st_mtim.tv_sec == 100);

  auto second = fake.source(url);
  CHECK(second.identity() == first.identity());
  CHECK(fake.sent == 1);  // the server says that it is the same
  SECTION("needed after all") {
    second.fetch();
    CHECK(fake.sent == 2);
    CHECK(second.identity() == first.identity());
  }
  SECTION("changed between the two questions") {
    fake.content = "two", fake.etag = "\"2\"";
    second.fetch();
    CHECK(second.identity() == "sha256:" + base::sha256_hex("two"));
  }
  SECTION("the cache is off") {
    fake.outside.cached = false;
    fake.source(url).identity();
    CHECK(fake.sent == 2);
  }
  SECTION("a damaged record") {
    const std::string directory = fake.locations.root + "/downloads";
    for (const auto& name : store::list_directory(directory))
      linux::RootFd::open(directory).write_file(name, "no record");
    CHECK(fake.source(url).identity() == first.identity());
    CHECK(fake.sent == 2);
  }
}

TEST_CASE("a server without an ETag sends the file each time") {
  FakeOutside fake;
  fake.etag.clear();
  fake.source(url).identity();
  fake.source(url).identity();
  CHECK(fake.sent == 2);
}

TEST_CASE("--checksum is the identity, and what comes must have it") {
  FakeOutside fake;
  const std::string digest = "sha256:" + base::sha256_hex("one");
  auto source = fake.source(url, digest);
  CHECK(source.identity() == digest);
  CHECK(fake.asked == 0);
  source.fetch();
  CHECK(fake.sent == 1);
  fake.content = "two";
  auto other = fake.source(url, digest);
  CHECK_THROWS_WITH(other.fetch(), Contains("--checksum") && Contains(digest));
  for (const std::string wrong : {"sha256:", "sha1:00", "00", "sha256:zz"})
    CHECK_THROWS_AS(fake.source(url, wrong), base::Error);
}

TEST_CASE("a commit that is named needs no question") {
  FakeOutside fake;
  SECTION("in the URL") {
    auto source = fake.source(repository + "#" + fake.commit);
    CHECK(source.identity() == fake.commit);
    CHECK(fake.checkouts == 0);
    source.fetch();
    CHECK(source.root().list("") == std::vector<std::string>{"file"});
  }
  SECTION("by --checksum") {
    CHECK(fake.source(repository + "#main", fake.commit).identity() == fake.commit);
    CHECK(fake.checkouts == 0);
  }
  SECTION("by its beginning: the repository says") {
    CHECK(fake.source(repository, "aaa").identity() == fake.commit);
    CHECK(fake.checkouts == 1);
    auto other = fake.source(repository, "ab");
    CHECK_THROWS_WITH(other.identity(), Contains("--checksum"));
  }
  SECTION("a branch") {
    auto source = fake.source(repository + "#main");
    CHECK(source.identity() == fake.commit);
    source.fetch();
    CHECK(fake.checkouts == 1);
  }
  SECTION("malformed") {
    CHECK_THROWS_AS(fake.source(repository, "sha256:00"), base::Error);
    CHECK_THROWS_AS(fake.source(repository + "?checksum=aa", "bb"), base::Error);
    CHECK_THROWS_AS(fake.source(repository + "?keep-git-dir=true", "", false), base::Error);
  }
}
