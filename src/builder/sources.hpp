// What a build stands on besides its own context: images and named contexts. All are found before the first stage
// begins, on one thread: a bootstrap starts processes in ways that threads would disturb, and drift is to be refused
// before anything runs.
#pragma once

#include "builder/builder.hpp"
#include "builder/content_hashes.hpp"
#include "builder/context.hpp"
#include "builder/lock_file.hpp"
#include "builder/stages.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>

namespace conductor::builder {

// A directory that files are taken from: the context, or a --build-context.
struct InputTree {
  const linux::RootFd& root;
  const parser::IgnoreRules& ignore;
  ContentHashes& hashes;
};

// What fetching a context of this build needs.
Fetching fetching_for(engine::Engine& engine, const BuildOptions& options, const Listener& listener);
// Where the content hashes of a context are remembered; nowhere for one that is made for this build alone.
std::string hashes_file(const store::Locations& locations, const BuildContext& context);

class Sources {
 public:
  // Finds all that the needed stages of the graph name, bootstrapping bases. Throws base::Error with the place that
  // names what is not there, or is not what the lock file says.
  Sources(engine::Engine& engine, const BuildOptions& options, const parser::Conductorfile& parsed,
          const StageGraph& graph, const SourceFile& file, Pins& pins, const Listener& listener);
  ~Sources();
  Sources(const Sources&) = delete;
  Sources& operator=(const Sources&) = delete;

  // One that a stage or a COPY of the graph names.
  const image::Image& image(const std::string& reference) const;
  // A named context that is a directory (or was downloaded into one).
  InputTree tree(const std::string& name) const;

 private:
  struct Tree;
  class Finder;
  std::map<std::string, image::Image> images_;
  std::map<std::string, std::unique_ptr<Tree>> trees_;
};

}  // namespace conductor::builder
