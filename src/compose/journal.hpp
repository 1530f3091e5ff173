// What a command on a project is in the middle of: ROOT/projects/NAME/journal.json, there from the first operation to
// the last. A command that is killed leaves it; the next one reads it to say so, and converges from what it observes.
#pragma once

#include "base/fields.hpp"
#include "compose/plan.hpp"
#include "store/locations.hpp"
#include "store/lock.hpp"

#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace conductor::compose {

struct JournalRecord {
  std::string command;                 // "up", "down"
  std::int64_t started = 0;            // unix nanoseconds
  std::vector<std::string> in_flight;  // titles of operations begun and not ended
  std::vector<std::string> done;
};
template <base::Is<JournalRecord> S, class V>
void fields(S& s, V&& v) {
  v("command", s.command), v("started", s.started), v("in_flight", s.in_flight), v("done", s.done);
}

class Journal {
 public:
  Journal(const store::Locations& locations, const std::string& project, std::string command);
  void begin(const Step& step);
  void end(const Step& step, bool succeeded);
  // The operations are over, well or not: nothing is in flight. Removes the project's directory when it is empty.
  void close();
  // The same for a command that was killed at any point of it. The caller holds the project's lock.
  static void clear(const store::Locations& locations, const std::string& project);

  // Of a command that was killed; nothing when the last one came to its end. A damaged one counts as nothing in flight.
  static std::optional<JournalRecord> left_behind(const store::Locations& locations, const std::string& project);

 private:
  std::string directory_;
  std::string path_;
  std::mutex mutex_;
  JournalRecord record_;
};

// One command at a time changes a project; another waits half a minute, then says who holds it.
store::Lock lock_project(const store::Locations& locations, const std::string& project);

}  // namespace conductor::compose
