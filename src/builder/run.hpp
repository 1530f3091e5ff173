// RUN: one process in the file system being built, its output passed on as it comes.
#pragma once

#include "builder/steps.hpp"
#include "engine/engine.hpp"
#include "image/image.hpp"

#include <functional>
#include <string_view>

namespace conductor::builder {

// Called on a thread of its own while the step runs, never twice at once; standard output and error as they come.
using OutputSink = std::function<void(std::string_view bytes)>;

// Throws base::Error "exit code N" when the process fails; the draft is then not fit to become a layer.
void run_step(engine::Engine& engine, const RunStep& step, const std::vector<std::string>& lower,
              const image::LayerDraft& draft, const OutputSink& sink);

}  // namespace conductor::builder
