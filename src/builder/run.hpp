// RUN: one process in the file system being built, its output passed on as it comes.
#pragma once

#include "builder/run_mounts.hpp"
#include "builder/steps.hpp"
#include "engine/engine.hpp"
#include "image/image.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::builder {

// Called on a thread of its own while the step runs, never twice at once; standard output and error as they come.
using OutputSink = std::function<void(std::string_view bytes)>;

struct RunOrder {
  const RunStep& step;
  const std::vector<MountSource>& sources;  // one for each of its mounts
  std::vector<std::string> lower;           // topmost first
  const BuildOptions& options;
  const linux::Cancellation* cancellation = nullptr;
};

// Throws base::Error "exit code N" when the process fails, and "interrupted" when it was cancelled; the draft is then
// not fit to become a layer.
void run_step(engine::Engine& engine, const RunOrder& order, const image::LayerDraft& draft, const OutputSink& sink);

}  // namespace conductor::builder
