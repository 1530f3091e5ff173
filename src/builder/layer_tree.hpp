// The file system a step sees, mounted for us alone: detached, without a mount point, gone with its descriptor.
#pragma once

#include "image/image.hpp"
#include "linux/root_fd.hpp"

#include <sys/stat.h>

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

}  // namespace conductor::builder
