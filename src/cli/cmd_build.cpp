// build.
#include "base/error.hpp"
#include "base/source.hpp"
#include "base/text.hpp"
#include "builder/builder.hpp"
#include "cli/build_interrupt.hpp"
#include "cli/build_options.hpp"
#include "cli/build_progress.hpp"
#include "cli/build_report.hpp"
#include "cli/commands.hpp"
#include "cli/image_view.hpp"
#include "cli/output.hpp"

namespace conductor::cli {

namespace {

constexpr int exit_failed = 1;  // of docker's build; mistakes in the words end with base::exit_usage

// --call: says something about the file, and builds nothing.
int describe(const builder::BuildOptions& options, BuildCall call) {
  switch (call.kind) {
    case BuildCall::Kind::outline:
      print(builder::outline(options, call.json));
      return 0;
    case BuildCall::Kind::targets:
      print(builder::targets(options, call.json));
      return 0;
    case BuildCall::Kind::check: {
      const auto report = builder::check(options, call.json);
      print(report.text);
      return report.failed ? exit_failed : 0;
    }
    case BuildCall::Kind::ast:
    case BuildCall::Kind::build:
      break;
  }
  print(builder::syntax_tree(options));
  return 0;
}

std::vector<std::string> names_of(const builder::BuildOptions& options) {
  std::vector<std::string> names;
  for (const auto& tag : options.tags) names.push_back(image::parse_reference(tag).text());
  return names;
}

int report(const BuildRequest& request, const builder::BuildResult& result) {
  const auto names = names_of(request.options);
  const std::string id = image_digest(result.image);
  if (!request.id_file.empty()) write_result_file(request.id_file, id);
  if (!request.metadata_file.empty())
    write_result_file(request.metadata_file, build_metadata(result, names).dump(2) + "\n");
  std::string line = id;
  if (request.progress != ProgressKind::quiet) {
    line = "Built " + base::short_id(result.image.id);
    if (!names.empty()) line += " as " + base::join(names, " ");
  }
  if (request.result_on_stdout)
    print_line(line);
  else if (request.progress != ProgressKind::json)
    print_error(line);
  return 0;
}

int verify(engine::Engine& engine, const BuildRequest& request, BuildProgress& progress) {
  const auto difference = builder::verify(engine, request.options, progress.listener());
  progress.close();
  if (!difference) {
    print_line("Built twice: the same image");
    return 0;
  }
  print_line("Built twice: " + escape_lines(difference->step) + " differs in " +
             base::escape_control(difference->path) + ": " + escape_lines(difference->how));
  return exit_failed;
}

int build_and_report(engine::Engine& engine, const BuildRequest& request, BuildProgress& progress) {
  if (request.verify) return verify(engine, request, progress);
  const auto result = builder::build(engine, request.options, progress.listener());
  progress.finish(image_digest(result.image), names_of(request.options));
  return report(request, result);
}

}  // namespace

int build(Invocation& call) {
  BuildWords words;
  words.declare(call.options());
  call.parse();
  BuildRequest request = words.read(Surroundings::ours());
  if (request.call.kind != BuildCall::Kind::build) {
    try {
      return describe(request.options, request.call);
    } catch (base::Error& e) {
      e.with_exit_code(exit_failed);
      throw;
    }
  }
  engine::Engine& engine = call.recovered_engine();
  BuildInterrupt interrupt;
  BuildProgress progress(request.progress);
  interrupt.watch(progress);
  request.options.cancellation = interrupt.cancellation();
  try {
    return build_and_report(engine, request, progress);
  } catch (base::Error& e) {
    const bool told = progress.fail(e.message());
    e.with_exit_code(interrupt.requested() ? BuildInterrupt::exit_code : exit_failed);
    if (told) return e.exit_code();
    throw;
  }
}

}  // namespace conductor::cli
