// The stages of a Conductorfile as a graph: which are needed, and what each stands on. Pure; nothing is looked up.
#pragma once

#include "builder/environment.hpp"
#include "parser/conductorfile.hpp"

#include <cstddef>
#include <functional>
#include <memory>
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
// As an Error that shows the place: "file:line:column: error: RUN make: exit code 2", the line and a caret.
base::Error failure_of(const parser::Instruction& instruction, const base::Error& error, const SourceFile& file);

// The file a place is in: the Conductorfile itself or one it includes.
SourceFile file_at(const parser::Conductorfile& parsed, const base::Position& position, const SourceFile& file);

// Where a COPY or a mount takes its files from.
struct Origin {
  enum class Kind { context, stage, image, named } kind = Kind::context;
  std::size_t stage = 0;  // number
  std::string image;      // reference
  std::string name;       // of a --build-context that is a directory or a URL: see Workshop::tree
};

// Text of a hostile file is not worth more than this.
inline constexpr std::size_t max_stages = 1000, max_instructions = 10'000;

struct Stage {
  std::size_t number = 0;
  std::string name;                                      // lower case; may be empty
  std::string base;                                      // FROM's word, expanded: an image, "scratch", or a stage
  std::optional<std::size_t> base_stage;                 // when it is one
  std::string base_context;                              // when it is a named context of files: its name
  std::vector<const parser::Instruction*> instructions;  // FROM first, then what the base triggers
  std::vector<std::size_t> needs;                        // stages that must be built before, each once

  std::string title() const { return name.empty() ? "stage-" + std::to_string(number) : name; }
};

struct StageGraph {
  const parser::Conductorfile* parsed = nullptr;
  std::vector<Stage> stages;
  std::size_t target = 0;
  std::vector<std::size_t> order;  // the target and all it needs, each after what it needs
  Variables globals;               // ARGs before the first FROM, and the platform's arguments
  Variables contexts;              // --build-context
  std::vector<std::unique_ptr<const parser::Instruction>> triggers;  // ONBUILD, as instructions of stages
};

struct GraphOptions {
  std::string target;  // name or number; empty: the last stage
  Variables arguments;
  std::string architecture;
  Variables contexts = {};  // --build-context: they hide images and stages of their name
  // The ONBUILD triggers of an image; asked for images that the target stands on. None: images have none.
  std::function<std::vector<std::string>(const std::string& reference)> triggers_of = {};
};
// `parsed` must outlive the graph. Throws base::SourceError for a FROM without a name or for another platform, for
// stages that need each other, and past the limits above; base::Error for an unknown target.
StageGraph arrange_stages(const parser::Conductorfile& parsed, const GraphOptions& options, const SourceFile& file);

// --from of a COPY in `stage`: a stage by name or number, else a named context, else an image.
Origin origin_of(const StageGraph& graph, const Stage& stage, const parser::Instruction& copy, const SourceFile& file);
// The same for a word that stands elsewhere: `from=` of a RUN --mount. Empty: the context.
Origin origin_named(const StageGraph& graph, const Stage& stage, const std::string& word,
                    const base::Position& position, const SourceFile& file);
// All places but the context itself that the instructions of a stage take files from.
struct UsedOrigin {
  Origin origin;
  const parser::Instruction* instruction;
};
std::vector<UsedOrigin> origins_of(const StageGraph& graph, const Stage& stage, const SourceFile& file);

// The key under which a name finds a --build-context: lower case, without ":latest".
std::string context_key(const std::string& name);
// What a --build-context stands for when it is an image: its reference ("docker-image://…").
std::optional<std::string> context_image(const std::string& value);

// Names of given arguments that no ARG of the file declares and that are not predefined.
std::vector<std::string> unused_arguments(const parser::Conductorfile& parsed, const Variables& given);

}  // namespace conductor::builder
