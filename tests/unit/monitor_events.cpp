// The journal of events, and entries for systemd's journal.
#include "base/json.hpp"
#include "monitor/event_journal.hpp"
#include "monitor/journald.hpp"
#include "monitor/log_archive.hpp"
#include "monitor/log_file.hpp"
#include "support/catch.hpp"
#include "support/temp.hpp"

#include <fcntl.h>
#include <unistd.h>

using namespace conductor;
using monitor::JournalEntry;

TEST_CASE("an event is a line of JSON, whatever it says") {
  const test::TemporaryDirectory directory;
  const std::string journal = directory / "events";
  monitor::append_event(journal,
                        {5, "container", "health_status: healthy", "id", {{"say", "a \"b\"\\\n\x01"}, {"é", ""}}});
  monitor::append_event(journal, {6, "volume", "create", "bad \xff\xc3", {}});
  const std::string text = linux::read_file(journal);
  const auto end = text.find('\n');
  JournalEntry first;
  base::from_json(base::Json::parse(text.substr(0, end)), first);
  CHECK((first.time_ns == 5 && first.type == "container" && first.action == "health_status: healthy"));
  REQUIRE(first.attributes.size() == 2);
  CHECK(first.attributes[0].value == "a \"b\"\\\n\x01");
  CHECK(first.attributes[1].key == "é");
  JournalEntry second;
  base::from_json(base::Json::parse(text.substr(end + 1)), second);
  CHECK(second.id == "bad \ufffd\ufffd");
}

TEST_CASE("a journal of events that is full is put aside") {
  const test::TemporaryDirectory directory;
  const std::string journal = directory / "events";
  linux::write_all(linux::open_file(journal, O_WRONLY | O_CREAT, 0600).get(), std::string(4 << 20, '\n'));
  monitor::append_event(journal, "volume", "create", "old");
  monitor::append_event(journal, "volume", "create", "new");
  CHECK(linux::read_file(journal + ".1").find("\"old\"") != std::string::npos);
  CHECK(linux::read_file(journal).find("\"old\"") == std::string::npos);
  CHECK(linux::read_file(journal).find("\"new\"") != std::string::npos);
}

TEST_CASE("an event that cannot be told is nobody's failure") {
  monitor::append_event("/nowhere/at/all", "volume", "create", "name");
  monitor::append_event("", "volume", "create", "name");
}

TEST_CASE("entries for the journal") {
  monitor::LaunchSpec spec;
  spec.id = "0123456789abcdef";
  spec.event_attributes = {{"name", "web"}, {"image", "one\nPRIORITY=0"}};
  const std::string fields = monitor::journal_fields(spec);
  CHECK(fields.find("CONTAINER_ID=0123456789ab\nCONTAINER_ID_FULL=0123456789abcdef\nCONTAINER_NAME=web\n") !=
        std::string::npos);
  CHECK(fields.find("SYSLOG_IDENTIFIER=0123456789ab\n") == 0);
  // What has a line end is told by its length: it cannot pretend to be a further field.
  CHECK(fields.ends_with(std::string("IMAGE_NAME\n\x0e\0\0\0\0\0\0\0one\nPRIORITY=0\n", 10 + 1 + 8 + 14 + 1)));
  spec.log.tag = "mine";
  CHECK(monitor::journal_fields(spec).find("CONTAINER_TAG=mine\n") != std::string::npos);
  CHECK(monitor::journal_entry("said", "A=b\n") == "A=b\nMESSAGE=said\n");
}

TEST_CASE("a file of a log is compressed, unless it is rotated away meanwhile") {
  const test::TemporaryDirectory directory;
  const std::string log = directory / "log";
  monitor::LogFile file(log, 0, 1);
  file.append(1, std::string(10'000, 'a'));
  monitor::compress_log_file(log, 1);
  CHECK(access(monitor::log_file_name(log, 1).c_str(), F_OK) != 0);
  const std::string bytes = linux::read_file(monitor::compressed_log_name(log, 1));
  CHECK((bytes.size() < 1000 && bytes.starts_with("\x1f\x8b")));
  monitor::compress_log_file(log, 7);
  CHECK(monitor::log_numbers(log) == std::vector<std::uint64_t>{1});
}
