// The log file: framing, rotation, a full disk.
#include "monitor/log_file.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <memory>

using namespace conductor;
using monitor::LogFile;
using monitor::LogHeader;

namespace {

void append(LogFile& log, std::uint8_t stream, const std::string& text) { log.append(stream, text); }

// "1:text 2:text …" of a file's records.
std::string records_of(const std::string& path) {
  const std::string bytes = linux::read_file(path);
  std::string text;
  for (std::size_t at = 0; at < bytes.size();) {
    if (monitor::room_for_record(static_cast<std::int64_t>(at)) <= 0)
      at = static_cast<std::size_t>(monitor::next_block(static_cast<std::int64_t>(at)));
    LogHeader header;
    REQUIRE(bytes.size() - at >= sizeof header);
    std::memcpy(&header, bytes.data() + at, sizeof header);
    CHECK((header.time_ns > 0 && header.zero[0] == 0));
    text += std::to_string(header.stream) + ":" + bytes.substr(at + sizeof header, header.length) + " ";
    at += sizeof header + header.length;
  }
  return text;
}

// A pipe with `text` in it, as a container leaves it.
linux::Pipe pipe_with(const std::string& text) {
  auto pipe = linux::make_pipe();
  linux::write_all(pipe.write.get(), text);
  return pipe;
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
  CHECK(records_of(directory / "log.1") == std::string("1:one\n 2:t\0wo 1:three ", 22));
  struct stat found{};
  REQUIRE(stat((directory / "log.1").c_str(), &found) == 0);
  CHECK((found.st_mode & 0777) == 0600);
}

TEST_CASE("a log without a file takes nothing") {
  LogFile log;
  append(log, 1, "text");
  const auto pipe = pipe_with("text");
  CHECK(log.take(1, pipe.read.get()) == 0);
}

TEST_CASE("full files are rotated, the oldest goes, no record is split") {
  const test::TemporaryDirectory directory;
  LogFile log(directory / "log", 40, 3);
  for (const char* text : {"aaaa", "bbbb", "cccc", "dddd", "eeee", "ffff", "gggg", "hhhh"}) append(log, 1, text);
  CHECK(monitor::log_numbers(directory / "log") == std::vector<std::uint64_t>{2, 3, 4});
  CHECK(records_of(directory / "log.4") == "1:gggg 1:hhhh ");
  CHECK(records_of(directory / "log.3") == "1:eeee 1:ffff ");
  CHECK(records_of(directory / "log.2") == "1:cccc 1:dddd ");
}

TEST_CASE("what is in a pipe is moved into the file, and can be read back") {
  const test::TemporaryDirectory directory;
  LogFile log(directory / "log", 0, 1);
  const auto pipe = pipe_with("one\ntwo\n");
  REQUIRE(log.take(2, pipe.read.get()) == 8);
  CHECK(log.take(2, pipe.read.get()) == 0);
  std::string copy(8, '\0');
  REQUIRE(log.read_back(copy.data(), copy.size()));
  CHECK(copy == "one\ntwo\n");
  append(log, 1, "three");
  CHECK(records_of(directory / "log.1") == "2:one\ntwo\n 1:three ");
}

TEST_CASE("no record crosses the border of a block") {
  const test::TemporaryDirectory directory;
  const auto block = static_cast<std::size_t>(monitor::log_block);
  {
    LogFile log(directory / "log", 0, 1);
    append(log, 1, std::string(block - 100, 'a'));  // 84 are left with its header
    append(log, 2, std::string(100, 'b'));          // 68 find room before the border
    append(log, 1, std::string(block - 48 - 16 - 10, 'c'));
    append(log, 1, "next");  // 10 are left: no header fits
  }
  LogFile log(directory / "log", 0, 1);
  append(log, 1, "again");
  CHECK(records_of(directory / "log.1") == "1:" + std::string(block - 100, 'a') + " 2:" + std::string(68, 'b') +
                                               " 2:" + std::string(32, 'b') +
                                               " 1:" + std::string(block - 48 - 16 - 10, 'c') + " 1:next 1:again ");
}

TEST_CASE("a record that a killed monitor has not finished holds what came of it") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "log.1";
  const auto size = [&] { return linux::read_file(path).size(); };
  append(*std::make_unique<LogFile>(directory / "log", 0, 1), 1, "whole");
  append(*std::make_unique<LogFile>(directory / "log", 0, 1), 2, "torn off");
  REQUIRE(truncate(path.c_str(), static_cast<off_t>(size() - 4)) == 0);
  append(*std::make_unique<LogFile>(directory / "log", 0, 1), 1, "next");
  CHECK(records_of(path) == "1:whole 2:torn 1:next ");
  REQUIRE(truncate(path.c_str(), static_cast<off_t>(size() - 4)) == 0);  // a header without a byte
  append(*std::make_unique<LogFile>(directory / "log", 0, 1), 1, "other");
  CHECK(records_of(path) == "1:whole 2:torn 1:other ");
  REQUIRE(truncate(path.c_str(), static_cast<off_t>(size() - 10)) == 0);  // a part of a header
  append(*std::make_unique<LogFile>(directory / "log", 0, 1), 1, "last");
  CHECK(records_of(path) == "1:whole 2:torn 1:last ");
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
  CHECK(records_of(disk + "/log.1").find('x') == std::string::npos);
  REQUIRE(mount("tmpfs", disk.c_str(), "tmpfs", MS_REMOUNT, "size=64k") == 0);
  append(log, 1, "again");
  CHECK(records_of(disk + "/log.1") ==
        "1:first 2:[conductor: 20000 bytes of output were not logged: no space]\n "
        "2:[conductor: 30000 bytes of output were not logged: no space]\n 1:again ");
}
