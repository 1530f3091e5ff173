// What a container writes, line by line, to systemd's journal: https://systemd.io/JOURNAL_NATIVE_PROTOCOL.
#pragma once

#include "linux/fd.hpp"
#include "monitor/protocol.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace conductor::monitor {

inline constexpr const char* journald_socket = "/run/systemd/journal/socket";

bool has_journal();  // somebody listens there

// One entry as the journal reads it. Pure.
std::string journal_entry(std::string_view message, const std::string& fields);
// CONTAINER_ID, CONTAINER_NAME, CONTAINER_TAG … of a container, as entries begin. Pure.
std::string journal_fields(const LaunchSpec& spec);

// Blocks while the journal is busy. A line that is longer than the longest is sent in parts, all but the last of them
// marked with CONTAINER_PARTIAL_MESSAGE.
class JournalLog {
 public:
  explicit JournalLog(const LaunchSpec& spec);
  void append(std::uint8_t stream, std::string_view bytes);
  void note_loss(std::uint64_t bytes, const char* why);
  void finish();  // lines without an end are lines

 private:
  void send_line(std::uint8_t stream, std::string_view line, bool partial);
  bool send(std::string_view entry);

  std::string fields_;
  std::string pending_[3];  // by stream
  linux::Fd socket_;
  std::uint64_t lost_ = 0;
  const char* why_lost_ = "the journal does not take it";
};

}  // namespace conductor::monitor
