// Archives: what is kept, and that nothing leaves the directory.
#include "linux/process.hpp"
#include "linux/root_fd.hpp"
#include "support/catch.hpp"
#include "transfer/transfer.hpp"
#include "transfer_rig.hpp"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <thread>

using namespace conductor;

namespace {

std::string attribute(const std::string& path, const char* name) {
  std::array<char, 256> value{};
  const ssize_t size = lgetxattr(path.c_str(), name, value.data(), value.size());
  return size < 0 ? "(absent)" : std::string(value.data(), static_cast<std::size_t>(size));
}

// The output of a program of the host, or nothing when it has none.
bool run(const std::string& program, std::vector<std::string> arguments) {
  if (access(program.c_str(), X_OK) != 0) return false;
  linux::SpawnOptions options;
  options.program = program;
  options.arguments = std::move(arguments);
  options.arguments.insert(options.arguments.begin(), program);
  options.environment = {"PATH=/usr/bin:/bin"};
  return linux::run_program(options).ending.shell_code() == 0;
}

}  // namespace

TEST_CASE("files, directories, links and nodes are as the archive says") {
  UnpackRig rig;
  CHECK(rig.unpack(tar({{.name = "d/", .type = '5', .mode = 0750, .uid = 7, .gid = 8},
                        {.name = "d/f", .content = "hello", .mode = 04755, .uid = 1000, .gid = 1001},
                        {.name = "d/l", .type = '2', .link = "f", .mode = 0777, .uid = 5},
                        {.name = "d/h", .type = '1', .link = "d/f"},
                        {.name = "p", .type = '6', .mode = 0600},
                        {.name = "n", .type = '3', .mode = 0666, .major = 1, .minor = 3},
                        {.name = "b", .type = '4', .mode = 0660, .major = 8, .minor = 0},
                        {.name = "deep/er/file", .content = "x"}})) == "");
  CHECK(rig.facts("d") == "0750 7:8 directory");
  CHECK(rig.facts("d/f") == "4755 1000:1001 file 5");
  CHECK(rig.facts("d/l") == "0777 5:0 link f");
  CHECK(rig.facts("p") == "0600 0:0 fifo");
  CHECK(rig.facts("n") == "0666 0:0 char 1:3");
  CHECK(rig.facts("b") == "0660 0:0 block 8:0");
  CHECK(rig.facts("deep/er") == "0755 0:0 directory");
  const auto root = linux::RootFd::open(rig.target());
  CHECK(root.status("d/h")->st_ino == root.status("d/f")->st_ino);
  for (const char* name : {"d", "d/f", "d/l", "p"}) CHECK(root.status(name)->st_mtim.tv_sec == 1'000'000'000);
}

TEST_CASE("the top itself takes what the archive says of it") {
  UnpackRig rig;
  CHECK(rig.unpack(tar({{.name = "./", .type = '5', .mode = 0711, .uid = 3}, {.name = "./a", .content = "x"}})) == "");
  CHECK(rig.facts(".") == "0711 3:0 directory");
}

TEST_CASE("names lead nowhere but below the directory") {
  for (const char* name : {"/outside/secret", "../outside/secret", "a/../../outside/secret", "./../outside/secret",
                           "..//../outside/secret", "/../outside/secret"}) {
    UnpackRig rig;
    CHECK(rig.unpack(tar({{.name = name, .content = "evil"}})) == "");
    CHECK(rig.outside_is_untouched());
    CHECK(rig.text("outside/secret") == "evil");
  }
  for (const char* name : {"..", "../", "/", "."}) {
    UnpackRig rig;
    CHECK_THAT(rig.unpack(tar({{.name = name, .type = '2', .link = "x"}})), Contains("only a directory"));
    CHECK(rig.unpack(tar({{.name = name, .type = '5', .mode = 0700}})) == "");
    CHECK(rig.outside_is_untouched());
  }
}

TEST_CASE("a link and a file through it stay below the directory") {
  for (const std::string target : {"../outside", "/outside", "../../../../outside"}) {
    UnpackRig rig;
    CHECK(rig.unpack(tar({{.name = "l", .type = '2', .link = target}, {.name = "l/secret", .content = "evil"}})) == "");
    CHECK(rig.outside_is_untouched());
    CHECK(rig.facts("l").ends_with("link " + target));
    CHECK(rig.text("outside/secret") == "evil");
  }
  // By its true path, and in two steps.
  UnpackRig rig;
  CHECK(rig.unpack(tar({{.name = "a", .type = '2', .link = rig.outside()},
                        {.name = "b", .type = '2', .link = "a/../secret"},
                        {.name = "a/secret", .content = "evil"},
                        {.name = "b/x", .content = "evil"}})) != "never");
  CHECK(rig.outside_is_untouched());
}

TEST_CASE("the last component is never followed") {
  UnpackRig rig;
  const std::string secret = rig.outside() + "/secret";
  CHECK(rig.unpack(tar({{.name = "f", .type = '2', .link = secret},
                        {.name = "f", .content = "mine", .mode = 0640, .uid = 9},
                        {.name = "d", .type = '2', .link = rig.outside()},
                        {.name = "d", .type = '5', .mode = 0777, .uid = 9},
                        {.name = "n", .type = '2', .link = secret},
                        {.name = "n", .type = '6', .mode = 0666}})) == "");
  CHECK(rig.outside_is_untouched());
  CHECK(rig.facts("f") == "0640 9:0 file 4");
  CHECK(rig.facts("d") == "0777 9:0 directory");
  CHECK(rig.facts("n") == "0666 0:0 fifo");
}

TEST_CASE("a hard link is to something of the archive") {
  UnpackRig rig;
  CHECK(rig.unpack(tar({{.name = "a/f", .content = "x"},
                        {.name = "h", .type = '1', .link = "/a/f"},
                        {.name = "i", .type = '1', .link = "../../a/./f"}})) == "");
  CHECK(rig.text("h") == "x");
  CHECK(linux::RootFd::open(rig.target()).status("i")->st_nlink == 3);
  for (const std::string& target :
       {std::string("../outside/secret"), rig.outside() + "/secret", std::string("/etc/passwd"), std::string("none")})
    CHECK_THAT(rig.unpack(tar({{.name = "e", .type = '1', .link = target}})), Contains("is not in the archive"));
  // Through a link that leads out, and of the link itself.
  CHECK_THAT(rig.unpack(tar(
                 {{.name = "l", .type = '2', .link = rig.outside()}, {.name = "e", .type = '1', .link = "l/secret"}})),
             Contains("is not in the archive"));
  CHECK(rig.unpack(tar({{.name = "s", .type = '2', .link = rig.outside() + "/secret"},
                        {.name = "t", .type = '1', .link = "s"},
                        {.name = "t", .content = "evil"}})) == "");
  CHECK(rig.outside_is_untouched());
}

TEST_CASE("what changes its type gives way") {
  UnpackRig rig;
  CHECK(rig.unpack(tar({{.name = "a/b/c", .content = "x"},
                        {.name = "a", .content = "now a file"},
                        {.name = "f", .content = "x"},
                        {.name = "f/g", .type = '5'}})) != "never");
  CHECK(rig.text("a") == "now a file");
  UnpackRig second;
  CHECK(second.unpack(tar({{.name = "a/b", .content = "1"},
                           {.name = "a", .type = '2', .link = "else"},
                           {.name = "else/", .type = '5'},
                           {.name = "a/b", .content = "2"},
                           {.name = "else/", .type = '5', .mode = 0700}})) == "");
  CHECK(second.text("else/b") == "2");
  CHECK(second.facts("else") == "0700 0:0 directory");
}

TEST_CASE("marks of removal are files like others") {
  UnpackRig rig;
  CHECK(rig.unpack(tar(
            {{.name = "a", .content = "x"}, {.name = ".wh.a"}, {.name = "d/.wh..wh..opq"}, {.name = ".wh..."}})) == "");
  CHECK(rig.text("a") == "x");
  CHECK(rig.facts(".wh.a") == "0644 0:0 file 0");
  CHECK(rig.facts("d/.wh..wh..opq") == "0644 0:0 file 0");
  CHECK_THAT(rig.unpack(tar({{.name = "w", .type = '3'}})), Contains("0:0"));
}

TEST_CASE("long names and strange bytes are kept") {
  UnpackRig rig;
  std::string path;
  for (int i = 0; i < 12; ++i) path += std::string(90, static_cast<char>('a' + i)) + "/";
  path += "file";
  const std::string bytes = "n\xc3\xa4me-\xff-e\xcc\x81";
  CHECK(rig.unpack(tar({{.name = "short", .content = "x", .extended = {{"path", path}}},
                        {.name = "l", .type = '2', .link = path, .extended = {{"linkpath", path}}},
                        {.name = bytes, .content = "y"},
                        {.name = "other", .content = "z", .extended = {{"path", "p-" + bytes}}}})) == "");
  CHECK(rig.text(path) == "x");
  CHECK(rig.facts("l").ends_with("link " + path));
  CHECK(rig.text(bytes) == "y");
  CHECK(rig.text("p-" + bytes) == "z");
  CHECK_FALSE(rig.unpack(tar({{.name = "s", .extended = {{"path", std::string(300, 'x')}}}})).empty());
}

TEST_CASE("numbers from extended headers count, and impossible ones are refused") {
  UnpackRig rig;
  CHECK(rig.unpack(tar(
            {{.name = "f", .extended = {{"uid", "2000000000"}, {"gid", "1999999999"}, {"mtime", "1234567890.25"}}}})) ==
        "");
  CHECK(rig.facts("f") == "0644 2000000000:1999999999 file 0");
  const auto found = linux::RootFd::open(rig.target()).status("f");
  CHECK(found->st_mtim.tv_sec == 1234567890);
  CHECK(found->st_mtim.tv_nsec == 250'000'000);
  for (const char* uid : {"4294967296", "4294967295", "2147483648", "99999999999999999999"})
    CHECK_FALSE(rig.unpack(tar({{.name = "g", .extended = {{"uid", uid}}}})).empty());
}

TEST_CASE("attributes that mean the same everywhere are kept") {
  UnpackRig rig;
  const std::string capability("\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20);
  CHECK(rig.unpack(tar({{.name = "f",
                         .content = "x",
                         .uid = 4,
                         .extended = {{"SCHILY.xattr.user.note", "kept"},
                                      {"SCHILY.xattr.security.capability", capability},
                                      {"SCHILY.xattr.security.selinux", "dropped"},
                                      {"SCHILY.xattr.trusted.overlay.opaque", "y"},
                                      {"SCHILY.xattr.user.overlay.opaque", "y"}}}})) == "");
  const std::string path = rig.target() + "/f";
  if (attribute(path, "user.note") != "(absent)") CHECK(attribute(path, "user.note") == "kept");
  CHECK(attribute(path, "security.capability") == capability);
  for (const char* name : {"security.selinux", "trusted.overlay.opaque", "user.overlay.opaque"})
    CHECK(attribute(path, name) == "(absent)");
}

TEST_CASE("too much is refused") {
  UnpackRig rig;
  CHECK_THAT(rig.unpack(tar({{.name = "a", .content = std::string(2000, 'x')}}), 1999),
             Contains("more than 1999 bytes"));
  CHECK(rig.unpack(tar({{.name = "a", .content = std::string(2000, 'x')}}), 2000) == "");
  CHECK_THAT(rig.unpack(tar({{.name = "a"}, {.name = "b"}, {.name = "c"}}), 100, 2), Contains("more than 2 entries"));
}

TEST_CASE("a small file that holds much is refused as it grows") {
  UnpackRig rig;
  const auto root = linux::RootFd::open(rig.home().path());
  root.write_file("archive", tar({{.name = "zeros", .content = std::string(8U << 20U, '\0')}}));
  REQUIRE(run("/bin/gzip", {rig.home() / "archive"}));
  const linux::Fd file = linux::open_file(rig.home() / "archive.gz", O_RDONLY);
  CHECK_THAT(rig.unpack_file(file.get(), 1 << 20), Contains("more than 1048576 bytes"));
  CHECK(linux::RootFd::open(rig.target()).status("zeros")->st_size <= (2 << 20));
}

TEST_CASE("what is no archive, or only half of one, is refused") {
  UnpackRig rig;
  CHECK_FALSE(rig.unpack("this is no archive").empty());
  const std::string whole = tar({{.name = "f", .content = std::string(5000, 'x')}});
  for (const std::size_t size : {100U, 511U, 600U, 3000U}) CHECK_FALSE(rig.unpack(whole.substr(0, size)).empty());
  std::string damaged = whole + tar({{.name = "g"}});
  damaged.replace(512 + 5120, 1024, 1024, '!');
  CHECK_FALSE(rig.unpack(damaged).empty());
  CHECK(rig.outside_is_untouched());
}

TEST_CASE("every compression is known by its content") {
  for (const auto& [program, ending] :
       {std::pair{"/bin/gzip", "gz"}, {"/bin/bzip2", "bz2"}, {"/usr/bin/xz", "xz"}, {"/usr/bin/zstd", "zst"}}) {
    UnpackRig rig;
    const auto root = linux::RootFd::open(rig.home().path());
    root.write_file("archive", tar({{.name = "f", .content = "hello"}}));
    root.write_file("text", "hello");
    if (!run(program, {"-k", "-q", rig.home() / "archive", rig.home() / "text"})) continue;
    const linux::Fd archive = linux::open_file(rig.home() / (std::string("archive.") + ending), O_RDONLY);
    CHECK(transfer::is_archive(archive.get()));
    CHECK(rig.unpack_file(archive.get()) == "");
    CHECK(rig.text("f") == "hello");
    const linux::Fd text = linux::open_file(rig.home() / (std::string("text.") + ending), O_RDONLY);
    CHECK_FALSE(transfer::is_archive(text.get()));
  }
}

TEST_CASE("holes stay holes") {
  UnpackRig rig;
  const linux::Fd file = linux::open_file(rig.home() / "sparse", O_RDWR | O_CREAT, 0644);
  REQUIRE(ftruncate(file.get(), 64 << 20) == 0);
  REQUIRE(pwrite(file.get(), "end", 3, (64 << 20) - 3) == 3);
  if (!run("/bin/tar", {"-S", "--format=pax", "-cf", rig.home() / "archive", "-C", rig.home().path(), "sparse"}))
    SKIP_TEST("there is no tar program");
  const linux::Fd archive = linux::open_file(rig.home() / "archive", O_RDONLY);
  CHECK(rig.unpack_file(archive.get(), 1 << 20) == "");
  const auto found = linux::RootFd::open(rig.target()).status("sparse");
  CHECK(found->st_size == 64 << 20);
  CHECK(found->st_blocks < 1000);
}

TEST_CASE("an archive may come through a pipe, and begin in the middle of a file") {
  UnpackRig rig;
  linux::Pipe pipe = linux::make_pipe();
  const std::string bytes = tar({{.name = "f", .content = std::string(200'000, 'x')}}) + std::string(100'000, '\0');
  std::thread writer([&] {
    linux::write_all(pipe.write.get(), bytes);  // to its very end: nobody is cut off
    pipe.write.reset();
  });
  CHECK(rig.unpack_file(pipe.read.get()) == "");
  writer.join();
  CHECK(rig.facts("f") == "0644 0:0 file 200000");
  const linux::Fd file = linux::make_memory_file("archive", "before" + tar({{.name = "g", .content = "y"}}));
  REQUIRE(lseek(file.get(), 6, SEEK_SET) == 6);
  CHECK(rig.unpack_file(file.get()) == "");
  CHECK(rig.text("g") == "y");
}
