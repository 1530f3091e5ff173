// One build: all that is read and decided before the first step, and the running of its stages.
#pragma once

#include "builder/builder.hpp"
#include "builder/content_hashes.hpp"
#include "builder/context.hpp"
#include "builder/lock_file.hpp"
#include "builder/sources.hpp"
#include "builder/stage_builder.hpp"
#include "builder/stages.hpp"

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace conductor::builder {

class Project {
 public:
  // Reads the context and the Conductorfile, arranges the stages and finds what they stand on. Throws as build() does.
  Project(engine::Engine& engine, const BuildOptions& options, const Listener& listener);
  Project(const Project&) = delete;
  Project& operator=(const Project&) = delete;

  // Runs the needed stages; their results, by number. No file of a layer they make is younger than `newest`.
  std::vector<StageResult> run(const std::optional<std::int64_t>& newest);

  const StageGraph& graph() const { return graph_; }
  const BuildOptions& options() const { return options_; }
  const std::optional<std::int64_t>& source_date_epoch() const { return options_.source_date_epoch; }
  const Listener& listener() const { return serial_; }
  SourceFile file_of(const base::Position& position) const { return file_at(parsed_, position, context_.file); }
  // Leaves conductor.lock, when that is wanted.
  void write_lock_file() const { pins_.write(); }

 private:
  StageGraph arranged() const;
  void settle_epoch();
  void judge(const StageGraph& graph) const;
  void warn(std::string text) const;
  void warn_of_unused_arguments() const;

  engine::Engine& engine_;
  std::mutex mutex_;  // of the listener
  Listener serial_;
  BuildOptions options_;  // with SOURCE_DATE_EPOCH among the arguments and of its own
  BuildContext context_;
  parser::Conductorfile parsed_;
  StageGraph graph_;
  Pins pins_;
  Sources sources_;
  ContentHashes hashes_;
};

// What `work` returns. Once the user has asked to stop, every failure is Error "interrupted" with exit code 130.
template <class Work>
auto unless_interrupted(const linux::Cancellation* wish, const Work& work) {
  try {
    return work();
  } catch (const base::Error&) {
    if (wish == nullptr || !wish->requested()) throw;
  }
  throw base::Error("interrupted").with_exit_code(130);
}

}  // namespace conductor::builder
