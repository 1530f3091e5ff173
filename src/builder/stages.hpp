// The stages of a Conductorfile as a graph: which are needed, and what each stands on. Pure; nothing is looked up.
#pragma once

#include "builder/environment.hpp"
#include "parser/conductorfile.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::builder {

// A user's file: its name for messages, and the whole text.
struct SourceFile {
  std::string name;
  std::string text;
};
// Throws base::SourceError for one mistake.
[[noreturn]] void mistake(const SourceFile& file, const base::Position& position, std::string message,
                          std::string hint = {});

// Where a COPY takes its files from.
struct Origin {
  enum class Kind { context, stage, image } kind = Kind::context;
  std::size_t stage = 0;  // number
  std::string image;      // reference
};

struct Stage {
  std::size_t number = 0;
  std::string name;                                      // lower case; may be empty
  std::string base;                                      // FROM's word, expanded: an image, "scratch", or a stage
  std::optional<std::size_t> base_stage;                 // when it is one
  std::vector<const parser::Instruction*> instructions;  // FROM first
  std::vector<std::size_t> needs;                        // stages that must be built before, each once

  std::string title() const { return name.empty() ? "stage-" + std::to_string(number) : name; }
};

struct StageGraph {
  std::vector<Stage> stages;
  std::size_t target = 0;
  std::vector<std::size_t> order;  // the target and all it needs, each after what it needs
  Variables globals;               // ARGs before the first FROM, and the platform's arguments
};

struct GraphOptions {
  std::string target;  // name or number; empty: the last stage
  Variables arguments;
  std::string architecture;
};
// `parsed` must outlive the graph. Throws base::SourceError for a FROM without a name or a COPY from a later stage,
// base::Error for an unknown target.
StageGraph arrange_stages(const parser::Conductorfile& parsed, const GraphOptions& options, const SourceFile& file);

// --from of a COPY in `stage`: an earlier stage by name or number, else an image.
Origin origin_of(const StageGraph& graph, const Stage& stage, const parser::Instruction& copy, const SourceFile& file);

// Names of given arguments that no ARG of the file declares and that are not predefined.
std::vector<std::string> unused_arguments(const parser::Conductorfile& parsed, const Variables& given);

}  // namespace conductor::builder
