#include "monitor/event_journal.hpp"

#include "base/units.hpp"
#include "linux/fd.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <string_view>

namespace conductor::monitor {
namespace {

constexpr off_t longest_journal = 4 << 20;

// How many bytes the UTF-8 sequence at the front has; 0 when there is none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  const std::size_t length = first < 0x80                    ? 1
                             : first >= 0xc2 && first < 0xe0 ? 2
                             : first < 0xf0                  ? 3
                             : first < 0xf5                  ? 4
                                                             : 0;
  if (first >= 0x80 && first < 0xc2) return 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0U) != 0x80) return 0;
  const bool overlong_or_surrogate = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) >= 0xa0) ||
                                     (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) >= 0x90);
  return overlong_or_surrogate ? 0 : length;
}

void quote(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    const auto first = static_cast<unsigned char>(text.front());
    if (length == 0) {
      out += "\\ufffd";
    } else if (first == '"' || first == '\\') {
      out.append("\\").append(1, text.front());
    } else if (first < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", first);
      out += escaped;
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
}

std::string line_of(const JournalEntry& entry) {
  std::string line = "{\"time_ns\":" + std::to_string(entry.time_ns);
  for (const auto& [name, value] :
       {std::pair{"type", &entry.type}, std::pair{"action", &entry.action}, std::pair{"id", &entry.id}}) {
    line.append(",\"").append(name).append("\":");
    quote(line, *value);
  }
  line += ",\"attributes\":[";
  for (const auto& attribute : entry.attributes) {
    line += line.back() == '[' ? "{\"key\":" : ",{\"key\":";
    quote(line, attribute.key);
    line += ",\"value\":";
    quote(line, attribute.value);
    line += "}";
  }
  return line + "]}\n";
}

// Of several who find it full, one begins the next file; nobody waits for that one.
void rotate(const std::string& journal, const linux::Fd& full) {
  struct stat ours{};
  struct stat present{};
  if (fstat(full.get(), &ours) != 0 || ours.st_size < longest_journal) return;
  if (flock(full.get(), LOCK_EX | LOCK_NB) != 0) return;
  if (stat(journal.c_str(), &present) != 0 || present.st_ino != ours.st_ino || present.st_dev != ours.st_dev) return;
  std::rename(journal.c_str(), (journal + ".1").c_str());
}

}  // namespace

void append_event(const std::string& journal, const JournalEntry& entry) noexcept {
  if (journal.empty()) return;
  try {
    const auto line = line_of(entry);
    const auto file = linux::open_file(journal, O_WRONLY | O_APPEND | O_CREAT, 0600);
    linux::write_all(file.get(), line);
    rotate(journal, file);
  } catch (const std::exception&) {
    // A full disk, perhaps.
  }
}

void append_event(const std::string& journal, const char* type, const std::string& action, const std::string& id,
                  const std::vector<Option>& attributes) noexcept {
  if (journal.empty()) return;
  try {
    append_event(journal, {base::now_unix_ns(), type, action, id, attributes});
  } catch (const std::exception&) {
    // Memory is short.
  }
}

}  // namespace conductor::monitor
