// Where a container's files lie, and waiting for them to change.
#pragma once

#include "linux/events.hpp"
#include "monitor/protocol.hpp"
#include "store/locations.hpp"

#include <string>

namespace conductor::runtime {

struct Files {
  Files(const store::Locations& locations, const std::string& id);

  std::string directory;  // survives a reboot
  std::string status;
  std::string log;
  std::string run_directory;
  std::string spec;
  std::string control;
  std::string adoption_lock;
  std::string cgroup;  // a path as linux::Cgroup has it
};

// Wakes when status or log have changed, or the monitor that writes them is gone. What changes after its construction
// is not missed.
class StatusWatch {
 public:
  explicit StatusWatch(const Files& files);
  void wait(const monitor::Status& seen, int milliseconds);  // negative: no limit

 private:
  linux::Watch watch_;
};

}  // namespace conductor::runtime
