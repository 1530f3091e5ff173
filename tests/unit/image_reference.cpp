// Names of images as people write them.
#include "base/error.hpp"
#include "image/image.hpp"
#include "image/names.hpp"
#include "support/catch.hpp"

namespace {

using namespace conductor;
using image::parse_reference;
using image::Reference;

TEST_CASE("names, hosts and tags") {
  CHECK(parse_reference("counter") == Reference{"counter", "latest"});
  CHECK(parse_reference("team/app:1.2") == Reference{"team/app", "1.2"});
  CHECK(parse_reference("debian:bookworm") == Reference{"debian", "bookworm"});
  CHECK(parse_reference("host:5000/app") == Reference{"host:5000/app", "latest"});
  CHECK(parse_reference("localhost/a/b:V_1") == Reference{"localhost/a/b", "V_1"});
  CHECK(parse_reference("Host.example:5000/a:b") == Reference{"Host.example:5000/a", "b"});
  CHECK(parse_reference("a--b__c.d") == Reference{"a--b__c.d", "latest"});
  CHECK(parse_reference("team/app:1.2").text() == "team/app:1.2");
}

TEST_CASE("what is no name is refused") {
  for (const char* text :
       {"",      ":tag", "a:",      "a:.tag", "a:-tag", "a:b c", "/a",     "a/",          "a//b",          "-a",
        "a-",    "a..b", "a___b",   "a._b",   "a b",    "../a",  "a/../b", "host:port/a", "host:123456/a", "-host.x/a",
        "a:b:c", "a\n",  "\xc3\xa4"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_reference(text), base::Error);
  }
  CHECK_THROWS_WITH(parse_reference("Counter"), Contains("lower-case"));
  CHECK_THROWS_WITH(parse_reference("a@sha256:00"), Contains("digest"));
  CHECK_THROWS_AS(parse_reference("a@"), base::Error);
  CHECK_THROWS_AS(parse_reference("a@sha256:" + std::string(64, 'A')), base::Error);
  CHECK_THROWS_AS(parse_reference("@sha256:" + std::string(64, 'a')), base::Error);
  CHECK_THROWS_WITH(parse_reference(std::string(64, 'a')), Contains("id"));
}

TEST_CASE("a digest belongs to a reference and not to its text") {
  const std::string digest = "sha256:" + std::string(64, 'a');
  const Reference reference = parse_reference("host:5000/team/app:1@" + digest);
  CHECK(reference.name == "host:5000/team/app");
  CHECK(reference.tag == "1");
  CHECK(reference.digest == digest);
  CHECK(reference.text() == "host:5000/team/app:1");
  CHECK(parse_reference("app@" + digest).tag == "latest");
}

TEST_CASE("a date names a base as its archive was then") {
  const Reference reference = parse_reference("debian:bookworm@20260901");
  CHECK(reference.tag == "bookworm@20260901T000000Z");
  CHECK(parse_reference(reference.text()) == reference);
  CHECK(parse_reference("debian:bookworm@20260901T000000Z") == reference);
  CHECK(parse_reference("ubuntu:noble@20260228T235959Z").tag == "noble@20260228T235959Z");
  CHECK(image::suite_of(reference)->name == "bookworm");
  CHECK(image::suite_of(reference)->snapshot == "20260901T000000Z");
  CHECK(image::suite_of(reference)->text() == "debian:bookworm@20260901T000000Z");
  CHECK(image::suite_of(parse_reference("debian:bookworm-slim@20260901"))->text() ==
        "debian:bookworm@20260901T000000Z");
  CHECK(image::suite_of(parse_reference("debian:bookworm"))->snapshot.empty());
  for (const char* date : {"2026", "20261301", "20260001", "20260932", "2026090a", "20260901T250000Z",
                           "20260901T000000", "20260901t000000z", "20260901 ", ""}) {
    CAPTURE(date);
    CHECK_THROWS_AS(parse_reference(std::string("debian:bookworm@") + date), base::Error);
  }
  CHECK_THROWS_WITH(parse_reference("alpine:3@20260901"), Contains("debian and ubuntu"));
  CHECK_THROWS_AS(parse_reference("team/debian:bookworm@20260901"), base::Error);
}

TEST_CASE("names and tags have a longest length") {
  CHECK_NOTHROW(parse_reference(std::string(255, 'z') + ":" + std::string(128, 'z')));
  CHECK_THROWS_AS(parse_reference(std::string(256, 'z')), base::Error);
  CHECK_THROWS_AS(parse_reference("a:" + std::string(129, 'z')), base::Error);
}

TEST_CASE("a reference as a file name is one, and no two references share it") {
  CHECK(image::encode_file_name("debian:bookworm") == "debian:bookworm");
  CHECK(image::encode_file_name("host:5000/team/app:1") == "host:5000%2Fteam%2Fapp:1");
  const std::string long_name(255, 'z');
  const std::string encoded = image::encode_file_name(long_name + ":a");
  CHECK(encoded.size() <= 255);
  CHECK(encoded.find('/') == std::string::npos);
  CHECK(encoded != image::encode_file_name(long_name + ":b"));
}

}  // namespace
