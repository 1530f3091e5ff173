// Reading logs: rotated, compressed, torn, from the end.
#include "base/error.hpp"
#include "monitor/log_archive.hpp"
#include "monitor/log_file.hpp"
#include "runtime/log_reader.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

using namespace conductor;
using monitor::LogFile;
using runtime::LogReader;
using runtime::Record;

namespace {

std::string read_all(LogReader& reader) {
  std::string text;
  reader.read([&](const Record& record) {
    text += record.bytes;
    return true;
  });
  return text;
}

}  // namespace

TEST_CASE("a follower misses nothing across rotations, and keeps what it reads") {
  const test::TemporaryDirectory directory;
  LogFile log(directory / "log", 40, 2);
  LogReader reader(directory / "log");
  CHECK(read_all(reader).empty());
  log.append(1, "one");
  CHECK(read_all(reader) == "one");
  log.append(1, "two");
  log.append(1, "three");
  CHECK(read_all(reader) == "twothree");
  log.append(2, "four");  // the first file is full
  log.append(2, "five");
  CHECK(read_all(reader) == "fourfive");
}

TEST_CASE("what is rotated away is left out, but for the file that is being read") {
  const test::TemporaryDirectory directory;
  LogFile log(directory / "log", 40, 2);
  LogReader reader(directory / "log");
  log.append(1, "one");
  CHECK(read_all(reader) == "one");
  // Two or three of them fill a file.
  for (const char* text : {"two", "three", "four", "five", "six", "seven", "eight", "nine"}) log.append(1, text);
  CHECK(monitor::log_numbers(directory / "log") == std::vector<std::uint64_t>{3, 4});
  CHECK(read_all(reader) == "twothreesixseveneightnine");
}

TEST_CASE("a compressed file is read like any other") {
  const test::TemporaryDirectory directory;
  LogFile log(directory / "log", 40, 3);
  for (const char* text : {"one", "two", "three", "four"}) log.append(1, text);
  monitor::compress_log_file(directory / "log", 1);
  LogReader reader(directory / "log");
  CHECK(read_all(reader) == "onetwothreefour");
}

TEST_CASE("a record that is not finished is waited for in the last file alone") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "log.1";
  LogFile(directory / "log", 0, 3).append(1, "whole");
  LogFile(directory / "log", 0, 3).append(1, "torn off");
  REQUIRE(truncate(path.c_str(), static_cast<off_t>(linux::read_file(path).size() - 4)) == 0);
  {
    LogReader reader(directory / "log");
    CHECK(read_all(reader) == "whole");
    linux::write_all(linux::open_file(path, O_WRONLY | O_APPEND).get(), " off");
    CHECK(read_all(reader) == "torn off");
  }
  REQUIRE(truncate(path.c_str(), static_cast<off_t>(linux::read_file(path).size() - 4)) == 0);
  linux::open_file(directory / "log.2", O_WRONLY | O_CREAT, 0600);
  LogReader reader(directory / "log");
  CHECK(read_all(reader) == "wholetorn");
}

TEST_CASE("where no record begins the log is damaged") {
  const test::TemporaryDirectory directory;
  linux::write_all(linux::open_file(directory / "log.1", O_WRONLY | O_CREAT, 0600).get(), std::string(100, 'x'));
  LogReader reader(directory / "log");
  CHECK_THROWS_AS(read_all(reader), base::Error);
}

TEST_CASE("the last lines are found from the end") {
  const test::TemporaryDirectory directory;
  {
    LogFile log(directory / "log", 600'000, 10);
    for (int i = 0; i < 200'000; ++i) log.append(1, std::to_string(i) + "\n");
  }
  REQUIRE(monitor::log_numbers(directory / "log").size() > 3);
  const auto all = [](const Record&) { return true; };
  for (const std::size_t lines : {std::size_t{0}, std::size_t{1}, std::size_t{30'000}, std::size_t{150'000}}) {
    LogReader reader(directory / "log");
    reader.go_to_lines(lines, all);
    CHECK_FALSE(reader.at_beginning());
    const std::string text = read_all(reader);
    const auto begins = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    CHECK(begins >= lines);
    CHECK(text.ends_with("199999\n"));
  }
  LogReader reader(directory / "log");
  reader.go_to_lines(1'000'000, all);
  CHECK(reader.at_beginning());
  CHECK(read_all(reader).starts_with("0\n1\n"));
}
