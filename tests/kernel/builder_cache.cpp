// Pairs of builds that are nearly the same: which steps of the second are made again.
#include "builder_rig.hpp"
#include "linux/fd.hpp"
#include "support/catch.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <functional>

using namespace conductor;

namespace {

// Four steps, each of a part of the context of its own; a change makes one of them again and all after it.
const std::string steps =
    "FROM scratch\n"
    "ARG unused=1\n"
    "COPY a /a\n"
    "COPY --chmod=0644 octal /octal\n"
    "COPY --chmod=u=rwX,go=rX letters /letters\n"
    "COPY --chown=1:2 d /d\n";

std::string replaced(const std::string& what, const std::string& with) {
  std::string text = steps;
  const auto at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), with);
}

void fill_context(BuilderRig& rig) {
  auto& context = rig.context();
  context.write_file("a", "a");
  context.write_file("octal/f", "f", 0600);
  context.write_file("letters/f", "f", 0644);
  context.write_file("d/f", "f");
  context.write_file("d/sub/g", "g");
  context.symlink("f", "d/link");
  context.write_file("elsewhere", "e");
}

struct Row {
  const char* what;
  std::function<void(BuilderRig& rig, const std::string& path)> change;
  std::string text;
  int made;
};

void touch(const std::string& path) {
  const timespec times[2] = {{5, 0}, {5, 0}};
  REQUIRE(utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) == 0);
}
void set_mode(const std::string& path, mode_t mode) { REQUIRE(chmod(path.c_str(), mode) == 0); }

const auto nothing = [](BuilderRig&, const std::string&) {};

std::vector<Row> changes_of_files() {
  using Rig = BuilderRig&;
  using Path = const std::string&;
  return {
      {"nothing", nothing, steps, 0},
      {"a file touched", [](Rig, Path p) { touch(p + "/a"); }, steps, 0},
      {"a directory touched", [](Rig, Path p) { touch(p + "/d/sub"); }, steps, 0},
      {"a link touched", [](Rig, Path p) { touch(p + "/d/link"); }, steps, 0},
      {"the same content in another file", [](Rig r, Path) { r.context().write_file("a", "a"); }, steps, 0},
      {"a file that nothing copies", [](Rig r, Path) { r.context().write_file("elsewhere", "E"); }, steps, 0},
      {"another such file", [](Rig r, Path) { r.context().write_file("new", "n"); }, steps, 0},
      {"the owner on this machine", [](Rig, Path p) { REQUIRE(chown((p + "/a").c_str(), 7, 7) == 0); }, steps, 0},
      {"the mode of a source directory", [](Rig, Path p) { set_mode(p + "/d", 0700); }, steps, 0},
      {"the mode of the context", [](Rig, Path p) { set_mode(p, 0700); }, steps, 0},
      {"a mode that --chmod replaces", [](Rig, Path p) { set_mode(p + "/octal/f", 0755); }, steps, 0},
      {"a mode that the letters make the same", [](Rig, Path p) { set_mode(p + "/letters/f", 0600); }, steps, 0},
      {"ignore rules for what nothing copies",
       [](Rig r, Path) { r.context().write_file(".dockerignore", "elsewhere\n"); }, steps, 0},
      {"a source becomes a link to the same content",
       [](Rig r, Path) {
         r.context().write_file("b", "a");
         r.context().remove("a");
         r.context().symlink("b", "a");
       },
       steps, 0},
      {"content", [](Rig r, Path) { r.context().write_file("a", "A"); }, steps, 4},
      {"content of the same size and time",
       [](Rig r, Path p) {
         touch(p + "/a");
         r.context().write_file("a", "A");
         touch(p + "/a");
       },
       steps, 4},
      {"mode", [](Rig, Path p) { set_mode(p + "/a", 0600); }, steps, 4},
      {"a new file", [](Rig r, Path) { r.context().write_file("octal/new", ""); }, steps, 3},
      {"a new empty directory", [](Rig r, Path) { r.context().make_directories("octal/new"); }, steps, 3},
      {"a file renamed", [](Rig, Path p) { REQUIRE(rename((p + "/octal/f").c_str(), (p + "/octal/g").c_str()) == 0); },
       steps, 3},
      {"a file removed", [](Rig r, Path) { r.context().remove("octal/f"); }, steps, 3},
      {"a mode that the letters make another", [](Rig, Path p) { set_mode(p + "/letters/f", 0744); }, steps, 2},
      {"where a link points",
       [](Rig r, Path) {
         r.context().remove("d/link");
         r.context().symlink("sub", "d/link");
       },
       steps, 1},
      {"a link becomes a file", [](Rig r, Path) { r.context().write_file("d/link", "f"); }, steps, 1},
      {"the mode of a directory within", [](Rig, Path p) { set_mode(p + "/d/sub", 0700); }, steps, 1},
      {"a file ignored", [](Rig r, Path) { r.context().write_file(".dockerignore", "d/f\n"); }, steps, 1},
      {"a file moved to another directory",
       [](Rig, Path p) { REQUIRE(rename((p + "/d/sub/g").c_str(), (p + "/d/g").c_str()) == 0); }, steps, 1},
  };
}

std::vector<Row> changes_of_text() {
  return {
      {"a comment", nothing, "# text\n" + steps, 0},
      {"a label", nothing, steps + "LABEL a=b\n", 0},
      {"an unused argument", nothing, replaced("unused=1", "unused=2"), 0},
      {"the JSON form", nothing, replaced("COPY a /a", "COPY [\"a\", \"/a\"]"), 0},
      {"another way to write the source", nothing, replaced("COPY a /a", "COPY ./d/../a /a"), 0},
      {"another way to write the destination", nothing, replaced("COPY a /a", "COPY a a"), 0},
      {"a variable with that value", nothing, replaced("COPY a /a", "ARG x=a\nCOPY $x /$x"), 0},
      {"a pattern of the same files", nothing, replaced("COPY a /a", "COPY [a] /a"), 0},
      {"the same octal mode", nothing, replaced("0644", "644"), 0},
      {"ADD of what is no archive: the same layer", nothing, replaced("COPY a /a", "ADD a /a"), 1},
      {"another name", nothing, replaced("COPY a /a", "COPY a /b"), 4},
      {"another mode", nothing, replaced("0644", "0640"), 3},
      {"another owner", nothing, replaced("1:2", "1:3"), 1},
      {"a file left out", nothing, replaced("--chown=1:2 d", "--chown=1:2 --exclude=f d"), 1},
      {"nothing left out", nothing, replaced("--chown=1:2 d", "--chown=1:2 --exclude=none d"), 0},
      {"a step in front", nothing, replaced("COPY a", "COPY elsewhere /e\nCOPY a"), 5},
      {"a step at the end", nothing, steps + "COPY elsewhere /e\n", 1},
  };
}

void check_pairs(const std::vector<Row>& rows) {
  for (const auto& row : rows) {
    INFO(row.what);
    BuilderRig rig("16m");  // in memory: nothing waits for a disk
    fill_context(rig);
    rig.build(steps);
    CHECK(rig.made == 4);
    row.change(rig, rig.context_path());
    rig.build(row.text);
    CHECK(rig.made == row.made);
  }
}

}  // namespace

TEST_CASE("which change of the files makes which steps again") { check_pairs(changes_of_files()); }

TEST_CASE("which change of the instructions makes which steps again") { check_pairs(changes_of_text()); }
