// compose start, stop, restart, pause, unpause, kill, ps, exec.
#include "base/text.hpp"
#include "base/units.hpp"
#include "cli/cmd_compose_common.hpp"
#include "cli/container_view.hpp"
#include "cli/exec_options.hpp"
#include "cli/output.hpp"
#include "cli/streams.hpp"
#include "compose/labels.hpp"

#include <algorithm>

namespace conductor::cli {

namespace {

int change(Invocation& call, compose::Lifecycle what) {
  ProjectOptions which(call);
  std::vector<std::string> services;
  std::optional<std::int64_t> seconds;
  if (what != compose::Lifecycle::start)
    call.options().number("-t,--timeout", seconds, "seconds to wait before killing", "SECONDS");
  call.options().unsupported("--no-deps --wait --wait-timeout");
  call.options().words("SERVICE", services);
  call.parse();
  const auto project = which.try_load();
  for (const auto& service : services)
    if (project) project->require(service);
  Reporter reporter;
  const std::string name = which.name(project);
  if (compose::change(reporter.session(call.engine()), name, what, services, grace_of(seconds)).empty())
    print_error("Nothing to do.");
  return 0;
}

base::Json row(const engine::Observed& observed, const compose::ObservedContainer& container, const PortsView& view,
               std::int64_t now) {
  base::Json json = listed(observed, view, false, now);
  json.set("Name", container.name());
  json.set("Service", container.service);
  json.set("Project", observed.container.config.labels.at(compose::label::project));
  json.set("Health", container.status.health == monitor::Health::none
                         ? std::string()
                         : std::string(base::enum_name(container.status.health)));
  json.set("ExitCode", container.status.exit_code);
  return json;
}

}  // namespace

namespace {

// Acts on every container of the services that runs. Declare what else the command takes before.
template <class Step>
int for_each_running(Invocation& call, ProjectOptions& which, Step&& step) {
  std::vector<std::string> services;
  call.options().words("SERVICE", services);
  call.parse();
  const auto project = which.try_load();
  if (project)
    for (const auto& service : services) project->require(service);
  engine::Engine& engine = call.recovered_engine();
  int code = 0, count = 0;
  for (const auto& container : compose::observe(engine, which.name(project), nullptr).containers) {
    if (!container.running()) continue;
    if (!services.empty() && std::ranges::find(services, container.service) == services.end()) continue;
    ++count;
    try {
      step(engine, container.container.id);
    } catch (const base::Error& e) {
      say(base::escape_control(e.message()));
      code = 1;
    }
  }
  if (count == 0) print_error("Nothing to do.");
  return code;
}

}  // namespace

int compose_pause(Invocation& call) {
  ProjectOptions which(call);
  return for_each_running(call, which, [](engine::Engine& engine, const std::string& id) { engine.pause(id); });
}

int compose_unpause(Invocation& call) {
  ProjectOptions which(call);
  return for_each_running(call, which, [](engine::Engine& engine, const std::string& id) { engine.unpause(id); });
}

int compose_kill(Invocation& call) {
  ProjectOptions which(call);
  std::string name = "KILL";
  call.options().option("-s,--signal", name, "signal, KILL by default", "SIGNAL");
  call.options().unsupported("--remove-orphans");
  return for_each_running(call, which,
                          [&](engine::Engine& engine, const std::string& id) { engine.kill(id, signal_of(name)); });
}

int compose_start(Invocation& call) { return change(call, compose::Lifecycle::start); }
int compose_stop(Invocation& call) { return change(call, compose::Lifecycle::stop); }
int compose_restart(Invocation& call) { return change(call, compose::Lifecycle::restart); }

int compose_ps(Invocation& call) {
  ProjectOptions which(call);
  bool all = false, quiet = false, services_only = false;
  std::string format;
  std::vector<std::string> services;
  call.options().flag("-a,--all", all, "those that do not run, too");
  call.options().flag("-q,--quiet", quiet, "ids alone");
  call.options().flag("--services", services_only, "names of services alone");
  call.options().option("--format", format, "table, json or a template", "FORMAT");
  call.options().unsupported("--filter --no-trunc --orphans --status");
  call.options().words("SERVICE", services);
  call.parse();
  const auto project = which.try_load();
  const std::string name = which.name(project);
  for (const auto& service : services)
    if (project) project->require(service);

  const auto list = call.watchful_engine().list();
  const std::int64_t now = base::now_unix_ns();
  const auto view = PortsView::of(call.engine().network().settings());
  std::vector<base::Json> rows;
  for (const auto& container : compose::containers_of(list, name)) {
    if (!all && !container.running()) continue;
    if (!services.empty() && std::ranges::find(services, container.service) == services.end()) continue;
    const auto observed = std::ranges::find(
        list, container.container.id, [](const engine::Observed& o) -> const std::string& { return o.container.id; });
    rows.push_back(row(*observed, container, view, now));
  }
  if (services_only) {
    std::set<std::string> names;
    for (const auto& json : rows) names.insert(*json.find("Service")->string());
    for (const auto& service : names) print_line(service);
    return 0;
  }
  const std::vector<Column> columns = {{"NAME", "Name"},       {"IMAGE", "Image"},        {"COMMAND", "Command"},
                                       {"SERVICE", "Service"}, {"CREATED", "RunningFor"}, {"STATUS", "Status"},
                                       {"PORTS", "Ports"}};
  print(render_list(columns, rows, quiet ? "{{.ID}}" : format));
  return 0;
}

int compose_exec(Invocation& call) {
  ProjectOptions which(call);
  ExecOptions options;
  AttachOptions attach;
  bool no_terminal = false, interactive = true, terminal = false;
  std::optional<std::int64_t> index;
  std::vector<std::string> words;
  options.declare(call.options());
  attach.declare_keys(call.options());
  call.options().flag("-T,--no-tty", no_terminal, "no terminal, even from one");
  call.options().flag("-t,--tty", terminal, "as always from a terminal");
  call.options().flag("-i,--interactive", interactive, "as always");
  call.options().number("--index", index, "which container of the service", "N");
  call.options().rest("SERVICE COMMAND...", words, 2);
  call.parse();
  const auto project = which.try_load();
  const std::string& service = words.front();
  if (project) project->require(service);
  const std::string name = which.name(project);
  auto wanted = options.read();
  wanted.command.assign(words.begin() + 1, words.end());
  wanted.input = interactive;
  wanted.terminal = !no_terminal && !wanted.detach && on_terminal();
  wanted.detach_keys = attach.keys();

  const auto observed = compose::observe(call.engine(), name, nullptr);
  for (const auto& container : observed.containers)
    if (container.service == service && container.running() && (!index || *index == container.number))
      return call.engine().exec(container.container.id, wanted).value_or(0);
  throw base::Error("service " + base::escape_control(service) + " of project " + name + " has no running container" +
                    (index ? " " + std::to_string(*index) : ""))
      .with_exit_code(1);
}

}  // namespace conductor::cli
