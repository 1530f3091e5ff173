#include "builder/sources.hpp"

#include "base/error.hpp"
#include "base/sha256.hpp"
#include "base/text.hpp"
#include "builder/layer_tree.hpp"

#include <filesystem>

namespace conductor::builder {
namespace {

using base::Error;

constexpr std::size_t status_limit = 64U << 20U, rules_limit = 16U << 20U;

// NAME@sha256:DIGITS is found by the digits alone: they say it all.
image::Image find_image(image::Images& images, const std::string& name, const image::Progress& progress) {
  const auto at = name.find("@sha256:");
  if (at == std::string::npos) return images.resolve(name, progress);
  if (auto image = images.find(name.substr(at + 1))) return *image;
  throw Error("no such image: " + base::escape_control(name)).with_hint("no image here has that digest");
}

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

// A directory of ours, with its own rules of what is left out.
BuildContext open_named_context(const std::string& value) {
  std::error_code failed;
  const auto resolved = std::filesystem::canonical(value, failed);
  if (failed || !std::filesystem::is_directory(resolved, failed))
    throw Error("there is no directory " + base::escape_control(value));
  BuildContext context{resolved.string(), linux::RootFd::open(resolved.string()), {}, {}, {}};
  for (const std::string name : {".conductorignore", ".dockerignore"})
    if (const auto text = context.root.read_file(name, rules_limit)) {
      context.ignore = parser::IgnoreRules::parse(*text);
      break;
    }
  return context;
}

}  // namespace

struct Sources::Tree {
  BuildContext context;
  ContentHashes hashes;
};

// What finding needs and having found does not.
class Sources::Finder {
 public:
  Finder(Sources& sources, engine::Engine& engine, const BuildOptions& options, Pins& pins,
         const image::Progress& progress)
      : sources_(sources), engine_(engine), options_(options), pins_(pins), progress_(progress) {}

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
      if (!stage.base_context.empty())
        add_tree(stage.base_context, graph);
      else if (!stage.base_stage)
        add_image(stage.base);
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
    auto image = find_image(engine_.images(), name, progress_);
    if (pins_.wanted() && name != "scratch")
      pins_.saw_image(name, describe(engine_.images(), image), is_bootstrapped(name));
    if (options_.pull && name != "scratch" && progress_)
      progress_("--pull finds nothing to pull for " + base::escape_control(name) + ": it is used as it is here");
    sources_.images_.emplace(name, std::move(image));
  }

  void add_tree(const std::string& name, const StageGraph& graph) {
    if (sources_.trees_.contains(name)) return;
    const base::Context context("build context " + base::escape_control(name));
    auto opened = open_named_context(graph.contexts.at(name));
    auto hashes = engine_.locations().root + "/context/" + base::sha256_hex(opened.path).substr(0, 32);
    sources_.trees_.emplace(name, new Tree{std::move(opened), ContentHashes(std::move(hashes))});
  }

  Sources& sources_;
  engine::Engine& engine_;
  const BuildOptions& options_;
  Pins& pins_;
  const image::Progress& progress_;
};

Sources::Sources(engine::Engine& engine, const BuildOptions& options, const parser::Conductorfile& parsed,
                 const StageGraph& graph, const SourceFile& file, Pins& pins, const image::Progress& progress) {
  Finder finder(*this, engine, options, pins, progress);
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
