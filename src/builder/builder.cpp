#include "builder/builder.hpp"

#include "base/sha256.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "builder/content_hashes.hpp"
#include "builder/context.hpp"
#include "builder/stage_builder.hpp"
#include "builder/stages.hpp"

#include <algorithm>

namespace conductor::builder {
namespace {

std::string hashes_file(const store::Locations& locations, const std::string& context) {
  return locations.root + "/context/" + base::sha256_hex(context).substr(0, 32);
}

std::vector<image::Reference> references(const std::vector<std::string>& tags) {
  std::vector<image::Reference> result;
  result.reserve(tags.size());
  for (const auto& tag : tags) result.push_back(image::parse_reference(tag));
  return result;
}

void warn_of_unused_arguments(const parser::Conductorfile& parsed, const BuildOptions& options,
                              const Listener& listener) {
  const auto unused = unused_arguments(parsed, options.args);
  if (unused.empty() || !listener) return;
  Event event;
  event.text = "warning: no ARG declares the build argument" + std::string(unused.size() > 1 ? "s " : " ") +
               base::escape_control(base::join(unused, ", "));
  listener(event);
}

image::Image image_of(const StageResult& result, const BuildOptions& options) {
  image::Image image;
  image.layers = result.layers;
  image.config = result.config;
  for (const auto& [name, value] : options.labels) image.config.labels[name] = value;
  image.architecture = image::native_architecture();
  image.created = base::now_unix_ns();
  return image;
}

bool says_the_same(const image::Image& a, const image::Image& b) {
  return a.layers == b.layers && a.config == b.config && a.architecture == b.architecture && a.os == b.os;
}

// An image that all names stand for already is left as it is: nothing is written, nothing synced.
image::Image save(image::Images& images, const image::Image& image, const std::vector<image::Reference>& names) {
  std::optional<image::Image> there;
  for (const auto& name : names) {
    there = images.find(name.text());
    if (!there || !says_the_same(*there, image)) return images.save(image, names);
  }
  return there ? *there : images.save(image, names);
}

}  // namespace

BuildResult build(engine::Engine& engine, const BuildOptions& options, const Listener& listener) {
  const auto names = references(options.tags);
  const BuildContext context = open_context(options.context, options.file);
  const auto parsed = parser::parse_conductorfile(context.file.text, context.file.name);
  const auto graph = arrange_stages(parsed, {options.target, options.args, image::native_architecture()}, context.file);
  warn_of_unused_arguments(parsed, options, listener);

  ContentHashes hashes(hashes_file(engine.locations(), context.path));
  Workshop shop{engine, options, listener, context, parsed, graph, hashes, {}};
  for (const std::size_t number : graph.order) shop.results[number] = StageBuilder(shop, graph.stages[number]).build();
  return {save(engine.images(), image_of(shop.results.at(graph.target), options), names), {}};
}

}  // namespace conductor::builder
