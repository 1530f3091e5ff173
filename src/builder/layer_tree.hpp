// The file system a step sees, mounted for us alone: detached, without a mount point, gone with its descriptor.
#pragma once

#include "image/image.hpp"
#include "linux/root_fd.hpp"

#include <sys/stat.h>

#include <optional>
#include <string>
#include <vector>

namespace conductor::builder {

// Lists of lower directories have the topmost layer first, and at least one, as Images::lower_directories gives them.

// Layers; not to be written.
linux::RootFd open_layers(const std::vector<std::string>& lower);
// Layers and a draft on top: what is written goes to the draft. Must be gone before the draft is committed.
linux::RootFd open_draft(const std::vector<std::string>& lower, const image::LayerDraft& draft);

// A draft as it was before a step, to tell whether the step has left anything in it.
class DraftState {
 public:
  explicit DraftState(const image::LayerDraft& draft);
  bool unchanged(const image::LayerDraft& draft) const;

 private:
  struct stat root_{};
};

// What running a process leaves behind though the process did not write it: mount points that the image lacks (/proc,
// /dev, /etc/hosts …) and the directories they are in.
class MountStubs {
 public:
  // `lower`: the layers below the step.
  explicit MountStubs(const std::vector<std::string>& lower);
  // Takes them out of the draft's upper directory again, unless something is in them.
  void remove_from(const image::LayerDraft& draft) const;

 private:
  struct Stub {
    std::string path;                   // below the root, without links
    std::optional<struct stat> before;  // in the layers below
  };
  std::vector<Stub> stubs_;  // children before their parents
};

}  // namespace conductor::builder
