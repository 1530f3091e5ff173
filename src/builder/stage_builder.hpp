// One stage: its instructions in order, each acting on what the ones before it made. One overload per instruction;
// those that only change the configuration are in stage_metadata.cpp, those that make layers in stage_files.cpp and
// stage_run.cpp.
#pragma once

#include "builder/builder.hpp"
#include "builder/content_hashes.hpp"
#include "builder/context.hpp"
#include "builder/environment.hpp"
#include "builder/layer_tree.hpp"
#include "builder/selection.hpp"
#include "builder/stages.hpp"
#include "builder/steps.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace conductor::builder {

// What a stage has made so far. A value: a stage that stands on another one begins with a copy.
struct StageResult {
  image::Config config;
  std::vector<std::string> layers;  // lowest first
  std::string chain;                // see cache_key.hpp
  Scope scope;                      // its ARGs
};

// What all stages of one build share. Stages read it; only `results` and `hashes` grow.
struct Workshop {
  engine::Engine& engine;
  const BuildOptions& options;
  const Listener& listener;
  const BuildContext& context;
  const parser::Conductorfile& parsed;
  const StageGraph& graph;
  ContentHashes& hashes;
  std::map<std::size_t, StageResult> results;  // by number
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

  CopyStep copy_step(const parser::Copy& copy, const Instruction& instruction) const;
  void copy_from_tree(const CopyStep& step, const linux::RootFd& from, const parser::IgnoreRules& rules,
                      ContentHashes& hashes);
  void copy_from_layers(const CopyStep& step, const std::vector<std::string>& layers, const std::string& origin);

  // Takes the layer of an earlier build, unless the cache is off.
  bool reuse(const std::string& key);
  // Fills a new layer and remembers it under the key. A step that leaves nothing adds no layer.
  using Fill = std::function<void(const image::LayerDraft& draft)>;
  void make(const std::string& key, const Fill& fill);
  void add_layer(const std::string& layer);
  std::vector<std::string> lower_directories(const std::vector<std::string>& layers) const;
  void tell(Event::Kind kind, std::string text) const;

  Workshop& shop_;
  const Stage& stage_;
  StageResult result_;
  int step_ = 0;
  bool has_cmd_ = false;  // set by this stage, not inherited
};

}  // namespace conductor::builder
