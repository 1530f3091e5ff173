// Conductorfile and context → image.
#pragma once

#include "engine/engine.hpp"
#include "image/image.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace conductor::builder {

struct BuildOptions {
  std::string context;                      // a directory
  std::string file;                         // empty: Conductorfile, else Dockerfile, of the context
  std::vector<std::string> tags;            // references
  std::map<std::string, std::string> args;  // --build-arg
  std::map<std::string, std::string> labels;
  std::string target;  // stage; empty: the last
  bool no_cache = false;
};

// What a build says while it goes. One place turns these into a terminal's or a log's lines.
struct Event {
  enum class Kind { step, cached, output, done, note } kind = Kind::note;
  int step = 0, steps = 0;  // of the stage
  std::string stage;
  std::string text;  // step: the instruction; output: bytes as they came; done: duration
};
using Listener = std::function<void(const Event&)>;

// Throws base::SourceError for mistakes of the file (before anything is done), base::Error naming file:line for a step
// that fails (exit code in the message). A failed build leaves nothing behind but the cached steps before it.
image::Image build(engine::Engine& engine, const BuildOptions& options, const Listener& listener);

}  // namespace conductor::builder
