// compose up, down, plan, build.
#include "base/text.hpp"
#include "cli/build_words.hpp"
#include "cli/cmd_compose_attached.hpp"
#include "cli/cmd_compose_common.hpp"
#include "cli/output.hpp"

namespace conductor::cli {

namespace {

struct UpWords {
  compose::UpOptions options;
  bool no_dependencies = false;

  void declare(Options& words) {
    words.flag("--force-recreate", options.force_recreate, "new containers even where nothing has changed");
    words.flag("--no-deps", no_dependencies, "leave alone what the services depend on");
    words.flag("--remove-orphans", options.remove_orphans, "remove containers of services that are not in the file");
    words.words("SERVICE", options.services);
  }
  const compose::UpOptions& said() {
    options.dependencies = !no_dependencies;
    return options;
  }
};

// Services that the plan leaves alone.
void say_unchanged(const compose::Project& project, const compose::UpOptions& options, const compose::Plan& plan) {
  std::set<std::string> changed;
  for (const auto& step : plan.steps) changed.insert(compose::service_of(step.operation));
  for (const auto* service : compose::select(project, options.services, options.dependencies))
    if (!changed.contains(service->name)) print_error(service->name + " is up to date");
  if (plan.empty()) print_error("Nothing to do.");
}

std::vector<std::string> names_of(const std::vector<const compose::DesiredService*>& services) {
  std::vector<std::string> names;
  for (const auto* service : services)
    if (service->build) names.push_back(service->name);
  return names;
}

}  // namespace

int compose_up(Invocation& call) {
  ProjectOptions which(call);
  UpWords words;
  LogPrefix::Style style;
  bool detach = false, build_first = false, no_colour = false, no_prefix = false, no_start = false;
  call.options().flag("-d,--detach", detach, "return when everything is up, instead of showing the logs");
  call.options().flag("--wait", words.options.wait, "as -d, and return when services with a health check are healthy");
  call.options().flag("--build", build_first, "build images first, even if they exist");
  call.options().flag("--no-start", no_start, "create containers without starting them");
  call.options().flag("--no-color", no_colour, "plain prefixes");
  call.options().flag("--no-log-prefix", no_prefix, "lines alone");
  call.options().flag("--timestamps", style.timestamps, "the time in front of each line");
  call.options().unsupported(
      "--abort-on-container-exit --abort-on-container-failure --always-recreate-deps --attach --attach-dependencies "
      "--exit-code-from --menu --no-attach --no-build --no-recreate --pull --quiet-pull --quiet-build --scale -t "
      "--timeout "
      "-V --renew-anon-volumes --wait-timeout -w --watch -y --yes");
  words.declare(call.options());
  call.parse();
  style.colour = !no_colour;
  style.prefix = !no_prefix;

  const compose::Project project = which.load();
  words.options.start = !no_start;
  detach = detach || words.options.wait;
  const compose::UpOptions& options = words.said();
  const auto selected = compose::select(project, options.services, options.dependencies);
  Reporter reporter;
  const compose::Session session = reporter.session(call.engine());
  if (const auto names = names_of(selected); build_first && !names.empty()) compose::build(session, project, names);
  if (!detach && !no_start) return up_attached(call.engine(), project, options, style);
  say_unchanged(project, options, compose::up(session, project, options));
  return 0;
}

int compose_down(Invocation& call) {
  ProjectOptions which(call);
  compose::DownOptions options;
  std::optional<std::int64_t> seconds;
  std::string images;
  bool orphans = false;
  call.options().flag("-v,--volumes", options.volumes, "remove the project's volumes, too");
  call.options().option("--rmi", images, "remove images: local (those without a name of their own) or all", "WHICH");
  call.options().number("-t,--timeout", seconds, "seconds to wait before killing", "SECONDS");
  call.options().flag("--remove-orphans", orphans, "as always: every container of the project goes");
  call.parse();
  options.grace = grace_of(seconds);
  if (images == "local")
    options.images = compose::RemoveImages::local;
  else if (images == "all")
    options.images = compose::RemoveImages::all;
  else if (!images.empty())
    throw base::Error("option --rmi takes local or all, not '" + base::escape_control(images) + "'");

  // The machine knows what there is to take down: a file that is gone or broken is no hindrance.
  std::optional<compose::Project> project;
  std::string name;
  try {
    project = which.try_load();
    name = which.name(project);
  } catch (const base::SourceError& e) {
    name = compose::project_name_without_file(which.load_options());
    print_error(std::string(e.what()) + "\nnote: taking project " + name + " down all the same");
  }
  if (!project && !compose::find_file(which.load_options()) && which.load_options().project_name.empty())
    say("no compose file here; project " + name + " is meant");
  Reporter reporter;
  if (compose::down(reporter.session(call.engine()), name, project ? &*project : nullptr, options).empty())
    print_error("Nothing to do.");
  return 0;
}

int compose_plan(Invocation& call) {
  constexpr int changes = 2;
  ProjectOptions which(call);
  UpWords words;
  std::string format = "text";
  call.options().option("--format", format, "text or json", "FORMAT");
  call.options().unsupported("-o --output --detailed");
  words.declare(call.options());
  call.parse();
  if (format != "text" && format != "json") throw base::Error("option --format takes text or json").with_exit_code(1);
  try {
    const compose::Plan plan = compose::plan_up(call.engine(), which.load(), words.said());
    if (format == "json")
      print_line(to_json(plan).dump(2));
    else
      print(plan.empty() ? to_text(plan) + "Nothing to do.\n" : to_text(plan));
    return plan.empty() ? 0 : changes;
  } catch (base::Error& e) {
    e.with_exit_code(1);
    throw;
  }
}

int compose_build(Invocation& call) {
  ProjectOptions which(call);
  std::vector<std::string> services;
  std::vector<std::string> arguments;
  std::string progress = "auto";
  compose::BuildWishes wishes;
  bool quiet = false;
  call.options().flag("--no-cache", wishes.no_cache, "run every step again");
  call.options().flag("--pull", wishes.pull, "look for newer versions of base images");
  call.options().option("--build-arg", arguments, "value of an ARG, NAME=value or NAME", "ARGUMENT");
  call.options().flag("-q,--quiet", quiet, "only what goes wrong");
  call.options().option("--progress", progress, "auto, plain or quiet", "KIND");
  call.options().unsupported(
      "--builder --check --memory -m --print --provenance --push --sbom --ssh --with-dependencies");
  call.options().words("SERVICE", services);
  call.parse();
  if (progress != "auto" && progress != "plain" && progress != "quiet")
    throw base::Error("option --progress takes auto, plain or quiet").with_exit_code(base::exit_usage);
  quiet = quiet || progress == "quiet";
  wishes.args = read_arguments(arguments, Surroundings::ours());
  const compose::Project project = which.load();
  Reporter reporter(quiet);
  if (compose::build(reporter.session(call.engine()), project, services, wishes).empty() && !quiet)
    print_error("Nothing to build.");
  return 0;
}

}  // namespace conductor::cli
