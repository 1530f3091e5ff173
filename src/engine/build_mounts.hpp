// The mounts of a build step as the monitor is told of them, and the mount points that were made for them.
#pragma once

#include "engine/engine.hpp"
#include "linux/root_fd.hpp"

#include <sys/stat.h>

#include <string>
#include <vector>

namespace conductor::engine {

struct StepMounts {
  std::vector<monitor::Mount> mounts;  // parents before what lies in them
  std::vector<int> sent;               // descriptors they refer to; the builder's
};
// What overlays take is put below `directory`, which goes with the step.
StepMounts step_mounts(const std::vector<BuildMount>& mounts, const std::string& directory);

// What setting up a step has put into its upper directory: mount points, and directories they are in, new ones and
// copies of those below. Looked at when nothing of the step runs yet, so all that is there is ours.
class Stubs {
 public:
  Stubs(const std::string& upper, std::vector<std::string> lower);
  // Takes away what is still the same file and was not used. A directory that stays gets its old time back, if it was
  // only our doing that changed it.
  void remove() const;

 private:
  struct Stub {
    std::string path;
    struct statx status{};
  };
  void note(const std::string& directory);
  void restore_time(const Stub& stub) const;

  linux::RootFd upper_;
  std::vector<std::string> lower_;  // topmost first
  std::vector<Stub> stubs_;         // parents before what is in them
};

}  // namespace conductor::engine
