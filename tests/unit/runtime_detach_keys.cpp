#include "base/error.hpp"
#include "runtime/detach_keys.hpp"
#include "support/catch.hpp"

using namespace conductor;
using runtime::parse_detach_keys;

TEST_CASE("detach keys: docker's words as bytes") {
  CHECK(parse_detach_keys("ctrl-p,ctrl-q") == "\x10\x11");
  CHECK(parse_detach_keys("Ctrl-A,x") == "\x01x");
  CHECK(parse_detach_keys("ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_") == "\x1b\x1c\x1d\x1e\x1f");
  CHECK(parse_detach_keys("").empty());
  for (const char* wrong : {",", "ctrl-", "ctrl-1", "ctrl-pq", "ab", "a,,b", "\x01", "ctrl-\xff"})
    CHECK_THROWS_AS(parse_detach_keys(wrong), base::Error);
}

TEST_CASE("detach keys: what begins like them is passed on when it goes on differently") {
  const auto passed = [](const std::string& keys, const std::vector<std::string>& typed, bool complete) {
    runtime::DetachKeys watched(keys);
    std::string all;
    for (const auto& piece : typed) all += watched.pass(piece);
    CHECK(watched.complete() == complete);
    return all;
  };
  CHECK(passed("ab", {"xaby"}, true) == "x");
  CHECK(passed("ab", {"xa", "by"}, true) == "x");
  CHECK(passed("ab", {"a"}, false).empty());
  CHECK(passed("ab", {"a", "c"}, false) == "ac");
  CHECK(passed("ab", {"aab"}, true) == "a");
  CHECK(passed("abc", {"abab", "c"}, true) == "ab");
  CHECK(passed("", {"ab", "c"}, false) == "abc");
}
