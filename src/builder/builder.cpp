#include "builder/builder.hpp"

#include "builder/outputs.hpp"
#include "builder/project.hpp"

#include <algorithm>

namespace conductor::builder {
namespace {

std::vector<image::Reference> references(const std::vector<std::string>& tags) {
  std::vector<image::Reference> result;
  result.reserve(tags.size());
  for (const auto& tag : tags) result.push_back(image::parse_reference(tag));
  return result;
}

bool goes_to_store(const std::vector<Output>& outputs) {
  return outputs.empty() ||
         std::ranges::any_of(outputs, [](const Output& output) { return output.type == OutputType::store; });
}

// SOURCE_DATE_EPOCH is also when the image was made; without it that is when its newest layer was.
image::Image image_of(StageResult result, const BuildOptions& options) {
  constexpr std::int64_t second = 1'000'000'000;
  image::Image image;
  image.layers = std::move(result.layers);
  image.config = std::move(result.config);
  for (const auto& [name, value] : options.labels) image.config.labels[name] = value;
  image.architecture = image::native_architecture();
  image.author = std::move(result.author);
  image.history = std::move(result.history);
  image.created = options.source_date_epoch.value_or(0) * second;
  return image;
}

// An image that all names stand for already is left as it is: nothing is written, nothing synced.
image::Image save(image::Images& images, const image::Image& image, const std::vector<image::Reference>& names) {
  const auto complete = images.complete(image);
  const bool there = !names.empty() && std::ranges::all_of(names, [&](const image::Reference& name) {
    const auto found = images.find(name.text());
    return found && found->id == complete.id;
  });
  return there ? complete : images.save(image, names);
}

}  // namespace

BuildResult build(engine::Engine& engine, const BuildOptions& options, const Listener& listener) {
  return unless_interrupted(options.cancellation, [&] {
    const auto names = references(options.tags);
    check_outputs(options.outputs);
    Project project(engine, options, listener);
    auto results = project.run(project.source_date_epoch());
    const auto image = image_of(std::move(results.at(project.graph().target)), project.options());
    BuildResult result;
    result.image =
        goes_to_store(options.outputs) ? save(engine.images(), image, names) : engine.images().complete(image);
    if (!options.outputs.empty())
      result.manifest_digest = write_outputs(engine, result.image, project.options(), project.listener());
    project.write_lock_file();
    return result;
  });
}

}  // namespace conductor::builder
