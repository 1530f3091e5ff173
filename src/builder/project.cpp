#include "builder/project.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "builder/outline.hpp"
#include "builder/parsing.hpp"
#include "builder/scheduler.hpp"
#include "image/cache_archive.hpp"
#include "store/records.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <set>

namespace conductor::builder {
namespace {

using base::Error;

constexpr const char* epoch_name = "SOURCE_DATE_EPOCH";
constexpr std::size_t shown_findings = 20;

// The listener, by one thread at a time.
Listener in_turn(const Listener& listener, std::mutex& mutex) {
  if (!listener) return {};
  return [&listener, &mutex](const Event& event) {
    const std::lock_guard lock(mutex);
    listener(event);
  };
}

GraphOptions graph_options(engine::Engine& engine, const BuildOptions& options) {
  GraphOptions result{options.target, options.args, image::native_architecture(), options.contexts, {}};
  result.triggers_of = [&engine](const std::string& reference) {
    const auto image = engine.images().find(reference);
    return image ? image->config.on_build : std::vector<std::string>{};
  };
  return result;
}

// Beside the Conductorfile, when that is a file of this machine.
std::string lock_path(const BuildContext& context) {
  const std::string& name = context.file.name;
  struct stat found{};
  if (stat(name.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) return "";
  const auto slash = name.rfind('/');
  return (slash == std::string::npos ? "" : name.substr(0, slash + 1)) + "conductor.lock";
}

// By name, or nothing: whether the name can be used at all is told when it is.
std::optional<image::Image> base_here(const image::Images& images, const Stage& stage) {
  if (stage.base_stage || !stage.base_context.empty() || stage.base == "scratch") return std::nullopt;
  try {
    return images.find(stage.base);
  } catch (const Error&) {
    return std::nullopt;
  }
}

// What the stages' bases define, as far as those are here already: a base that is yet to be bootstrapped has PATH
// alone.
std::set<std::string> base_variables(const image::Images& images, const StageGraph& graph) {
  std::set<std::string> names{"PATH"};
  for (const auto& stage : graph.stages)
    if (const auto image = base_here(images, stage))
      for (const auto& variable : image->config.env) names.insert(variable.substr(0, variable.find('=')));
  return names;
}

std::string rules_of(const std::vector<parser::Finding>& findings) {
  std::set<std::string> rules;
  for (const auto& finding : findings) rules.insert(finding.rule);
  return base::join({rules.begin(), rules.end()}, ", ");
}

// Locks of steps whose build was killed.
void sweep_step_locks(const store::Locations& locations) {
  for (const auto& name : store::list_directory(locations.locks())) {
    if (!name.starts_with("step-")) continue;
    const std::string path = locations.locks() + "/" + name;
    if (auto lock = store::Lock::try_acquire(path)) lock->remove(path);
  }
}

BuildOptions with_epoch(BuildOptions options) {
  if (options.source_date_epoch) options.args[epoch_name] = std::to_string(*options.source_date_epoch);
  return options;
}

}  // namespace

Project::Project(engine::Engine& engine, const BuildOptions& options, const Listener& listener)
    : engine_(engine),
      serial_(in_turn(listener, mutex_)),
      options_(with_epoch(options)),
      context_(open_context(options.context, options.file, fetching_for(engine, options, serial_))),
      parsed_(parse_file(context_, options.strict)),
      graph_(arranged()),
      pins_(options.lock || options.locked ? lock_path(context_) : "", options.lock, options.locked),
      sources_(engine, options_, parsed_, graph_, context_.file, pins_, serial_),
      hashes_(hashes_file(engine.locations(), context_)) {
  if (!context_.resolved.empty()) pins_.saw_download(context_.url, context_.resolved);
  settle_epoch();
  warn_of_unused_arguments();
  sweep_step_locks(engine.locations());
}

// Judged before anything is bootstrapped or fetched for it.
StageGraph Project::arranged() const {
  auto graph = arrange_stages(parsed_, graph_options(engine_, options_), context_.file);
  judge(graph);
  return graph;
}

// --build-arg SOURCE_DATE_EPOCH, or a global ARG of that name with a default.
void Project::settle_epoch() {
  if (options_.source_date_epoch) return;
  std::string text;
  if (const auto global = graph_.globals.find(epoch_name); global != graph_.globals.end()) text = global->second;
  if (const auto given = options_.args.find(epoch_name); given != options_.args.end()) text = given->second;
  if (text.empty()) return;
  options_.source_date_epoch = base::parse_number(text);
  if (!options_.source_date_epoch)
    throw Error(std::string(epoch_name) + "=" + base::escape_control(text) + " is not a time")
        .with_hint("seconds since 1970-01-01 00:00 UTC");
}

// The build checks: findings are warnings, unless the file says that they are errors. A directive that names a check
// we do not know is no reason to build nothing.
void Project::judge(const StageGraph& graph) const {
  parser::CheckResult result;
  try {
    result = run_checks(context_, parsed_, options_, base_variables(engine_.images(), graph));
  } catch (const base::SourceError& error) {
    return warn(error.what());
  }
  const auto& findings = result.findings;
  for (std::size_t i = 0; i < std::min(findings.size(), shown_findings); ++i)
    warn(render(findings[i], parsed_, context_));
  if (findings.size() > shown_findings)
    warn("warning: " + std::to_string(findings.size() - shown_findings) + " more; 'build --check' shows all");
  if (result.error && !findings.empty())
    throw Error("the build checks found " + rules_of(findings))
        .with_hint("the directive \"check=error=true\" makes that a failure");
}

void Project::warn(std::string text) const {
  if (!serial_) return;
  Event event;
  event.kind = Event::Kind::warning;
  event.text = std::move(text);
  serial_(event);
}

void Project::warn_of_unused_arguments() const {
  const auto unused = unused_arguments(parsed_, options_.args);
  if (unused.empty()) return;
  warn("warning: no ARG declares the build argument" + std::string(unused.size() > 1 ? "s " : " ") +
       base::escape_control(base::join(unused, ", ")));
}

std::vector<StageResult> Project::run(const std::optional<std::int64_t>& newest) {
  linux::Cancellation stop;
  BuildOptions options = options_;
  options.cancellation = &stop;
  for (const auto& directory : options.cache_from) image::import_cache(engine_.images(), directory);
  Workshop shop{engine_, options, serial_, context_, parsed_, graph_, hashes_, stop, sources_, pins_, newest};
  shop.results.resize(graph_.stages.size());
  run_stages(graph_, stages_at_once(), options_.cancellation, stop,
             [&](std::size_t number) { shop.results[number] = StageBuilder(shop, graph_.stages[number]).build(); });
  for (const auto& directory : options.cache_to)
    image::export_cache(engine_.images(), directory, {shop.used.begin(), shop.used.end()});
  return std::move(shop.results);
}

}  // namespace conductor::builder
