// One stage: its instructions in order, each acting on what the ones before it made. One overload per instruction;
// those that only change the configuration are in stage_metadata.cpp, those that make layers in stage_files.cpp and
// stage_run.cpp.
#pragma once

#include "builder/builder.hpp"
#include "builder/content_hashes.hpp"
#include "builder/context.hpp"
#include "builder/environment.hpp"
#include "builder/layer_tree.hpp"
#include "builder/run_mounts.hpp"
#include "builder/selection.hpp"
#include "builder/sources.hpp"
#include "builder/stages.hpp"
#include "builder/steps.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace conductor::builder {

// What one instruction has left, for the comparison of two builds.
struct StepTrace {
  const parser::Instruction* instruction = nullptr;
  std::string layer;  // empty: none
};

// What a stage has made so far. A value: a stage that stands on another one begins with a copy.
struct StageResult {
  image::Config config;
  std::string author;
  std::vector<image::History> history;
  std::vector<std::string> layers;  // lowest first
  std::string chain;                // see cache_key.hpp
  Scope scope;                      // its ARGs
  std::vector<StepTrace> traces;    // of this stage's own instructions
};

// What all stages of one build share. They run on threads of their own: whatever changes here meanwhile guards itself,
// and a stage reads the results of those stages alone that it needs, which are done.
struct Workshop {
  engine::Engine& engine;
  const BuildOptions& options;
  const Listener& listener;  // may be called from every stage
  const BuildContext& context;
  const parser::Conductorfile& parsed;
  const StageGraph& graph;
  ContentHashes& hashes;                // of the context
  linux::Cancellation& stop;            // the user's wish, or the failure of another stage: for whatever takes long
  const Sources& sources;               // images and named contexts
  Pins& pins;                           // conductor.lock
  std::optional<std::int64_t> newest;   // SOURCE_DATE_EPOCH: no file of a layer is younger
  std::vector<StageResult> results{};   // by number
  std::atomic<std::size_t> vertices{};  // given out so far
  std::mutex mutex{};                   // of what follows
  std::map<std::string, std::string> made{};  // layers of this very build, by key: what --no-cache may still share
  std::set<std::string> used{};               // keys of all steps, cached or made: what --cache-to carries

  // Of Origin::Kind::context and named.
  InputTree tree(const Origin& origin) const;
  // To be told of each file downloaded ("sha256:…") and each commit checked out, also when the result was cached:
  // conductor.lock records it, and --locked refuses another one by throwing.
  void saw_download(const std::string& url, const std::string& digest) { pins.saw_download(url, digest); }
};

class StageBuilder {
 public:
  StageBuilder(Workshop& shop, const Stage& stage) : shop_(shop), stage_(stage) {}
  // Runs all instructions. Throws base::Error with the place of the one that fails.
  StageResult build();

 private:
  using Instruction = parser::Instruction;
  void run(const Instruction& instruction);

  void apply(const parser::From& from, const Instruction& instruction);
  void apply(const parser::Run& run, const Instruction& instruction);
  parser::RunMount run_mount(const parser::Flag& flag) const;
  MountSource mount_source(const parser::RunMount& mount, const base::Position& position) const;
  void execute(const RunStep& step, const std::vector<MountSource>& sources);
  void apply(const parser::Copy& copy, const Instruction& instruction);
  void apply(const parser::Env& env, const Instruction& instruction);
  void apply(const parser::Workdir& workdir, const Instruction& instruction);
  void apply(const parser::Cmd& cmd, const Instruction& instruction);
  void apply(const parser::Entrypoint& entrypoint, const Instruction& instruction);
  void apply(const parser::User& user, const Instruction& instruction);
  void apply(const parser::Expose& expose, const Instruction& instruction);
  void apply(const parser::Label& label, const Instruction& instruction);
  void apply(const parser::Arg& arg, const Instruction& instruction);
  void apply(const parser::Add& add, const Instruction& instruction);
  void apply(const parser::Volume& volume, const Instruction& instruction);
  void apply(const parser::Stopsignal& stopsignal, const Instruction& instruction);
  void apply(const parser::Shell& shell, const Instruction& instruction);
  void apply(const parser::Healthcheck& healthcheck, const Instruction& instruction);
  void apply(const parser::Onbuild& onbuild, const Instruction& instruction);
  void apply(const parser::Maintainer& maintainer, const Instruction& instruction);

  std::string expand(const parser::Word& word) const;
  parser::Lookup lookup() const;
  std::string absolute(const std::string& path) const;  // relative to WORKDIR; a "/" at the end stays
  const std::string* flag(const Instruction& instruction, std::string_view name) const;
  std::vector<std::string> shell() const;  // of the shell form: SHELL, else /bin/sh -c
  // What an Origin of kind stage or image consists of.
  struct Layers {
    std::vector<std::string> layers;  // lowest first
    std::string chain;
  };
  Layers layers_of(const Origin& origin) const;

  CopyStep copy_step(const parser::Copy& copy, const Instruction& instruction) const;
  void copy_from_tree(const CopyStep& step, const InputTree& from);
  void copy_from_layers(const CopyStep& step, const Layers& origin);

  // Takes the layer of an earlier build, unless the cache is off.
  bool reuse(const std::string& key);
  // Fills a new layer and remembers it under the key. A step that leaves nothing adds no layer. Whoever makes the same
  // at the same time, another stage or another build, makes it once: the others wait and take the result.
  using Fill = std::function<void(const image::LayerDraft& draft)>;
  void make(const std::string& key, const Fill& fill);
  std::optional<std::string> find_made(const std::string& key) const;
  void remember(const std::string& key, const std::string& layer);
  bool cache_is_off() const;
  void add_layer(const std::string& layer);
  std::vector<std::string> lower_directories(const std::vector<std::string>& layers) const;
  // Notes, output and warnings of the step that runs; how it begins and ends is told by run().
  void tell(Event::Kind kind, std::string text) const;
  void tell_progress(std::string what, std::int64_t current, std::int64_t total, std::string unit = "B") const;
  Event event(Event::Kind kind) const;
  void perform(const Instruction& instruction);
  void record(const Instruction& instruction, std::size_t layers_before);

  Workshop& shop_;
  const Stage& stage_;
  StageResult result_;
  int step_ = 0, steps_ = 0;  // of those that are shown: metadata is not
  std::size_t vertex_ = 0;    // of the step that runs; 0: it is not shown
  bool executed_ = false;     // that step has done something; else it counts as cached
  bool has_cmd_ = false;      // set by this stage, not inherited
};

}  // namespace conductor::builder
