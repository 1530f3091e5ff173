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
  CHECK_THROWS_WITH(parse_reference(std::string(64, 'a')), Contains("id"));
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
