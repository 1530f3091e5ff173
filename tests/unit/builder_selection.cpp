#include "base/sha256.hpp"
#include "builder/content_hashes.hpp"
#include "builder/selection.hpp"
#include "linux/fd.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

#include <unistd.h>

#include <thread>

using namespace conductor;
using namespace conductor::builder;
using Names = std::vector<std::string>;

namespace {

struct Tree {
  test::TemporaryDirectory directory;
  linux::RootFd root = linux::RootFd::open(directory.path());
  Tree(std::initializer_list<const char*> files) {
    for (const std::string file : files) root.write_file(file, file);
  }
  std::vector<Selected> select(const std::string& pattern, const std::string& rules = {}) const {
    return select_files(root, parser::IgnoreRules::parse(rules), pattern);
  }
  Names paths(const std::string& pattern, const std::string& rules = {}) const {
    Names names;
    for (const auto& selected : select(pattern, rules))
      for (const auto& file : selected.files) names.push_back(file.path);
    return names;
  }
};

}  // namespace

TEST_CASE("a file, a directory, the whole context") {
  const Tree tree{"b", "d/z", "d/a", "d/e/x"};
  CHECK(tree.paths("b") == Names{"b"});
  CHECK(tree.paths("./d/../b") == Names{"b"});
  CHECK(tree.paths("/b") == Names{"b"});
  CHECK(tree.paths("../../b") == Names{"b"});
  CHECK(tree.paths("d") == Names{"d", "d/a", "d/e", "d/e/x", "d/z"});
  CHECK(tree.paths(".") == Names{"", "b", "d", "d/a", "d/e", "d/e/x", "d/z"});
  const auto selected = tree.select("d");
  REQUIRE(selected.size() == 1);
  CHECK(selected[0].directory);
  CHECK(selected[0].files[0].target.empty());
  CHECK(selected[0].files[3].target == "e/x");
}

TEST_CASE("patterns match name by name") {
  const Tree tree{"a.c", "b.c", "c.h", "s/a.c", "t/a.c"};
  CHECK(tree.paths("*.c") == Names{"a.c", "b.c"});
  CHECK(tree.paths("*/a.c") == Names{"s/a.c", "t/a.c"});
  CHECK(tree.paths("[b-c].?") == Names{"b.c", "c.h"});
  CHECK(tree.paths("*.none").empty());
}

TEST_CASE("a source that is not there is named, with what was probably meant") {
  const Tree tree{"src/counter.cpp"};
  CHECK_THROWS_WITH(tree.paths("src/countre.cpp"), Contains("no src/countre.cpp") && Contains("counter.cpp"));
  CHECK_THROWS_WITH(tree.paths("none/x"), Contains("no none/x"));
}

TEST_CASE("what the rules ignore is not there") {
  const Tree tree{"a", ".git/config", "logs/x", "logs/keep/y", "node/z"};
  CHECK(tree.paths(".", ".git\nlogs\n!logs/keep\nnode\n") == Names{"", "a", "logs", "logs/keep", "logs/keep/y"});
  CHECK_THROWS_WITH(tree.paths("a", "a\n"), Contains("left out of the build by the ignore rules"));
  CHECK(tree.paths("*", "a\nlogs\nnode\n") == Names{".git", ".git/config"});
}

namespace {

Names targets(const Tree& tree, const std::string& pattern, const Names& exclude, bool parents,
              const std::string& rules = {}) {
  Names names;
  const SelectionOptions options{exclusion_rules(exclude), parents};
  for (const auto& selected : select_files(tree.root, parser::IgnoreRules::parse(rules), pattern, options))
    for (const auto& file : selected.files) names.push_back(file.target);
  return names;
}

}  // namespace

TEST_CASE("--exclude is relative to the source") {
  const Tree tree{"d/a.txt", "d/b", "d/s/a.txt", "d/s/c", "d.txt", "#x"};
  CHECK(targets(tree, "d", {"*.txt"}, false) == Names{"", "b", "s", "s/a.txt", "s/c"});
  CHECK(targets(tree, "d", {"**/*.txt"}, false) == Names{"", "b", "s", "s/c"});
  CHECK(targets(tree, "d", {"s"}, false) == Names{"", "a.txt", "b"});
  CHECK(targets(tree, "d", {"s/"}, false) == Names{"", "a.txt", "b"});
  CHECK(targets(tree, "d", {"s", "!s/c"}, false) == Names{"", "a.txt", "b", "s", "s/c"});
  CHECK(targets(tree, "d", {"d"}, false) == Names{"", "a.txt", "b", "s", "s/a.txt", "s/c"});
  CHECK(targets(tree, "d*", {"d"}, false) == Names{"d.txt"});
  CHECK(targets(tree, "d.txt", {"*.txt"}, false).empty());
  CHECK(targets(tree, "?x", {"#x"}, false).empty());
  CHECK(targets(tree, "d", {"b"}, false, "d/s\n") == Names{"", "a.txt"});
}

TEST_CASE("--parents keeps directories from the root or the pivot on") {
  const Tree tree{"a/b/x.c", "a/b/y.h", "a/c/x.c", "a-b/x.c", "top.c"};
  CHECK(targets(tree, "a/b/x.c", {}, true) == Names{"", "a", "a/b", "a/b/x.c"});
  CHECK(targets(tree, "/a/b/x.c", {}, true) == Names{"", "a", "a/b", "a/b/x.c"});
  CHECK(targets(tree, "a/./b", {}, true) == Names{"", "b", "b/x.c", "b/y.h"});
  CHECK(targets(tree, "./a/./*/x.c", {}, true) == Names{"", "b", "b/x.c", "c", "c/x.c"});
  CHECK(targets(tree, "a*/**/*.c", {}, true) == Names{"", "a", "a/b", "a/b/x.c", "a/c", "a/c/x.c", "a-b", "a-b/x.c"});
  CHECK(targets(tree, "**/x.c", {"a-b"}, true) == Names{"", "a", "a/b", "a/b/x.c", "a/c", "a/c/x.c"});
  CHECK(targets(tree, "*/./x.c", {}, true) == Names{"", "x.c"});
  CHECK(targets(tree, ".", {}, true).size() == 10);
  CHECK(targets(tree, "**/*.c", {}, true, "a\n") == Names{"", "a-b", "a-b/x.c", "top.c"});
  CHECK(targets(tree, "none*/x", {}, true).empty());
  CHECK_THROWS_WITH(targets(tree, "a/none", {}, true), Contains("there is no a/none"));
  tree.root.symlink("a/b", "link");
  CHECK(targets(tree, "link/x.c", {}, true) == Names{"", "link", "link/x.c"});
  CHECK(targets(tree, "link", {}, true) == Names{"", "link"});
}

TEST_CASE("links: kept inside a directory, followed as a source, never out of the root") {
  const Tree tree{"real/file", "d/x"};
  tree.root.symlink("/etc/hostname", "outside");
  tree.root.symlink("../../../../../../etc", "up");
  tree.root.symlink("real/file", "inside");
  tree.root.symlink("../outside", "d/link");
  CHECK(tree.paths("inside") == Names{"real/file"});
  CHECK(tree.select("inside")[0].files[0].target == "inside");
  CHECK_THROWS_AS(tree.paths("outside"), base::Error);
  CHECK_THROWS_AS(tree.paths("up"), base::Error);
  CHECK_THROWS_AS(tree.paths("up/hostname"), base::Error);
  const auto directory = tree.select("d");
  REQUIRE(directory[0].files.size() == 3);
  CHECK(directory[0].files[1].content == "../outside");
  CHECK_THROWS_WITH(tree.paths("inside", "real\n"), Contains("ignore rules"));
}

TEST_CASE("a path without its links") {
  const Tree tree{"usr/lib/x"};
  tree.root.symlink("usr/lib", "lib");
  tree.root.symlink("/lib/..", "odd");
  tree.root.symlink("loop", "loop");
  CHECK(canonical_path(tree.root, "/lib/x") == "usr/lib/x");
  CHECK(canonical_path(tree.root, "odd/lib") == "usr/lib");
  CHECK(canonical_path(tree.root, "/") == "");
  CHECK_FALSE(canonical_path(tree.root, "lib/none"));
  CHECK(canonical_path(tree.root, "lib/none/more", true) == "usr/lib/none/more");
  CHECK_FALSE(canonical_path(tree.root, "loop", true));
}

namespace {

// Hashes of all files below a root, and how many had to be read for them.
std::pair<Names, std::size_t> hashes(const Tree& tree, const std::string& memory) {
  ContentHashes known(memory);
  auto selected = tree.select(".");
  known.fill(tree.root, selected);
  Names contents;
  for (const auto& file : selected[0].files)
    if (S_ISREG(file.status.st_mode)) contents.push_back(file.content);
  return {contents, known.read_files()};
}

// As if the file had been written long ago; its change time, which nobody can set, is what the caller waits for.
bool is_old_enough(const Tree& tree, const std::string& memory) {
  for (int i = 0; i < 10'000; ++i)
    if (hashes(tree, memory).second == 0) return true;
  return false;
}

}  // namespace

TEST_CASE("a file that did not change is not read again") {
  const Tree tree{"a", "b"};
  const test::TemporaryDirectory store;
  const std::string memory = store / "context/x";
  const auto first = hashes(tree, memory);
  CHECK(first.second == 2);
  REQUIRE(first.first.size() == 2);
  CHECK(first.first[0] != first.first[1]);
  REQUIRE(is_old_enough(tree, memory));
  tree.root.write_file("b", "c");
  const auto second = hashes(tree, memory);
  CHECK(second.second == 1);
  CHECK(second.first[0] == first.first[0]);
  CHECK(second.first[1] != first.first[1]);
}

TEST_CASE("a file younger than the clock's tick is read again") {
  const Tree tree{"a"};
  const test::TemporaryDirectory store;
  hashes(tree, store / "x");
  tree.root.write_file("a", "B");  // same size, perhaps within the same tick
  CHECK(hashes(tree, store / "x").first == hashes(tree, "").first);
}

TEST_CASE("stages hash at the same time") {
  Tree tree{};
  for (int i = 0; i < 200; ++i) tree.root.write_file("d/" + std::to_string(i), std::to_string(i % 7));
  const test::TemporaryDirectory store;
  ContentHashes hashes(store / "x");
  std::vector<std::vector<Selected>> selected(4);
  std::vector<std::thread> threads;
  for (auto& one : selected)
    threads.emplace_back([&] {
      one = tree.select("d");
      hashes.fill(tree.root, one);
    });
  for (auto& thread : threads) thread.join();
  for (const auto& one : selected)
    for (std::size_t i = 1; i < one.at(0).files.size(); ++i)
      CHECK(one[0].files[i].content == selected[0][0].files[i].content);
}

TEST_CASE("a large file is copied while it is hashed") {
  Tree tree{};
  const std::string content(static_cast<std::size_t>(Spool::worthwhile) + 1, 'x');
  tree.root.write_file("large", content);
  tree.root.write_file("small", "s");
  const test::TemporaryDirectory store;
  Spool spool(store.path());
  ContentHashes hashes("");
  auto selected = tree.select("*");
  hashes.fill(tree.root, selected, &spool);
  REQUIRE(selected.size() == 2);
  CHECK(linux::read_file(selected[0].files[0].spooled) == content);
  CHECK(selected[0].files[0].content == base::sha256_hex(content));
  CHECK(selected[1].files[0].spooled.empty());
}

TEST_CASE("a damaged memory means nothing is remembered") {
  const Tree tree{"a", "b"};
  const test::TemporaryDirectory store;
  const auto expected = hashes(tree, "").first;
  for (const std::string bytes : {"", "conductor content hashes 1\nshort", "something else entirely"}) {
    linux::RootFd::open(store.path()).write_file("x", bytes);
    CHECK(hashes(tree, store / "x").first == expected);
  }
}
