#include "builder/sources.hpp"

#include "base/error.hpp"
#include "base/sha256.hpp"
#include "base/text.hpp"
#include "builder/layer_tree.hpp"

#include <variant>

namespace conductor::builder {
namespace {

using base::Error;

constexpr std::size_t status_limit = 64U << 20U;

bool is_bootstrapped(const std::string& name) {
  try {
    return image::suite_of(image::parse_reference(name)).has_value();
  } catch (const Error&) {
    return false;  // an id or a digest
  }
}

LockedImage describe(const image::Images& images, const image::Image& image) {
  LockedImage result{image.id, {}, {}};
  const auto tree = open_layers(images.lower_directories(image));
  const auto status = tree.read_file("/var/lib/dpkg/status", status_limit);
  if (!status) return result;
  result.packages = installed_packages(*status);
  result.package_digest = base::sha256_hex(base::join(result.packages, "\n"));
  return result;
}

}  // namespace

Fetching fetching_for(engine::Engine& engine, const BuildOptions& options, const Listener& listener) {
  Fetching result{engine.locations(), options.cancellation, listener, {}};
  for (const auto& ssh : options.ssh)
    if (ssh.id == "default") result.ssh_socket = ssh.socket;
  return result;
}

std::string hashes_file(const store::Locations& locations, const BuildContext& context) {
  return context.owner ? "" : locations.root + "/context/" + base::sha256_hex(context.path).substr(0, 32);
}

struct Sources::Tree {
  BuildContext context;
  ContentHashes hashes;
};

// What finding needs and having found does not.
class Sources::Finder {
 public:
  Finder(Sources& sources, engine::Engine& engine, const BuildOptions& options, Pins& pins, const Listener& listener)
      : sources_(sources), engine_(engine), options_(options), pins_(pins), listener_(listener) {}

  void find(const StageGraph& graph, const Stage& stage, const parser::Conductorfile& parsed, const SourceFile& file) {
    const auto at = [&](const parser::Instruction& instruction, const auto& step) {
      if (options_.cancellation != nullptr) options_.cancellation->check();
      try {
        step();
      } catch (const base::SourceError&) {
        throw;
      } catch (const Error& error) {
        throw failure_of(instruction, error, file_at(parsed, instruction.position, file));
      }
    };
    at(*stage.instructions.front(), [&] {
      if (!stage.base_context.empty()) add_tree(stage.base_context, graph);
      if (!stage.base_stage) add_image(stage.base_context.empty() ? stage.base : "scratch");
    });
    for (const auto& [origin, instruction] : origins_of(graph, stage, file))
      at(*instruction, [&, &wanted = origin] {
        if (wanted.kind == Origin::Kind::image) add_image(wanted.image);
        if (wanted.kind == Origin::Kind::named) add_tree(wanted.name, graph);
      });
  }

 private:
  void add_image(const std::string& name) {
    if (sources_.images_.contains(name)) return;
    auto image = engine_.images().resolve(name, [&](const std::string& line) { note(line); }, options_.cancellation);
    if (pins_.wanted() && name != "scratch")
      pins_.saw_image(name, describe(engine_.images(), image), is_bootstrapped(name));
    if (options_.pull && name != "scratch")
      note("--pull finds nothing to pull for " + base::escape_control(name) + ": it is used as it is here");
    sources_.images_.emplace(name, std::move(image));
  }

  void add_tree(const std::string& name, const StageGraph& graph) {
    if (sources_.trees_.contains(name)) return;
    const base::Context named("build context " + base::escape_control(name));
    auto source = open_source(graph.contexts.at(name), fetching_for(engine_, options_, listener_));
    auto* opened = std::get_if<SourceTree>(&source);
    if (opened == nullptr) throw Error("it is an image, not files");
    if (!opened->resolved.empty()) pins_.saw_download(opened->url, opened->resolved);
    auto context = context_without_file(std::move(*opened));
    auto hashes = hashes_file(engine_.locations(), context);
    sources_.trees_.emplace(name, new Tree{std::move(context), ContentHashes(std::move(hashes))});
  }

  void note(const std::string& line) const {
    Event event;
    event.text = line;
    if (listener_) listener_(event);
  }

  Sources& sources_;
  engine::Engine& engine_;
  const BuildOptions& options_;
  Pins& pins_;
  const Listener& listener_;
};

Sources::Sources(engine::Engine& engine, const BuildOptions& options, const parser::Conductorfile& parsed,
                 const StageGraph& graph, const SourceFile& file, Pins& pins, const Listener& listener) {
  Finder finder(*this, engine, options, pins, listener);
  for (const std::size_t number : graph.order) finder.find(graph, graph.stages[number], parsed, file);
}

Sources::~Sources() = default;

const image::Image& Sources::image(const std::string& reference) const {
  const auto found = images_.find(reference);
  if (found == images_.end()) throw Error("the image " + base::escape_control(reference) + " was not looked up");
  return found->second;
}

InputTree Sources::tree(const std::string& name) const {
  const auto found = trees_.find(name);
  if (found == trees_.end()) throw Error("the build context " + base::escape_control(name) + " was not opened");
  Tree& tree = *found->second;
  return {tree.context.root, tree.context.ignore, tree.hashes};
}

}  // namespace conductor::builder
