#include "builder/outputs.hpp"

#include "base/error.hpp"
#include "builder/layer_tree.hpp"
#include "builder/output_directory.hpp"
#include "builder/output_file.hpp"
#include "image/image_archive.hpp"
#include "image/layer_archive.hpp"

#include <unistd.h>

#include <chrono>

namespace conductor::builder {
namespace {

using base::Error;
using std::chrono::steady_clock;

const char* kind_of(const Output& output) {
  switch (output.type) {
    case OutputType::local:
      return "files";
    case OutputType::tar:
      return "archive of the files";
    case OutputType::oci:
      return output.archive ? "OCI archive" : "OCI layout";
    case OutputType::docker:
      return "docker archive";
    case OutputType::store:
      break;
  }
  return "image";
}

// Says how far one output is, not more often than somebody can see.
class Report {
 public:
  Report(const Output& output, const BuildOptions& options, const Listener& listener)
      : text_(std::string("writing the ") + kind_of(output) + " to " +
              (output.destination == "-" ? "standard output" : output.destination)),
        options_(options),
        listener_(listener) {
    tell(0, 0);
  }
  void operator()(std::int64_t current, std::int64_t total) {
    if (options_.cancellation != nullptr) options_.cancellation->check();
    constexpr std::chrono::milliseconds pause(100);
    if (const auto now = steady_clock::now(); now - told_ >= pause || (current == total && total > 0)) {
      told_ = now;
      tell(current, total);
    }
  }

 private:
  void tell(std::int64_t current, std::int64_t total) const {
    if (!listener_) return;
    Event event;
    event.kind = Event::Kind::progress;
    event.text = text_;
    event.current = current;
    event.total = total;
    event.unit = "B";
    listener_(event);
  }

  std::string text_;
  const BuildOptions& options_;
  const Listener& listener_;
  steady_clock::time_point told_;
};

class Writer {
 public:
  Writer(engine::Engine& engine, const image::Image& image, const BuildOptions& options, const Listener& listener)
      : images_(engine.images()), image_(image), options_(options), listener_(listener) {}

  // The manifest's digest, if the output has one.
  std::string write(const Output& output) {
    if (output.type == OutputType::store) return {};
    const base::Context context(std::string("writing the ") + kind_of(output));
    Report report(output, options_, listener_);
    if (output.type == OutputType::local) return write_directory(tree(), output.destination), std::string();
    if (output.type == OutputType::tar) return write_tar(output, report), std::string();
    return write_image(output, report);
  }

 private:
  linux::RootFd tree() const { return open_layers(images_.lower_directories(image_)); }

  void write_tar(const Output& output, Report& report) const {
    OutputFile file(output.destination);
    std::int64_t written = 0;
    image::write_archive(tree(), image::ArchiveForm::tree, [&](std::string_view bytes) {
      linux::write_all(file.descriptor(), bytes);
      written += static_cast<std::int64_t>(bytes.size());
      report(written, 0);
    });
    file.publish();
  }

  std::string write_image(const Output& output, Report& report) const {
    image::ArchiveOptions options;
    for (const auto& tag : options_.tags) options.names.push_back(image::parse_reference(tag));
    options.compression = image::parse_compression(output.compression);
    options.docker = output.type == OutputType::docker;
    options.progress = [&](std::int64_t current, std::int64_t total) { report(current, total); };
    if (!output.archive) return image::write_image_layout(images_, image_, options, output.destination);
    OutputFile file(output.destination);
    std::string digest = image::write_image_archive(images_, image_, options, file.descriptor());
    file.publish();
    return digest;
  }

  image::Images& images_;
  const image::Image& image_;
  const BuildOptions& options_;
  const Listener& listener_;
};

}  // namespace

void check_outputs(const std::vector<Output>& outputs) {
  for (const auto& output : outputs) {
    if (output.type == OutputType::store) continue;
    const bool directory = output.type == OutputType::local || !output.archive;
    if (output.destination.empty() || (directory && output.destination == "-"))
      throw Error(std::string("an output of the ") + kind_of(output) + " needs a destination")
          .with_hint(directory ? "give it a directory: dest=DIR" : "give it a file: dest=FILE, or dest=- to pipe it");
    if (output.destination == "-" && isatty(STDOUT_FILENO) != 0)
      throw Error("an archive is not written to a terminal").with_hint("redirect it: … > FILE, or give dest=FILE");
    image::parse_compression(output.compression);
  }
}

std::string write_outputs(engine::Engine& engine, const image::Image& image, const BuildOptions& options,
                          const Listener& listener) {
  check_outputs(options.outputs);
  Writer writer(engine, image, options, listener);
  std::string digest;
  for (const auto& output : options.outputs)
    if (const std::string made = writer.write(output); digest.empty()) digest = made;
  return digest;
}

}  // namespace conductor::builder
