// COPY and WORKDIR: what is in the image afterwards.
#include "base/error.hpp"
#include "builder_rig.hpp"
#include "support/catch.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <thread>

using namespace conductor;
using Names = std::vector<std::string>;

TEST_CASE("files and directories go where the reference says") {
  BuilderRig rig;
  rig.context().write_file("a", "a");
  rig.context().write_file("b", "b");
  rig.context().write_file("d/x", "x");
  rig.context().write_file("d/e/y", "y");
  const auto root =
      rig.files(rig.build("FROM scratch\n"
                          "COPY a /plain\n"
                          "COPY a /deep/er/\n"
                          "COPY a b /both/\n"
                          "COPY d /d\n"
                          "COPY d /d2/\n"
                          "COPY a /d\n"
                          "COPY [ab] /glob/\n"
                          "WORKDIR /work\n"
                          "COPY a .\n"
                          "COPY a sub/name\n"
                          "WORKDIR sub\n"
                          "COPY b ../b2\n"
                          "COPY . /all/\n"));
  CHECK(text_of(root, "/plain") == "a");
  CHECK(text_of(root, "/deep/er/a") == "a");
  CHECK(root.list("/both") == Names{"a", "b"});
  CHECK(root.list("/d") == Names{"a", "e", "x"});
  CHECK(text_of(root, "/d2/e/y") == "y");
  CHECK(root.list("/glob") == Names{"a", "b"});
  CHECK(text_of(root, "/work/a") == "a");
  CHECK(text_of(root, "/work/sub/name") == "a");
  CHECK(text_of(root, "/work/b2") == "b");
  CHECK(root.list("/all") == Names{"Conductorfile", "a", "b", "d"});
}

TEST_CASE("modes and times are kept, the owner is root") {
  BuilderRig rig;
  rig.context().write_file("d/script", "#!/bin/sh\n", 0755);
  rig.context().write_file("d/secret", "s", 0600);
  rig.context().write_file("d/setuid", "s", 04755);
  rig.context().make_directories("d/sticky", 01777);
  const timespec times[2] = {{1000, 0}, {1234567890, 5000}};
  for (const char* path : {"d/script", "d"})
    REQUIRE(utimensat(AT_FDCWD, (rig.context_path() + "/" + path).c_str(), times, 0) == 0);
  REQUIRE(chown((rig.context_path() + "/d/secret").c_str(), 1234, 1234) == 0);
  const auto root = rig.files(rig.build("FROM scratch\nCOPY d /new\n"));
  CHECK(facts_of(root, "/new/script") == "0755 0:0 file");
  CHECK(facts_of(root, "/new/secret") == "0600 0:0 file");
  CHECK(facts_of(root, "/new/setuid") == "4755 0:0 file");
  CHECK(facts_of(root, "/new/sticky") == "1777 0:0 directory");
  CHECK(root.status("/new/script")->st_mtim.tv_sec == 1234567890);
  CHECK(root.status("/new/script")->st_mtim.tv_nsec == 5000);
  CHECK(root.status("/new")->st_mtim.tv_sec == 1234567890);
}

TEST_CASE("--chown and --chmod") {
  BuilderRig rig;
  rig.context().write_file("etc/passwd", "app:x:1000:1001::/:/bin/sh\n");
  rig.context().write_file("etc/group", "staff:x:50:\n");
  rig.context().write_file("d/f", "f", 0600);
  const auto root =
      rig.files(rig.build("FROM scratch\nARG who=app\nCOPY etc /etc\n"
                          "COPY --chown=$who d /named\n"
                          "COPY --chown=app:staff d/f /deep/down/\n"
                          "COPY --chown=7:8 --chmod=0750 d /numbers\n"
                          "COPY --chmod=644 d/f /mode\n"));
  CHECK(facts_of(root, "/named") == "0755 1000:1001 directory");
  CHECK(facts_of(root, "/named/f") == "0600 1000:1001 file");
  CHECK(facts_of(root, "/deep/down/f") == "0600 1000:50 file");
  CHECK(facts_of(root, "/deep") == "0755 1000:50 directory");
  CHECK(facts_of(root, "/numbers") == "0755 7:8 directory");  // made for the copy, no copy itself
  CHECK(facts_of(root, "/numbers/f") == "0750 7:8 file");
  CHECK(facts_of(root, "/mode") == "0644 0:0 file");
  CHECK_THAT(rig.failure("FROM scratch\nCOPY --chown=app d /d\n"),
             Contains("Conductorfile:2:1") && Contains("no user app"));
}

TEST_CASE("links and hard links and holes are kept") {
  BuilderRig rig;
  rig.context().write_file("d/file", "f");
  rig.context().symlink("file", "d/link");
  rig.context().symlink("/nowhere", "d/dangling");
  REQUIRE(link((rig.context_path() + "/d/file").c_str(), (rig.context_path() + "/d/twin").c_str()) == 0);
  rig.context().write_file("d/sparse", "");
  REQUIRE(truncate((rig.context_path() + "/d/sparse").c_str(), 64 << 20) == 0);
  const auto root = rig.files(rig.build("FROM scratch\nCOPY d /d\n"));
  CHECK(root.read_link("/d/link") == "file");
  CHECK(root.read_link("/d/dangling") == "/nowhere");
  CHECK(root.status("/d/file")->st_ino == root.status("/d/twin")->st_ino);
  CHECK(root.status("/d/sparse")->st_size == 64 << 20);
  CHECK(root.status("/d/sparse")->st_blocks < 64);
}

TEST_CASE("a large file arrives whole, its holes included") {
  BuilderRig rig;
  std::string content(300'000, 'x');
  content.replace(100'000, 4, "mark");
  rig.context().write_file("big", content);
  const std::string path = rig.context_path() + "/big";
  const linux::Fd file = linux::open_file(path, O_WRONLY);
  REQUIRE(pwrite(file.get(), "end", 3, 2 << 20) == 3);
  const auto root = rig.files(rig.build("FROM scratch\nCOPY big /\n"));
  const auto copied = root.read_file("/big", 4U << 20U);
  REQUIRE(copied);
  CHECK(copied->size() == (2U << 20U) + 3);
  CHECK(copied->substr(0, content.size()) == content);
  CHECK(copied->substr(2U << 20U) == "end");
}

TEST_CASE("large files arrive whole wherever they go, and leave nothing behind") {
  BuilderRig rig;
  const std::string content(9U << 20U, 'y');
  rig.context().write_file("d/sub/big", content, 0751);
  rig.context().write_file("d/small", "s");
  rig.context().write_file("base/d/sub/big", "old");
  rig.context().symlink("d", "base/link");
  const auto image = rig.build(
      "FROM scratch\nCOPY base /\nCOPY d /d\nCOPY --chown=1:2 d/sub/big /new/place/\nCOPY d/sub/big /link/sub/other\n");
  const auto root = rig.files(image);
  for (const char* path : {"/d/sub/big", "/new/place/big", "/d/sub/other"}) {
    INFO(path);
    const auto copied = root.read_file(path, 16U << 20U);
    REQUIRE(copied);
    CHECK(*copied == content);
  }
  CHECK(facts_of(root, "/d/sub/big") == "0751 0:0 file");
  CHECK(facts_of(root, "/new/place/big") == "0751 1:2 file");
  CHECK(root.list("/d/sub") == Names{"big", "other"});
  CHECK(store::list_directory(rig.locations().temporary()).empty());
}

TEST_CASE("a capability of a file is kept") {
  BuilderRig rig;
  rig.context().write_file("f", "f", 0755);
  const std::string value("\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20);
  const std::string path = rig.context_path() + "/f";
  if (setxattr(path.c_str(), "security.capability", value.data(), value.size(), 0) != 0)
    SKIP_TEST("the file system of /tmp keeps no file capabilities");
  const auto root = rig.files(rig.build("FROM scratch\nCOPY f /\n"));
  char read[64];
  const linux::Fd file = root.open("/f", O_RDONLY);
  CHECK(fgetxattr(file.get(), "security.capability", read, sizeof read) == static_cast<ssize_t>(value.size()));
}

TEST_CASE("what is copied onto a link of the image goes where the link points, inside the image") {
  BuilderRig rig;
  rig.context().write_file("base/usr/lib/old", "old");
  rig.context().symlink("usr/lib", "base/lib");
  rig.context().symlink("/usr/lib/old", "base/file");
  rig.context().symlink("../../../../../../tmp", "base/out");
  rig.context().write_file("more/lib/new", "new");
  rig.context().write_file("f", "f");
  const auto root =
      rig.files(rig.build("FROM scratch\nCOPY base /\n"
                          "COPY more /\n"
                          "COPY f /lib/\n"
                          "COPY f /lib/sub/deep\n"
                          "COPY f /file\n"
                          "COPY f /out/f\n"));
  CHECK(root.read_link("/lib") == "usr/lib");
  CHECK(root.list("/usr/lib") == Names{"f", "new", "old", "sub"});
  CHECK(text_of(root, "/usr/lib/sub/deep") == "f");
  CHECK(root.read_link("/file") == "/usr/lib/old");
  CHECK(text_of(root, "/usr/lib/old") == "f");
  CHECK(text_of(root, "/tmp/f") == "f");
  CHECK_FALSE(linux::try_read_file("/tmp/f"));
}

TEST_CASE("several directories are merged, whether they were there or not") {
  BuilderRig rig;
  for (const char* name : {"base/there/old", "one/new/x", "one/there/sub/a", "two/new/y", "two/there/sub/b"})
    rig.context().write_file(name, name);
  REQUIRE(link((rig.context_path() + "/one/new/x").c_str(), (rig.context_path() + "/two/there/twin").c_str()) == 0);
  const auto root = rig.files(rig.build("FROM scratch\nCOPY base /d\nCOPY one two /d/\nCOPY one two /fresh/\n"));
  CHECK(root.list("/d") == Names{"new", "there"});
  CHECK(root.list("/d/new") == Names{"x", "y"});
  CHECK(root.list("/d/there") == Names{"old", "sub", "twin"});
  CHECK(root.list("/d/there/sub") == Names{"a", "b"});
  CHECK(root.list("/fresh/there/sub") == Names{"a", "b"});
  CHECK(text_of(root, "/fresh/there/twin") == "one/new/x");
}

TEST_CASE("files and directories do not take each other's place") {
  BuilderRig rig;
  rig.context().write_file("a/x", "x");
  rig.context().write_file("b/x/y", "y");
  CHECK_THAT(rig.failure("FROM scratch\nCOPY a /\nCOPY b /\n"),
             Contains("Conductorfile:3:1") && Contains("a file stands in the place of the directory /x"));
  CHECK_THAT(rig.failure("FROM scratch\nCOPY b /\nCOPY a /\n"),
             Contains("a directory stands in the place of the file /x"));
}

TEST_CASE("an existing file is replaced, not written through") {
  BuilderRig rig;
  rig.context().write_file("one/f", "1");
  rig.context().write_file("two/f", "2");
  const auto image = rig.build("FROM scratch\nCOPY one /\nCOPY two /\n");
  CHECK(image.layers.size() == 2);
  CHECK(text_of(rig.files(image), "/f") == "2");
  CHECK(text_of(rig.files_below(image, 1), "/f") == "1");
}

TEST_CASE("hostile links of a context lead nowhere") {
  BuilderRig rig;
  for (const auto& [name, target] : {std::pair{"passwd", "/etc/passwd"}, {"etc", "/etc"}, {"up", "../../.."}})
    rig.context().symlink(target, name);
  rig.context().make_directories("d");
  rig.context().symlink("/etc", "d/etc");
  for (const char* source : {"passwd", "etc/passwd", "etc", "up/etc/passwd", "d/etc/passwd"}) {
    INFO(source);
    CHECK_THAT(rig.failure(std::string("FROM scratch\nCOPY ") + source + " /x\n"), Contains("there is no"));
  }
  const auto root = rig.files(rig.build("FROM scratch\nCOPY d /d\n"));
  CHECK(root.read_link("/d/etc") == "/etc");
}

TEST_CASE("a directory that becomes a link while it is copied leads nowhere") {
  BuilderRig rig;
  const test::TemporaryDirectory outside;
  const auto secrets = linux::RootFd::open(outside.path());
  for (const char* name : {"f", "g", "sub/h"}) {
    secrets.write_file(name, "outside");
    rig.context().write_file(std::string("d/here/") + name, "inside");
  }
  rig.context().symlink(outside.path(), "d/link");
  rig.options.no_cache = true;
  const linux::Fd directory = linux::open_file(rig.context_path() + "/d", O_PATH | O_DIRECTORY);
  std::atomic<bool> end = false;
  std::thread exchange([&] {
    while (!end) renameat2(directory.get(), "here", directory.get(), "link", RENAME_EXCHANGE);
  });
  int built = 0;
  for (int i = 0; i < 40; ++i) {
    try {
      const auto root =
          rig.files(rig.build(i % 2 == 0 ? "FROM scratch\nCOPY d /d\n" : "FROM scratch\nCOPY d/here /d/x\n"));
      ++built;
      for (const auto& name : root.list("/d"))
        for (const char* file : {"f", "g", "sub/h"}) {
          const std::string path = "/d/" + name + "/" + file;
          if (root.status("/d/" + name) && S_ISDIR(root.status("/d/" + name)->st_mode) &&
              text_of(root, path) == "outside")
            FAIL_CHECK(path + " is from outside of the context");
        }
    } catch (const base::Error&) {  // it says that something changed
    }
  }
  end = true;
  exchange.join();
  INFO(built << " of 40 builds succeeded");
  CHECK(built <= 40);
}

TEST_CASE("a file that changes while it is copied: the cache holds what its key says") {
  BuilderRig rig("32m");
  constexpr std::size_t size = 100'000;
  rig.context().write_file("f", std::string(size, 'a'));
  rig.options.no_cache = true;
  const linux::Fd file = linux::open_file(rig.context_path() + "/f", O_WRONLY);
  std::atomic<bool> end = false;
  std::thread writer([&] {
    for (char c = 'a'; !end; c = c == 'a' ? 'b' : 'a') {
      const std::string content(size, c);
      if (pwrite(file.get(), content.data(), content.size(), 0) < 0) return;
    }
  });
  std::vector<std::string> copies;
  for (int i = 0; i < 20; ++i) {
    try {
      const auto root = rig.files(rig.build("FROM scratch\nCOPY f /f\n"));
      copies.push_back(root.read_file("/f", 1U << 20U).value_or(""));
    } catch (const base::Error&) {  // it says that the file changed
    }
  }
  end = true;
  writer.join();
  for (const auto& copy : copies) CHECK(copy.size() == size);
  rig.options.no_cache = false;  // what is remembered now is what is there now
  const auto root = rig.files(rig.build("FROM scratch\nCOPY f /f\n"));
  CHECK(root.read_file("/f", 1U << 20U) == linux::read_file(rig.context_path() + "/f"));
}

TEST_CASE("ignore rules: which file counts, and what it does") {
  BuilderRig rig;
  for (const char* name : {"keep", "one", "two", "three", "d/x", "d/y"}) rig.context().write_file(name, name);
  const std::string text = "FROM scratch\nCOPY . /\n";
  rig.context().write_file(".dockerignore", "one\n.*\nConductorfile*\n");
  CHECK(rig.files(rig.build(text)).list("/") == Names{"d", "keep", "three", "two"});
  rig.context().write_file(".conductorignore", "two\nd/*\n!d/y\n.*\nConductorfile*\n");
  auto root = rig.files(rig.build(text));
  CHECK(root.list("/") == Names{"d", "keep", "one", "three"});
  CHECK(root.list("/d") == Names{"y"});
  rig.context().write_file("Conductorfile.dockerignore", "three\nd\n.*\nConductorfile*\n");
  CHECK(rig.files(rig.build(text)).list("/") == Names{"keep", "one", "two"});
  CHECK_THAT(rig.failure("FROM scratch\nCOPY three /\n"), Contains("left out of the build by the ignore rules"));
}

TEST_CASE("here-documents as sources") {
  BuilderRig rig;
  rig.context().write_file("f", "f");
  const auto root =
      rig.files(rig.build("FROM scratch\nARG name=world\n"
                          "COPY <<EOF /hello\n\"hello\" '$name' \\$name\nEOF\n"
                          "COPY <<'EOF' /raw\n$name\nEOF\n"
                          "COPY --chmod=0755 <<one <<two f /dir/\n1\none\n2\ntwo\n"));
  CHECK(text_of(root, "/hello") == "\"hello\" 'world' $name\n");
  CHECK(text_of(root, "/raw") == "$name\n");
  CHECK(root.list("/dir") == Names{"f", "one", "two"});
  CHECK(text_of(root, "/dir/two") == "2\n");
  CHECK(facts_of(root, "/dir/one") == "0755 0:0 file");
}

TEST_CASE("COPY --from a stage, by name and number, and from an image") {
  BuilderRig rig;
  rig.context().write_file("a", "a", 0640);
  rig.options.tags = {"first"};
  rig.build("FROM scratch\nCOPY --chown=5:6 a /dir/a\n");
  rig.options.tags = {"second"};
  const std::string text =
      "FROM scratch AS one\nCOPY --chown=5:6 a /dir/a\n"
      "FROM one AS two\nCOPY a /dir/b\n"
      "FROM scratch AS unused\nCOPY missing /\n"
      "FROM scratch\n"
      "COPY --from=one /dir /one\n"
      "COPY --from=1 /dir/b /two/\n"
      "COPY --from=first:latest --chown=1:1 /dir/* /three/\n";
  const auto root = rig.files(rig.build(text));
  CHECK(facts_of(root, "/one/a") == "0640 5:6 file");
  CHECK(facts_of(root, "/one") == "0755 0:0 directory");  // made for the copy: not the stage's owner
  CHECK(text_of(root, "/two/b") == "a");
  CHECK(facts_of(root, "/three/a") == "0640 1:1 file");
  rig.build(text);
  CHECK(rig.made == 0);
  CHECK(rig.cached == 5);
}

TEST_CASE("a stage that gives the same files again leaves what copies them cached") {
  BuilderRig rig;
  rig.context().write_file("a", "a");
  const std::string first = "FROM scratch AS tools\nCOPY a /a\n", rest = "FROM scratch\nCOPY --from=tools /a /\n";
  rig.build(first + rest);
  rig.build(first + "COPY Conductorfile /other\n" + rest);
  CHECK(rig.made == 1);
  CHECK(rig.cached == 2);
}

TEST_CASE("the cache: what is made again, and what is not") {
  BuilderRig rig;
  rig.context().write_file("a", "a");
  rig.context().write_file("b", "b");
  const std::string text = "FROM scratch\nLABEL v=1\nWORKDIR /w\nCOPY a .\nCOPY b .\n";
  rig.options.tags = {"cached"};
  const auto first = rig.build(text);
  CHECK(rig.made == 3);
  SECTION("nothing changed: nothing is made, and it is the same image") {
    const auto again = rig.build(text);
    CHECK(rig.made == 0);
    CHECK(rig.cached == 3);
    CHECK(again.id == first.id);
    CHECK(again.created == first.created);
  }
  SECTION("a file that was touched only") {
    const timespec times[2] = {{5, 0}, {5, 0}};
    REQUIRE(utimensat(AT_FDCWD, (rig.context_path() + "/a").c_str(), times, 0) == 0);
    rig.build(text);
    CHECK(rig.made == 0);
  }
  SECTION("a file that changed, and everything after it") {
    rig.context().write_file("a", "A");
    const auto root = rig.files(rig.build(text));
    CHECK(rig.made == 2);
    CHECK(text_of(root, "/w/a") == "A");
    CHECK(text_of(root, "/w/b") == "b");
  }
  SECTION("a mode that changed") {
    REQUIRE(chmod((rig.context_path() + "/b").c_str(), 0755) == 0);
    rig.build(text);
    CHECK(rig.made == 1);
  }
  SECTION("another destination") {
    const auto root = rig.files(rig.build("FROM scratch\nWORKDIR /w\nCOPY a x\nCOPY b .\n"));
    CHECK(root.list("/w") == Names{"b", "x"});
  }
  SECTION("metadata alone makes no layer, and another image") {
    const auto other = rig.build("FROM scratch\nLABEL v=2\nWORKDIR /w\nCOPY a .\nCOPY b .\nEXPOSE 80\n");
    CHECK(rig.made == 0);
    CHECK(other.layers == first.layers);
    CHECK(other.id != first.id);
  }
  SECTION("--no-cache makes everything again") {
    rig.options.no_cache = true;
    rig.build(text);
    CHECK(rig.made == 3);
  }
}

TEST_CASE("a destination that is missing is made, 0755 and of the owner of the copy") {
  BuilderRig rig;
  rig.context().write_file("d/sub/f", "f", 0600);
  REQUIRE(chmod((rig.context_path() + "/d").c_str(), 0700) == 0);
  REQUIRE(chmod((rig.context_path() + "/d/sub").c_str(), 0710) == 0);
  const auto root =
      rig.files(rig.build("FROM scratch\n"
                          "COPY d /a/b\n"
                          "COPY --chown=3:4 d /c/d\n"
                          "COPY --chmod=0711 d /there\n"
                          "COPY --chown=5:6 --chmod=700 d /a/b\n"));
  CHECK(facts_of(root, "/a") == "0755 0:0 directory");
  CHECK(facts_of(root, "/a/b") == "0755 0:0 directory");  // there before the second copy
  CHECK(facts_of(root, "/a/b/sub") == "0700 5:6 directory");
  CHECK(facts_of(root, "/c") == "0755 3:4 directory");
  CHECK(facts_of(root, "/c/d") == "0755 3:4 directory");
  CHECK(facts_of(root, "/c/d/sub") == "0710 3:4 directory");
  CHECK(facts_of(root, "/there") == "0755 0:0 directory");
  CHECK(facts_of(root, "/there/sub") == "0711 0:0 directory");
  CHECK(facts_of(root, "/there/sub/f") == "0711 0:0 file");
}

TEST_CASE("--chmod in letters looks at each file") {
  BuilderRig rig;
  rig.context().write_file("d/run", "r", 0700);
  rig.context().write_file("d/text", "t", 0640);
  rig.context().make_directories("d/sub", 0700);
  rig.context().symlink("text", "d/link");
  rig.context().write_file("zero", "z", 0);
  const auto root =
      rig.files(rig.build("FROM scratch\nARG m=rX\n"
                          "COPY --chmod=u=rwX,go=$m d /letters\n"
                          "COPY --chmod=+x d/text /plus\n"
                          "COPY --chmod=g=u d/text /copied\n"
                          "COPY --chmod=4751 d/text /setuid\n"
                          "COPY --chmod=1777 d /sticky\n"
                          "COPY zero /zero\n"));
  CHECK(facts_of(root, "/letters/run") == "0755 0:0 file");
  CHECK(facts_of(root, "/letters/text") == "0644 0:0 file");
  CHECK(facts_of(root, "/letters/sub") == "0755 0:0 directory");
  CHECK(root.read_link("/letters/link") == "text");
  CHECK(facts_of(root, "/plus") == "0751 0:0 file");
  CHECK(facts_of(root, "/copied") == "0660 0:0 file");
  CHECK(facts_of(root, "/setuid") == "4751 0:0 file");
  CHECK(facts_of(root, "/sticky/sub") == "1777 0:0 directory");
  CHECK(facts_of(root, "/zero") == "0000 0:0 file");
  CHECK_THAT(rig.failure("FROM scratch\nARG m=q\nCOPY --chmod=u=$m d /d\n"), Contains("--chmod takes a mode, not u=q"));
}

TEST_CASE("--exclude leaves out") {
  BuilderRig rig;
  for (const char* name : {"home.txt", "home.md", "homer", "d/a.txt", "d/b.go", "d/sub/c.txt", "d/sub/d.go", "d/x/y/z"})
    rig.context().write_file(name, name);
  const auto root =
      rig.files(rig.build("FROM scratch\nARG no=*.md\n"
                          "COPY --exclude=*.txt --exclude=$no hom* /first/\n"
                          "COPY --exclude=*.txt --exclude=x d /top\n"
                          "COPY --exclude=**/*.txt --exclude=x/y d /deep\n"
                          "COPY --exclude=sub/* --exclude=!sub/d.go --exclude=x d /back\n"
                          "COPY --exclude=d --exclude=home* --exclude=Conductor* . /all\n"));
  CHECK(root.list("/first") == Names{"homer"});
  CHECK(root.list("/top") == Names{"b.go", "sub"});
  CHECK(root.list("/top/sub") == Names{"c.txt", "d.go"});
  CHECK(root.list("/deep") == Names{"b.go", "sub", "x"});
  CHECK(root.list("/deep/sub") == Names{"d.go"});
  CHECK(root.list("/deep/x").empty());
  CHECK(root.list("/back/sub") == Names{"d.go"});
  CHECK(root.list("/all").empty());
}

TEST_CASE("--parents keeps the directories above a source") {
  BuilderRig rig;
  for (const char* name : {"x/a.txt", "y/a.txt", "x/y/b.txt", "x/y/c.md", "src/a.txt", "src/x/b.txt", "src/x/y/c.txt"})
    rig.context().write_file(name, name);
  REQUIRE(chmod((rig.context_path() + "/x").c_str(), 0750) == 0);
  const auto root =
      rig.files(rig.build("FROM scratch\n"
                          "COPY --parents ./x/a.txt ./y/a.txt /parents/\n"
                          "COPY --parents ./x/./y/*.txt /pivot/\n"
                          "COPY --parents ./src/**/*.txt /deep/\n"
                          "COPY --parents x/y /whole/\n"
                          "COPY --parents --chown=1:2 --chmod=700 */a.txt /star/\n"
                          "COPY --parents --exclude=**/*.md x /less/\n"));
  CHECK(text_of(root, "/parents/x/a.txt") == "x/a.txt");
  CHECK(text_of(root, "/parents/y/a.txt") == "y/a.txt");
  CHECK(facts_of(root, "/parents/x") == "0750 0:0 directory");
  CHECK(root.list("/parents/x") == Names{"a.txt"});
  CHECK(root.list("/pivot") == Names{"y"});
  CHECK(root.list("/pivot/y") == Names{"b.txt"});
  CHECK(root.list("/deep/src") == Names{"a.txt", "x"});
  CHECK(text_of(root, "/deep/src/x/y/c.txt") == "src/x/y/c.txt");
  CHECK(root.list("/whole/x") == Names{"y"});
  CHECK(root.list("/whole/x/y") == Names{"b.txt", "c.md"});
  CHECK(root.list("/star") == Names{"src", "x", "y"});
  CHECK(facts_of(root, "/star/x") == "0700 1:2 directory");
  CHECK(root.list("/less/x/y") == Names{"b.txt"});
  CHECK_THAT(rig.failure("FROM scratch\nCOPY --parents x/none /d/\n"), Contains("there is no x/none"));
  CHECK_THAT(rig.failure("FROM scratch\nCOPY --parents ../../etc/hostname /d/\n"), Contains("there is no"));
}

TEST_CASE("--link: a layer of its own that other bases take too") {
  BuilderRig rig;
  rig.context().write_file("base/usr/lib/old", "old");
  rig.context().symlink("usr/lib", "base/lib");
  rig.context().write_file("f", "f");
  const std::string link = "COPY --link --chown=1:2 f /lib/\n";
  const auto first = rig.build("FROM scratch\nCOPY base /\n" + link);
  const auto root = rig.files(first);
  CHECK(facts_of(root, "/lib") == "0755 1:2 directory");  // the link is not followed
  CHECK(text_of(root, "/lib/f") == "f");
  CHECK(root.list("/usr/lib") == Names{"old"});
  SECTION("another base: the same layer") {
    const auto other = rig.build("FROM scratch\nCOPY f /other\n" + link);
    CHECK(rig.made == 1);
    CHECK(other.layers.back() == first.layers.back());
  }
  SECTION("names of users are not known there") {
    CHECK_THAT(rig.failure("FROM scratch\nCOPY --link --chown=app f /x\n"), Contains("no user app"));
  }
  SECTION("nothing to copy") {
    rig.context().make_directories("empty");
    rig.build("FROM scratch\nCOPY f /a\nCOPY --link empty /\n");
    CHECK(rig.build("FROM scratch\nCOPY base /a\nCOPY --link empty /\n").layers.size() == 1);
  }
  SECTION("off") {
    CHECK(text_of(rig.files(rig.build("FROM scratch\nCOPY base /\nCOPY --link=false f /lib/\n")), "/usr/lib/f") == "f");
  }
}

TEST_CASE("patterns") {
  BuilderRig rig;
  for (const char* name : {"arr[0].txt", ".hidden", "a.c", "b.c", "dir/a.c", "x y"})
    rig.context().write_file(name, name);
  const auto root =
      rig.files(rig.build("FROM scratch\n"
                          "COPY arr[[]0].txt /one\n"
                          "COPY .h* /two/\n"
                          "COPY ?.c /three/\n"
                          "COPY [\"x y\", \"a.c\", \"/four/\"]\n"
                          "COPY a.c none* /five/\n"
                          "COPY none* /six/\n"
                          "COPY ../../a.c /seven\n"
                          "COPY *.c /four\n"
                          "COPY dir/ /eight\n"));
  CHECK(text_of(root, "/one") == "arr[0].txt");
  CHECK(root.list("/two") == Names{".hidden"});
  CHECK(root.list("/three") == Names{"a.c", "b.c"});
  CHECK(root.list("/four") == Names{"a.c", "b.c", "x y"});
  CHECK(root.list("/five") == Names{"a.c"});
  CHECK_FALSE(root.status("/six"));
  CHECK(text_of(root, "/seven") == "a.c");
  CHECK(root.list("/eight") == Names{"a.c"});
  CHECK_THAT(rig.failure("FROM scratch\nCOPY *.c /new\n"), Contains("several files are copied to one name"));
  CHECK_THAT(rig.failure("FROM scratch\nCOPY a.c b.c /new\n"), Contains("end the destination with '/'"));
}

TEST_CASE("names and files of every kind") {
  BuilderRig rig;
  const std::string bytes = "d/\xff\xfe\n", longest = "d/" + std::string(255, 'n');
  rig.context().write_file(bytes, "b");
  rig.context().write_file(longest, "l");
  REQUIRE(mkfifo((rig.context_path() + "/d/fifo").c_str(), 0640) == 0);
  REQUIRE(mknod((rig.context_path() + "/d/null").c_str(), S_IFCHR | 0666, makedev(1, 3)) == 0);
  REQUIRE(mknod((rig.context_path() + "/d/socket").c_str(), S_IFSOCK | 0666, 0) == 0);
  const auto root = rig.files(rig.build("FROM scratch\nCOPY d /d\n"));
  CHECK(text_of(root, "/" + bytes) == "b");
  CHECK(text_of(root, "/" + longest) == "l");
  CHECK(S_ISFIFO(root.status("/d/fifo")->st_mode));
  CHECK(S_ISCHR(root.status("/d/null")->st_mode));
  CHECK(root.status("/d/null")->st_rdev == makedev(1, 3));
  CHECK_FALSE(root.status("/d/socket"));
  CHECK_THAT(rig.failure("FROM scratch\nCOPY d/socket /s\n"), Contains("is a socket"));
}

TEST_CASE("hard links between directories, some of which are there already") {
  BuilderRig rig;
  rig.context().write_file("base/old/f", "f");
  rig.context().write_file("d/one", "1");
  rig.context().make_directories("d/new");
  rig.context().make_directories("d/old");
  for (const char* name : {"d/new/two", "d/old/three"})
    REQUIRE(link((rig.context_path() + "/d/one").c_str(), (rig.context_path() + "/" + name).c_str()) == 0);
  const auto root = rig.files(rig.build("FROM scratch\nCOPY base /\nCOPY d /\n"));
  CHECK(root.status("/one")->st_ino == root.status("/new/two")->st_ino);
  CHECK(root.status("/one")->st_ino == root.status("/old/three")->st_ino);
  CHECK(text_of(root, "/old/three") == "1");
}

TEST_CASE("the attributes of a directory are kept and count") {
  BuilderRig rig;
  rig.context().write_file("d/sub/f", "f");
  const std::string path = rig.context_path() + "/d/sub";
  if (setxattr(path.c_str(), "user.note", "one", 3, 0) != 0)
    SKIP_TEST("the file system of /tmp has no user attributes");
  const std::string text = "FROM scratch\nCOPY d /d\n";
  const auto root = rig.files(rig.build(text));
  char value[8];
  CHECK(fgetxattr(root.open("/d/sub", O_RDONLY).get(), "user.note", value, sizeof value) == 3);
  REQUIRE(setxattr(path.c_str(), "user.note", "two", 3, 0) == 0);
  rig.build(text);
  CHECK(rig.made == 1);
}

TEST_CASE("destinations that are links, and ones that are files") {
  BuilderRig rig;
  rig.context().write_file("base/file", "");
  rig.context().symlink("/srv/app", "base/app");  // to what is not there yet
  rig.context().symlink("loop", "base/loop");
  rig.context().write_file("d/x", "x");
  const std::string base = "FROM scratch\nCOPY base /\n";
  const auto root = rig.files(rig.build(base + "COPY d /app\nCOPY d/x /app/sub/\n"));
  CHECK(text_of(root, "/srv/app/x") == "x");
  CHECK(text_of(root, "/srv/app/sub/x") == "x");
  CHECK(root.read_link("/app") == "/srv/app");
  CHECK_THAT(rig.failure(base + "COPY d /file\n"), Contains("a file stands in the place of the directory /file"));
  CHECK_THAT(rig.failure(base + "COPY d/x /file/x\n"), Contains("a file stands in the place"));
  CHECK_THAT(rig.failure(base + "COPY d /loop\n"), Contains("/loop"));
}

TEST_CASE("WORKDIR belongs to the user") {
  BuilderRig rig;
  rig.context().write_file("etc/passwd", "app:x:1000:1001::/:/bin/sh\n");
  const auto root =
      rig.files(rig.build("FROM scratch\nCOPY etc /etc\nWORKDIR /first\nUSER app\nWORKDIR /a/b\nUSER 5:6\nWORKDIR "
                          "/first/sub\nUSER nobody\nWORKDIR /unknown\nCOPY etc/passwd .\n"));
  CHECK(facts_of(root, "/first") == "0755 0:0 directory");
  CHECK(facts_of(root, "/a") == "0755 1000:1001 directory");
  CHECK(facts_of(root, "/a/b") == "0755 1000:1001 directory");
  CHECK(facts_of(root, "/first/sub") == "0755 5:6 directory");
  CHECK(facts_of(root, "/unknown") == "0755 0:0 directory");
  CHECK(facts_of(root, "/unknown/passwd") == "0644 0:0 file");
}

TEST_CASE("WORKDIR makes a layer only where the directory is missing") {
  BuilderRig rig;
  rig.context().write_file("d/x", "x");
  const auto image = rig.build("FROM scratch\nCOPY d /d\nWORKDIR /d\nWORKDIR /\nWORKDIR d\n");
  CHECK(image.layers.size() == 1);
  CHECK(image.config.working_dir == "/d");
  CHECK(rig.build("FROM scratch\nCOPY d /d\nWORKDIR /d\nWORKDIR /\nWORKDIR d\n").layers == image.layers);
  CHECK(rig.made == 0);
  CHECK(facts_of(rig.files(rig.build("FROM scratch\nWORKDIR /a/b\n")), "/a/b") == "0755 0:0 directory");
}

TEST_CASE("what the image says about itself") {
  BuilderRig rig;
  rig.options.labels = {{"given", "yes"}};
  rig.options.args = {{"V", "2"}, {"UNKNOWN", "x"}};
  const auto config = rig.build(
                             "ARG V=1\nFROM scratch AS base\nARG V\nENV A=1 B=$V\nENV A=2 C=$A\nCMD [\"base\"]\n"
                             "FROM base\nENV D=${V:-none}\nLABEL \"key $V\"=\"a b\"\nUSER app:$V\n"
                             "EXPOSE 80 53/udp $V\nWORKDIR /w\nENTRYPOINT [\"/e\", \"$V\"]\n")
                          .config;
  CHECK(config.env ==
        Names{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "A=2", "B=2", "C=1", "D=2"});
  CHECK(config.labels == std::map<std::string, std::string>{{"given", "yes"}, {"key 2", "a b"}});
  CHECK(config.user == "app:2");
  CHECK(config.exposed_ports == Names{"2/tcp", "53/udp", "80/tcp"});
  CHECK(config.entrypoint == Names{"/e", "$V"});
  CHECK_FALSE(config.cmd);  // of the base stage; belongs to the entrypoint it had
  REQUIRE(rig.notes.size() == 1);
  CHECK_THAT(rig.notes[0], Contains("UNKNOWN") && !Contains("V,"));
  CHECK(rig.build("FROM scratch\nCMD echo $x\nENTRYPOINT e\n").config.cmd == Names{"/bin/sh", "-c", "echo $x"});
}

TEST_CASE("a mistake is found before anything is made") {
  BuilderRig rig;
  rig.context().write_file("a", "a");
  CHECK_THAT(rig.failure("FROM scratch\nCOPY a /\nCPOY a /b\n"), Contains("Conductorfile:3:1") && Contains("COPY"));
  CHECK(rig.steps.empty());
  CHECK_THAT(rig.failure("FROM scratch\nCOPY a missing /x/\n"),
             Contains("Conductorfile:2:1") && Contains("no missing"));
  CHECK(store::list_directory(rig.locations().layers()).empty());
  CHECK(store::list_directory(rig.locations().temporary()).empty());
  rig.options.target = "none";
  CHECK_THAT(rig.failure("FROM scratch\n"), Contains("no stage is called none"));
}

TEST_CASE("a full disk is one clear sentence, and nothing is left") {
  BuilderRig rig("4m");
  rig.context().write_file("small", "s");
  rig.context().write_file("large", std::string(8U << 20U, 'x'));
  CHECK_THAT(rig.failure("FROM scratch\nCOPY small /\nCOPY large /\n"),
             Contains("Conductorfile:3:1") && Contains("the disk that holds the images is full"));
  CHECK(store::list_directory(rig.locations().temporary()).empty());
  CHECK(text_of(rig.files(rig.build("FROM scratch\nCOPY small /\nCOPY small /again\n")), "/again") == "s");
  CHECK(rig.cached == 1);
}

TEST_CASE("names are walked in user space where the kernel cannot") {
  struct Forced {
    Forced() { linux::force_userspace_walk(true); }
    ~Forced() { linux::force_userspace_walk(false); }
  } const forced;
  BuilderRig rig;
  rig.context().write_file("base/usr/lib/old", "old");
  rig.context().symlink("usr/lib", "base/lib");
  rig.context().symlink("/etc", "etc");
  rig.context().write_file("more/lib/new", "new");
  const auto root = rig.files(rig.build("FROM scratch\nCOPY base /\nCOPY more /\n"));
  CHECK(root.list("/usr/lib") == Names{"new", "old"});
  CHECK_THAT(rig.failure("FROM scratch\nCOPY etc/hostname /\n"), Contains("there is no"));
}
