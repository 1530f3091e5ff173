// compose logs, config.
#include "base/text.hpp"
#include "base/units.hpp"
#include "cli/cmd_compose_attached.hpp"
#include "cli/cmd_compose_common.hpp"
#include "cli/output.hpp"
#include "compose/canonical.hpp"

#include <algorithm>

namespace conductor::cli {

namespace {

std::optional<std::size_t> parse_tail(const std::string& text) {
  if (text == "all") return std::nullopt;
  if (const auto lines = base::parse_number(text)) return static_cast<std::size_t>(*lines);
  throw base::Error("option --tail takes a whole number or all").with_exit_code(base::exit_usage);
}

// One container after the other; each in the order written.
void show_logs(engine::Engine& engine, const std::vector<compose::ObservedContainer>& containers,
               const runtime::LogOptions& options, LogPrefix& prefix) {
  for (const auto& container : containers) {
    compose::Follower one(engine.locations(), [&](const compose::LogLine& line) { prefix.print(line); });
    one.add(container.container.id, container.name(), options);
    one.wait();
  }
}

void print_sorted(std::vector<std::string> names) {
  std::ranges::sort(names);
  const auto repeated = std::ranges::unique(names);
  names.erase(repeated.begin(), repeated.end());
  for (const auto& name : names) print_line(name);
}

}  // namespace

int compose_logs(Invocation& call) {
  ProjectOptions which(call);
  runtime::LogOptions wanted;
  LogPrefix::Style style;
  std::string tail = "all";
  bool no_colour = false, no_prefix = false;
  std::vector<std::string> services;
  call.options().flag("-f,--follow", wanted.follow, "go on until all have ended");
  call.options().option("-n,--tail", tail, "only the last lines of each container", "N");
  call.options().flag("-t,--timestamps", style.timestamps, "the time in front of each line");
  call.options().flag("--no-color", no_colour, "plain prefixes");
  call.options().flag("--no-log-prefix", no_prefix, "lines alone");
  call.options().unsupported("--index --since --until");
  call.options().words("SERVICE", services);
  call.parse();
  style.colour = !no_colour;
  style.prefix = !no_prefix;
  wanted.tail = parse_tail(tail);
  const auto project = which.try_load();
  for (const auto& service : services)
    if (project) project->require(service);

  auto containers = compose::observe(call.engine(), which.name(project), nullptr).containers;
  if (!services.empty())
    std::erase_if(containers, [&](const auto& c) { return std::ranges::find(services, c.service) == services.end(); });
  LogPrefix prefix(style);
  for (const auto& container : containers) prefix.reserve(container.name());
  if (!wanted.follow) {
    show_logs(call.engine(), containers, wanted, prefix);
    return 0;
  }
  compose::Follower all(call.locations(), [&](const compose::LogLine& line) { prefix.print(line); });
  for (const auto& container : containers) all.add(container.container.id, container.name(), wanted);
  all.wait();
  return 0;
}

int compose_config(Invocation& call) {
  ProjectOptions which(call);
  bool services = false, images = false, volumes = false, quiet = false;
  std::string format = "yaml", hash;
  call.options().flag("--services", services, "names of the services alone");
  call.options().flag("--images", images, "names of the images alone");
  call.options().flag("--volumes", volumes, "keys of the volumes alone");
  call.options().flag("-q,--quiet", quiet, "only say what is wrong with the file");
  call.options().option("--hash", hash, "configuration hashes of services; '*' for all", "SERVICES");
  call.options().option("--format", format, "yaml or json", "FORMAT");
  call.options().unsupported(
      "--environment --lock-image-digests --models --networks --no-consistency --no-interpolate --no-normalize "
      "--no-path-resolution -o --output --profiles --resolve-image-digests --variables");
  call.parse();
  if (format != "yaml" && format != "json") throw base::Error("option --format takes yaml or json");
  const compose::Project project = which.load();
  if (quiet) return 0;
  std::vector<std::string> names;
  if (!hash.empty()) {
    if (hash != "*") names = base::split(hash, ',');
    std::vector<std::string> lines;
    for (const auto* service : compose::select(project, names, false))
      lines.push_back(service->name + " " + service->hash);
    print_sorted(std::move(lines));
    return 0;
  }
  if (volumes) {
    for (const auto& volume : project.volumes) names.push_back(volume.key);
  } else if (services || images) {
    for (const auto* service : compose::select(project, {}, true))
      names.push_back(services ? service->name : service->image);
  } else {
    const base::Json json = compose::canonical(project);
    print(format == "json" ? json.dump(2) + "\n" : compose::to_yaml(json));
    return 0;
  }
  print_sorted(std::move(names));
  return 0;
}

}  // namespace conductor::cli
