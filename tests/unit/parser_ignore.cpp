#include "base/error.hpp"
#include "parser/conductorfile.hpp"
#include "support/catch.hpp"

#include <ctime>
#include <string>

using namespace conductor::parser;

TEST_CASE("patterns of names") {
  CHECK(match_pattern("*.txt", "a.txt"));
  CHECK(match_pattern("*", ""));
  CHECK_FALSE(match_pattern("*.txt", "dir/a.txt"));
  CHECK(match_pattern("dir/*.txt", "dir/a.txt"));
  CHECK(match_pattern("a?c", "abc"));
  CHECK(match_pattern("a?c", "aäc"));
  CHECK_FALSE(match_pattern("a?c", "a/c"));
  CHECK(match_pattern("[a-c]x[^0-9]", "bxy"));
  CHECK_FALSE(match_pattern("[a-c]x[^0-9]", "bx1"));
  CHECK_FALSE(match_pattern("[^a]", "/"));
  CHECK(match_pattern("[ä-ö]", "ö"));
  CHECK(match_pattern("\\*\\[", "*["));
  CHECK(match_pattern("a*b*c", "aXbYbZc"));
  CHECK_FALSE(match_pattern("a*b*c", "aXbYbZ"));
  CHECK(match_pattern("**", "name"));
  CHECK_FALSE(match_pattern("**", "dir/name"));
  for (const char* malformed : {"[", "[]", "[a", "[a-", "[a-]", "[-a]", "a\\"})
    CHECK_THROWS_AS(match_pattern(malformed, "x"), conductor::base::Error);
}

TEST_CASE("patterns of any depth") {
  for (const char* name : {"a.o", "x/a.o", "x/y/a.o"}) CHECK(match_pattern("**/*.o", name, true));
  CHECK_FALSE(match_pattern("**/*.o", "x/a.oo", true));
  CHECK(match_pattern("a/**/b", "a/b", true));
  CHECK(match_pattern("a/**/b", "a/x/y/b", true));
  CHECK_FALSE(match_pattern("a/**/b", "a/xb", true));
  CHECK(match_pattern("a/**", "a/x/y", true));
  CHECK_FALSE(match_pattern("a/**", "a", true));
  CHECK(match_pattern("x*y**/z", "xyyz", true));
  CHECK(match_pattern("**", "any/thing", true));
}

TEST_CASE("no pattern makes matching slow") {
  std::string pattern;
  for (int i = 0; i < 60; ++i) pattern += "**/*a";
  const std::string name(20'000, 'a');
  const std::clock_t before = std::clock();
  CHECK_FALSE(match_pattern(pattern + "b", name, true));
  CHECK(std::clock() - before < 5 * CLOCKS_PER_SEC);
}

TEST_CASE("rules of an ignore file") {
  const auto rules = IgnoreRules::parse(
      "# comment\n"
      "*.log\n"
      "  /build/  \r\n"
      "\n"
      "docs/**\n"
      "!docs/keep.md\n"
      "**/node_modules\n"
      "./tmp/../cache\n"
      "!important.log\n"
      "important.log.d\n");
  CHECK(rules.has_exceptions());
  CHECK(rules.ignores("a.log"));
  CHECK_FALSE(rules.ignores("dir/a.log"));
  CHECK(rules.ignores("build"));
  CHECK(rules.ignores("build/deep/file"));
  CHECK_FALSE(rules.ignores("src/build"));
  CHECK_FALSE(rules.ignores("docs"));
  CHECK(rules.ignores("docs/a.md"));
  CHECK_FALSE(rules.ignores("docs/keep.md"));
  CHECK(rules.ignores("node_modules/x"));
  CHECK(rules.ignores("a/b/node_modules/x"));
  CHECK(rules.ignores("cache/x"));
  CHECK_FALSE(rules.ignores("tmp"));
  CHECK_FALSE(rules.ignores("important.log"));
  CHECK_FALSE(rules.ignores("comment"));
}

TEST_CASE("the last pattern that matches decides") {
  CHECK_FALSE(IgnoreRules::parse("a\n!a\n").ignores("a"));
  CHECK(IgnoreRules::parse("!a\na\n").ignores("a"));
  CHECK(IgnoreRules::parse("*\n!dir\ndir/secret\n").ignores("dir/secret"));
  CHECK_FALSE(IgnoreRules::parse("*\n!dir\ndir/secret\n").ignores("dir/file"));
  CHECK_FALSE(IgnoreRules::parse("*\n!dir/file\n").ignores("dir/file"));
}

TEST_CASE("escapes in ignore files") {
  CHECK(IgnoreRules::parse("a\\\\").ignores("a\\"));
  CHECK(IgnoreRules::parse("*\\\\b").ignores("x\\b"));
  CHECK(IgnoreRules::parse("\\*/x").ignores("*/x"));
  CHECK_FALSE(IgnoreRules::parse("\\*/x").ignores("a/x"));
  CHECK(IgnoreRules::parse("\\#x").ignores("#x"));
}

TEST_CASE("ignore files without rules, and malformed ones") {
  CHECK(IgnoreRules::parse("").empty());
  CHECK(IgnoreRules::parse("\xef\xbb\xbf# x\n\n.\n/\n").empty());
  CHECK_FALSE(IgnoreRules::parse("a").has_exceptions());
  CHECK(IgnoreRules::parse("\xef\xbb\xbf"
                           "a")
            .ignores("a"));
  CHECK_THROWS_AS(IgnoreRules::parse("!\n"), conductor::base::Error);
  CHECK_THROWS_AS(IgnoreRules::parse("a[\n"), conductor::base::Error);
}
