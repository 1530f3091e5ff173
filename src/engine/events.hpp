// What has happened: told to the journal of events by commands, as monitors do, and read from it.
#pragma once

#include "engine/container.hpp"
#include "linux/events.hpp"
#include "monitor/event_journal.hpp"
#include "store/locations.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace conductor::engine {

// Image, name and labels, in docker's words.
std::vector<monitor::Option> event_attributes(const Container& container);

// Never throws: what has happened has happened, whether it can be told or not. `more` are further attributes.
void tell(const store::Locations& locations, const Container& container, const std::string& action,
          const std::vector<monitor::Option>& more = {}) noexcept;

// The journal from its beginning, and what is added to it. A line that cannot be read is left out.
class EventReader {
 public:
  explicit EventReader(const store::Locations& locations);
  // Calls `use` for each event there is now, in the order written.
  void read(const std::function<void(const monitor::JournalEntry&)>& use);
  // A descriptor that becomes readable when there may be more; for poll(2). `read` makes it unreadable again.
  int changed() const { return watch_.get(); }

 private:
  void read_file(const std::function<void(const monitor::JournalEntry&)>& use);
  bool was_rotated() const;

  std::string journal_;
  linux::Watch watch_;
  std::optional<linux::Fd> older_;
  linux::Fd file_;
  std::string rest_;  // a line that is not there to its end
};

}  // namespace conductor::engine
