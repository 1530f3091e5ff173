// What has happened to containers, images, volumes and networks: one line of JSON each in STATE/events, in the order in
// which it was written, whoever wrote it. Commands and monitors append; `events` reads and follows.
#pragma once

#include "base/fields.hpp"
#include "monitor/protocol.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace conductor::monitor {

struct JournalEntry {
  std::int64_t time_ns = 0;  // unix
  std::string type;          // "container", "image", "volume", "network"
  std::string action;        // docker's words: create, start, die, oom, health_status: healthy …
  std::string id;            // of the object; a volume's name
  std::vector<Option> attributes;
};
template <base::Is<JournalEntry> S, class V>
void fields(S& s, V&& v) {
  v("time_ns", s.time_ns), v("type", s.type), v("action", s.action), v("id", s.id), v("attributes", s.attributes);
}

// Appends it to `journal` in one write. At 4 MiB the file becomes JOURNAL.1 and a new one is begun: nobody loses a line
// that another writes at that moment. Never throws: what is told about must not fail because it cannot be told.
void append_event(const std::string& journal, const JournalEntry& entry) noexcept;
// The same of something that happens now.
void append_event(const std::string& journal, const char* type, const std::string& action, const std::string& id,
                  const std::vector<Option>& attributes = {}) noexcept;

}  // namespace conductor::monitor
