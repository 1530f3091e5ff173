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
  CHECK(match_pattern("[^a]", "/"));
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

TEST_CASE("`**` with what stands around it") {
  const auto ignores = [](const char* rule, const char* path) { return IgnoreRules::parse(rule).ignores(path); };
  for (const char* path : {"file", "a/file", "a/b/file", "xfile", "a/xfile"}) CHECK(ignores("**file", path));
  for (const char* path : {"file", "a/file", "a/b/file", "file/below", "a/file/below"}) CHECK(ignores("**/file", path));
  for (const char* path : {"xfile", "a/xfile", "filex"}) CHECK_FALSE(ignores("**/file", path));
  for (const char* path : {"dir", "dir2", "dir/x", "dir/x/y"}) CHECK(ignores("dir**", path));
  CHECK(ignores("dir/**", "dir/x"));
  CHECK_FALSE(ignores("dir/**", "dir"));
  CHECK_FALSE(ignores("dir/**", "dirx/y"));
  for (const char* path : {"a", "a/b", ".hidden"}) CHECK(ignores("**", path));
  for (const char* path : {"a", "a/b", "a/b/c"}) CHECK(ignores("**/**", path));
  CHECK(ignores("a/**/b", "a/b"));
  CHECK(ignores("a/**/b", "a/x/y/b/below"));
  CHECK_FALSE(ignores("a/**/b", "ab"));
  CHECK(ignores("**/*.o", "a.o"));
  CHECK(ignores("**/*.o", "x/y/a.o"));
  CHECK_FALSE(ignores("**/*.o", "x/y/a.c"));
  CHECK(ignores("**/a?c/*", "x/abc/d"));
  CHECK(ignores("**/.git*", "x/.gitignore"));
  CHECK(ignores("x**y/z", "xa/by/z") == false);
  CHECK(ignores("x**y/z", "xa/y/z"));
}

TEST_CASE("patterns are cleaned as paths") {
  const auto ignores = [](const char* rule, const char* path) { return IgnoreRules::parse(rule).ignores(path); };
  for (const char* rule : {"a/b", "/a/b", "a/b/", "./a//b", "a/./b", "x/../a/b", "/../a/b", "  a/b\t", "\ta/b\r"})
    CHECK(ignores(rule, "a/b/c"));
  for (const char* rule : {"../a/b", ".", "/", "a/.."}) CHECK_FALSE(ignores(rule, "a/b"));
  CHECK(ignores("a/b/..", "a/x"));
  CHECK(ignores("*\n! /a/b/ ", "x"));
  CHECK_FALSE(ignores("*\n! /a/b/ ", "a/b"));
  CHECK(ignores(" #x", "#x"));  // a comment begins at the first byte of a line
  CHECK_FALSE(ignores("#x", "#x"));
  CHECK(ignores("!!x\n", "x") == false);
  CHECK(ignores("*\n!a b\n", "a"));
  CHECK_FALSE(ignores("*\n!a b\n", "a b"));
}

TEST_CASE("sets of characters") {
  const auto ignores = [](const char* rule, const char* path) { return IgnoreRules::parse(rule).ignores(path); };
  CHECK(ignores("[a-c]x", "bx"));
  CHECK_FALSE(ignores("[a-c]x", "dx"));
  CHECK(ignores("[^a-c]x", "dx"));
  CHECK(ignores("a[^x]b", "a/b"));
  CHECK(ignores("[\\]a]", "]"));
  CHECK(ignores("[a\\-c]", "-"));
  for (const char* rule : {"[", "[]", "[^]", "[a", "a[]b]", "[-x]", "[x-]", "[a-b-c]", "x\\"})
    CHECK_THROWS_AS(IgnoreRules::parse(rule), conductor::base::Error);
}

TEST_CASE("fifty patterns tell ten thousand files in no time") {
  std::string text = "**/node_modules\n*.log\n**/*.pyc\n/build\n!build/keep\n.git\ndocs/**\n";
  for (int i = 0; i < 43; ++i) text += "dir" + std::to_string(i) + "/*.o\n";
  const auto rules = IgnoreRules::parse(text);
  const std::clock_t before = std::clock();
  int ignored = 0;
  for (int i = 0; i < 10'000; ++i)
    ignored += rules.ignores("src/module" + std::to_string(i % 100) + "/part/file" + std::to_string(i) + ".cpp");
  CHECK(ignored == 0);
  CHECK(std::clock() - before < CLOCKS_PER_SEC);
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
  CHECK(rules.may_keep_below("docs"));
  CHECK_FALSE(rules.may_keep_below("build"));
  CHECK_FALSE(rules.may_keep_below("doc"));
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

TEST_CASE("an ignored directory is walked only when something below it may be taken back") {
  const auto keeps = [](const char* exception, const char* directory) {
    return IgnoreRules::parse(std::string("*\n!") + exception).may_keep_below(directory);
  };
  CHECK(keeps("a/b/c", "a"));
  CHECK(keeps("a/b/c", "a/b"));
  CHECK(keeps("a", "a/b"));
  CHECK(keeps("a/*.md", "a"));
  CHECK(keeps("a*/b", "ab"));
  CHECK(keeps("**/b", "x/y"));
  CHECK(keeps("x/**", "x/y"));
  CHECK(keeps("?/b", "x"));
  CHECK_FALSE(keeps("a/b/c", "ab"));
  CHECK_FALSE(keeps("a/b/c", "a/c"));
  CHECK_FALSE(keeps("a/*.md", "b"));
  CHECK_FALSE(keeps("x/**", "y"));
}
