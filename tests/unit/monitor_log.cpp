// The log file: framing, rotation, a full disk.
#include "monitor/log_file.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

using namespace conductor;
using monitor::LogFile;
using monitor::LogHeader;

namespace {

void append(LogFile& log, std::uint8_t stream, const std::string& text) {
  std::string record(sizeof(LogHeader), '\0');
  record += text;
  log.append(stream, record.data(), text.size());
}

// "1:text 2:text …" of a file's records.
std::string records_of(const std::string& path) {
  const std::string bytes = linux::read_file(path);
  std::string text;
  for (std::size_t at = 0; at < bytes.size();) {
    LogHeader header;
    REQUIRE(bytes.size() - at >= sizeof header);
    std::memcpy(&header, bytes.data() + at, sizeof header);
    CHECK((header.time_ns > 0 && header.zero[0] == 0));
    text += std::to_string(header.stream) + ":" + bytes.substr(at + sizeof header, header.length) + " ";
    at += sizeof header + header.length;
  }
  return text;
}

}  // namespace

TEST_CASE("a record holds what was read at a time, binary safe") {
  const test::TemporaryDirectory directory;
  {
    LogFile log(directory / "log", 0, 1);
    append(log, 1, "one\n");
    append(log, 2, std::string("t\0wo", 4));
  }
  LogFile log(directory / "log", 0, 1);  // opened again it goes on
  append(log, 1, "three");
  CHECK(records_of(directory / "log") == std::string("1:one\n 2:t\0wo 1:three ", 22));
  struct stat found{};
  REQUIRE(stat((directory / "log").c_str(), &found) == 0);
  CHECK((found.st_mode & 0777) == 0600);
}

TEST_CASE("a log without a file takes nothing") {
  LogFile log;
  append(log, 1, "text");
}

TEST_CASE("full files are rotated, the oldest goes, no record is split") {
  const test::TemporaryDirectory directory;
  LogFile log(directory / "log", 40, 3);
  for (const char* text : {"aaaa", "bbbb", "cccc", "dddd", "eeee", "ffff", "gggg", "hhhh"}) append(log, 1, text);
  CHECK(records_of(directory / "log") == "1:gggg 1:hhhh ");
  CHECK(records_of(directory / "log.1") == "1:eeee 1:ffff ");
  CHECK(records_of(directory / "log.2") == "1:cccc 1:dddd ");
  CHECK(access((directory / "log.3").c_str(), F_OK) != 0);
}

TEST_CASE("what a full disk does not take is counted and said later") {
  if (geteuid() != 0) SKIP_TEST("needs root to mount");
  const test::TemporaryDirectory directory;
  const std::string disk = directory / "disk";
  REQUIRE(mkdir(disk.c_str(), 0700) == 0);
  struct Mounted {
    explicit Mounted(std::string where) : path(std::move(where)) {}
    ~Mounted() { umount2(path.c_str(), MNT_DETACH); }
    std::string path;
  } mounted(disk);
  REQUIRE(mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=8k,mode=700") == 0);
  LogFile log(disk + "/log", 0, 1);
  append(log, 1, "first");
  append(log, 1, std::string(20'000, 'x'));
  append(log, 1, std::string(30'000, 'y'));
  CHECK(records_of(disk + "/log").find('x') == std::string::npos);
  REQUIRE(mount("tmpfs", disk.c_str(), "tmpfs", MS_REMOUNT, "size=64k") == 0);
  append(log, 1, "again");
  CHECK(records_of(disk + "/log") ==
        "1:first 2:[conductor: 20000 bytes of output were not logged: no space]\n "
        "2:[conductor: 30000 bytes of output were not logged: no space]\n 1:again ");
}
