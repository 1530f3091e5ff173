// Layers as archives, byte by byte.
#include "base/error.hpp"
#include "base/sha256.hpp"
#include "image/digest_thread.hpp"
#include "image/layer_archive.hpp"
#include "image/tar_header.hpp"
#include "store/records.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace {

using namespace conductor;
using namespace conductor::image;

std::string field(const std::string& header, std::size_t offset, std::size_t length) {
  return header.substr(offset, length);
}
std::string text(const char* bytes, std::size_t size) { return {bytes, size}; }

TEST_CASE("a header is ustar's, field by field") {
  TarEntry entry;
  entry.name = "usr/bin/true";
  entry.mode = 04755;
  entry.uid = 1000;
  entry.gid = 100;
  entry.size = 1025;
  entry.modified = 1700000000;
  const std::string header = tar_header(entry);
  REQUIRE(header.size() == 512);
  CHECK(field(header, 0, 100) == "usr/bin/true" + std::string(88, '\0'));
  CHECK(field(header, 100, 8) == text("0004755\0", 8));
  CHECK(field(header, 108, 8) == text("0001750\0", 8));
  CHECK(field(header, 116, 8) == text("0000144\0", 8));
  CHECK(field(header, 124, 12) == text("00000002001\0", 12));
  CHECK(field(header, 136, 12) == text("14524770400\0", 12));
  CHECK(header[156] == '0');
  CHECK(field(header, 157, 100) == std::string(100, '\0'));
  CHECK(field(header, 257, 8) == text("ustar\00000", 8));
  CHECK(field(header, 265, 64) == std::string(64, '\0'));  // no names of owners
  CHECK(field(header, 329, 16) == text("0000000\0"
                                       "0000000\0",
                                       16));
  CHECK(field(header, 345, 167) == std::string(167, '\0'));
  unsigned sum = 8 * ' ';
  for (std::size_t i = 0; i < 512; ++i)
    if (i < 148 || i >= 156) sum += static_cast<unsigned char>(header[i]);
  CHECK(std::stoul(header.substr(148, 6), nullptr, 8) == sum);
  CHECK(field(header, 154, 2) == text("\0 ", 2));
}

TEST_CASE("what ustar has no room for stands in records before it") {
  TarEntry entry;
  entry.name = std::string(100, 'n');
  CHECK(tar_header(entry).size() == 512);
  entry.name += 'n';
  std::string header = tar_header(entry);
  REQUIRE(header.size() == 3 * 512);
  CHECK(header[156] == 'x');
  CHECK(header.substr(0, 9) == "PaxHeader");
  CHECK(header.substr(512, 112) == "111 path=" + entry.name + "\n" + '\0');
  CHECK(header.substr(1024, 100) == std::string(100, 'n'));
}

TEST_CASE("a record counts the digits of its own length") {
  const auto length_of = [](std::size_t value) {
    TarEntry entry;
    entry.attributes["user.a"] = std::string(value, 'v');
    const std::string header = tar_header(entry);
    const std::string records = header.substr(512, std::stoul(header.substr(124, 11), nullptr, 8));
    CHECK(records.back() == '\n');
    CHECK(std::to_string(records.size()) == records.substr(0, records.find(' ')));
    return records.size();
  };
  // " SCHILY.xattr.user.a=…\n" has 22 bytes without its value and the digits in front.
  CHECK(length_of(75) == 99);
  CHECK(length_of(76) == 101);
  CHECK(length_of(974) == 999);
  CHECK(length_of(975) == 1001);
}

TEST_CASE("records are sorted by their keys, and say so when a name is not UTF-8") {
  TarEntry entry;
  entry.name = "caf\xc3\xa9";
  entry.uid = 2097152;
  entry.modified = -5;
  entry.size = std::int64_t{1} << 33U;
  entry.attributes["user.b"] = "2";
  entry.attributes["user.a"] = text("\0=\n", 3);
  std::string header = tar_header(entry);
  CHECK(header.substr(512, 120) ==
        "27 SCHILY.xattr.user.a=" + text("\0=\n", 3) +
            "\n25 SCHILY.xattr.user.b=2\n12 mtime=-5\n14 path=caf\xc3\xa9\n19 size=8589934592\n"
            "15 uid=2097152\n" +
            std::string(8, '\0'));
  CHECK(header.substr(1024, 5) == "caf__");
  CHECK(header.substr(1024 + 108, 8) == text("0000000\0", 8));
  entry = {};
  entry.name = "bad\xff";
  header = tar_header(entry);
  CHECK(header.substr(512, 34) == "21 hdrcharset=BINARY\n13 path=bad\xff\n");
  entry.name = "x";
  entry.attributes["user.a=b"] = "";
  CHECK_THROWS_AS(tar_header(entry), base::Error);
}

// A tree with everything an ordinary user can make.
struct Tree {
  test::TemporaryDirectory directory;
  std::string root = directory / "tree";
  Tree() { make("", 0755); }

  void make(const std::string& name, mode_t mode) const {
    REQUIRE(mkdir((root + "/" + name).c_str(), 0700) == 0);
    REQUIRE(chmod((root + "/" + name).c_str(), mode) == 0);
  }
  void write(const std::string& name, const std::string& content, mode_t mode = 0644) const {
    store::write_file_atomically(root + "/" + name, content, false);
    REQUIRE(chmod((root + "/" + name).c_str(), mode) == 0);
  }
  std::string archive(ArchiveForm form = ArchiveForm::layer) const {
    std::string bytes;
    write_archive(linux::RootFd::open(root), form, [&](std::string_view more) { bytes += more; });
    return bytes;
  }
};

// Names and types of the entries, in order.
std::vector<std::string> listing(const std::string& archive) {
  std::vector<std::string> names;
  for (std::size_t at = 0; at + 512 <= archive.size() && archive[at] != '\0';) {
    const std::string header = archive.substr(at, 512);
    const std::size_t size = std::stoul(header.substr(124, 11), nullptr, 8);
    std::string line = std::string(header.c_str()) + " " + header[156];
    if (header[157] != '\0') line += " " + std::string(header.c_str() + 157);
    names.push_back(line);
    at += 512 + (size + 511) / 512 * 512;
  }
  return names;
}

TEST_CASE_METHOD(Tree, "an archive of nothing is its end") {
  CHECK(archive(ArchiveForm::tree) == std::string(1024, '\0'));
}

TEST_CASE_METHOD(Tree, "names are sorted by their bytes, a directory is before what is in it") {
  make("a", 0755);
  make("a/b", 0700);
  write("a/c", "1");
  write("a-b", "22");
  write("Z", "");
  REQUIRE(symlink("a/c", (root + "/link").c_str()) == 0);
  REQUIRE(mkfifo((root + "/pipe").c_str(), 0600) == 0);
  CHECK(listing(archive(ArchiveForm::tree)) ==
        std::vector<std::string>{"Z 0", "a/ 5", "a/b/ 5", "a/c 0", "a-b 0", "link 2 a/c", "pipe 6"});
}

TEST_CASE_METHOD(Tree, "later names of a file are links to the first; a socket is left out") {
  write("b", "content");
  REQUIRE(link((root + "/b").c_str(), (root + "/c").c_str()) == 0);
  REQUIRE(link((root + "/b").c_str(), (root + "/a").c_str()) == 0);
  const linux::Fd socket = linux::listen_unix(root + "/socket");
  CHECK(listing(archive(ArchiveForm::tree)) == std::vector<std::string>{"a 0", "b 1 a", "c 1 a"});
}

TEST_CASE_METHOD(Tree, "content is whole, padded with zeros to full blocks") {
  write("x", std::string(513, 'x'));
  const std::string bytes = archive(ArchiveForm::tree);
  CHECK(bytes.size() == 512 + 1024 + 1024);
  CHECK(bytes.substr(512, 1024) == std::string(513, 'x') + std::string(511, '\0'));
  CHECK(bytes.substr(1536) == std::string(1024, '\0'));
}

TEST_CASE_METHOD(Tree, "a file of several blocks of ours, and one with holes, are the same bytes as read") {
  std::string big;
  for (int i = 0; big.size() < (3U << 20U) / 2; ++i) big += std::to_string(i);
  write("big", big);
  const linux::Fd sparse = linux::open_file(root + "/sparse", O_CREAT | O_WRONLY, 0644);
  REQUIRE(ftruncate(sparse.get(), 1 << 20) == 0);
  const std::string bytes = archive(ArchiveForm::tree);
  CHECK(bytes.substr(512, big.size()) == big);
  CHECK(listing(bytes) == std::vector<std::string>{"big 0", "sparse 0"});
  CHECK(bytes.substr(bytes.size() - 1024 - (1 << 20)) == std::string((1 << 20) + 1024, '\0'));
  CHECK(digest_layer(root).size == static_cast<std::int64_t>(big.size()) + (1 << 20));
  CHECK(digest_layer(root).diff_id == "sha256:" + base::sha256_hex(archive()));
}

TEST_CASE_METHOD(Tree, "in a layer a name that marks deletions is refused, in a tree it is a name") {
  write(".wh.x", "");
  CHECK_THROWS_WITH(archive(), Contains(".wh.x"));
  CHECK(listing(archive(ArchiveForm::tree)) == std::vector<std::string>{".wh.x 0"});
}

TEST_CASE_METHOD(Tree, "extended attributes of users are kept, others of overlayfs are not") {
  write("file", "x");
  const std::string path = root + "/file";
  if (setxattr(path.c_str(), "user.colour", "red", 3, 0) != 0) SKIP_TEST("no extended attributes here");
  REQUIRE(setxattr(path.c_str(), "user.overlay.origin", "x", 1, 0) == 0);
  const std::string bytes = archive(ArchiveForm::tree);
  CHECK(bytes.substr(512, 33) == "32 SCHILY.xattr.user.colour=red\n" + std::string(1, '\0'));
  CHECK(bytes.find("origin") == std::string::npos);
}

TEST_CASE_METHOD(Tree, "times later than wanted are set to it, also of directories and links") {
  make("d", 0755);
  write("d/old", "x");
  const timespec past[2] = {{100, 5}, {100, 5}};
  REQUIRE(utimensat(AT_FDCWD, (root + "/d/old").c_str(), past, 0) == 0);
  write("d/new", "x");
  REQUIRE(symlink("nowhere", (root + "/d/link").c_str()) == 0);
  const auto time_of = [&](const std::string& name) {
    struct stat found{};
    REQUIRE(lstat((root + "/" + name).c_str(), &found) == 0);
    return found.st_mtim;
  };
  clamp_times(root, 1000);
  for (const char* name : {"", "d", "d/new", "d/link"}) {
    CAPTURE(name);
    CHECK(time_of(name).tv_sec == 1000);
    CHECK(time_of(name).tv_nsec == 0);
  }
  CHECK(time_of("d/old").tv_sec == 100);
  CHECK(time_of("d/old").tv_nsec == 5);
  clamp_times(root, 100);
  CHECK(time_of("d/old").tv_nsec == 0);
}

TEST_CASE_METHOD(Tree, "the digest of a known tree is known") {
  make("etc", 0755);
  write("etc/hello", "hello\n");
  REQUIRE(symlink("hello", (root + "/etc/link").c_str()) == 0);
  clamp_times(root, 1700000000);
  if (getuid() != 0) SKIP_TEST("owners are part of the digest: needs root");
  CHECK(digest_layer(root).diff_id == "sha256:66300f7f1cb38e1be425d0fe39675f3da3d118246266f12467944fc84d41b758");
}

TEST_CASE("a digest taken beside the reader is the digest") {
  for (const int calls : {0, 1, 2, 7}) {
    DigestThread digest;
    std::vector<std::string> pieces;
    std::string all;
    for (int i = 0; i < calls; ++i) {
      pieces.push_back(std::string(1000, static_cast<char>('a' + i)));
      all += pieces.back();
    }
    for (const auto& piece : pieces) digest.take(piece);
    digest.take({});
    CHECK(digest.finish() == base::sha256_hex(all));
  }
  DigestThread abandoned;
  const std::string bytes = "bytes";
  abandoned.take(bytes);
  abandoned.take(bytes);
}

}  // namespace
