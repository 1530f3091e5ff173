#include "engine/launch.hpp"

#include "base/text.hpp"
#include "engine/confinement.hpp"
#include "engine/events.hpp"
#include "engine/limits.hpp"
#include "engine/log_settings.hpp"
#include "engine/mounts.hpp"
#include "linux/capabilities.hpp"
#include "linux/process.hpp"
#include "runtime/filter.hpp"

#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <string_view>

namespace conductor::engine {

namespace {

constexpr const char* default_path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

void set_variable(std::vector<std::string>& environment, const std::string& assignment) {
  const auto name = assignment.substr(0, assignment.find('=') + 1);
  for (auto& existing : environment)
    if (existing.starts_with(name)) {
      existing = assignment;
      return;
    }
  environment.push_back(assignment);
}

linux::CapabilitySet parse_capability(const std::string& name) {
  if (const auto set = linux::parse_capability(name)) return *set;
  throw base::Error("unknown capability '" + base::escape_control(name) + "'" +
                    base::did_you_mean("CAP_" + base::upper(name), linux::known_capabilities()));
}

std::vector<monitor::Mount> all_mounts(const Container& container, const volume::Volumes& volumes,
                                       const store::Locations& locations) {
  const auto& config = container.config;
  const std::string directory = locations.container(container.id) + "/";
  std::vector<monitor::Mount> mounts;
  for (const char* name : {hosts_file, resolver_file, hostname_file})
    mounts.push_back(bind_mount(directory + name, std::string("/etc/") + name, true, config.read_only));
  for (auto& mount : mounts_of(config.mounts, volumes)) mounts.push_back(std::move(mount));
  return mounts;
}

std::vector<std::string> settle_command(const std::string& id, const store::Locations& locations) {
  const std::string program = own_program();
  if (program.empty()) return {};
  return {program, "--root", locations.root, "--state", locations.state, "settle", id};
}

}  // namespace

std::vector<std::string> arguments_of(const Container& container) {
  const auto& image = container.image_config;
  const auto& config = container.config;
  std::vector<std::string> arguments;
  if (config.entrypoint)
    arguments = *config.entrypoint;
  else if (image.entrypoint)
    arguments = *image.entrypoint;
  if (config.command)
    arguments.insert(arguments.end(), config.command->begin(), config.command->end());
  else if (!config.entrypoint && image.cmd)
    arguments.insert(arguments.end(), image.cmd->begin(), image.cmd->end());
  if (arguments.empty())
    throw base::Error("no command: the image '" + config.image + "' names none and none was given");
  return arguments;
}

std::vector<std::string> environment_of(const Container& container, const std::vector<std::string>& more) {
  std::vector<std::string> environment = {default_path, "HOSTNAME=" + hostname_of(container)};
  if (container.config.terminal) environment.emplace_back("TERM=xterm");
  for (const auto& variable : container.image_config.env) set_variable(environment, variable);
  for (const auto& variable : container.config.environment) set_variable(environment, variable);
  for (const auto& variable : more) set_variable(environment, variable);
  return environment;
}

std::string hostname_of(const Container& container) {
  return container.config.hostname.empty() ? base::short_id(container.id) : container.config.hostname;
}

linux::CapabilitySet capabilities_of(const ContainerConfig& config) {
  linux::CapabilitySet set = config.privileged ? linux::all_capabilities() : linux::default_capabilities();
  const auto names_all = [](const std::vector<std::string>& names) {
    for (const auto& name : names)
      if (base::upper(name) == "ALL") return true;
    return false;
  };
  // What is named by itself is stronger than ALL on the other side: --cap-drop ALL --cap-add CHOWN keeps CHOWN.
  if (names_all(config.cap_drop)) set = 0;
  for (const auto& name : config.cap_add) set |= parse_capability(name);
  for (const auto& name : config.cap_drop)
    if (base::upper(name) != "ALL") set &= ~parse_capability(name);
  return set;
}

int stop_signal_of(const Container& container) {
  const std::string& name =
      container.config.stop_signal.empty() ? container.image_config.stop_signal : container.config.stop_signal;
  if (name.empty()) return SIGTERM;
  if (const auto signal = linux::parse_signal(name)) return *signal;
  throw base::Error("unknown signal '" + base::escape_control(name) + "'");
}

monitor::Healthcheck healthcheck_of(const Container& container) {
  monitor::Healthcheck check = container.config.healthcheck;
  const auto& shell = container.image_config.shell;
  if (shell.empty() || check.test.size() < 2 || check.test.front() != "CMD-SHELL") return check;
  std::vector<std::string> words = {"CMD"};
  words.insert(words.end(), shell.begin(), shell.end());
  words.push_back(check.test[1]);
  check.test = std::move(words);
  return check;
}

monitor::Process confined_process(const Container& container, const store::Locations& locations) {
  const auto& config = container.config;
  monitor::Process process;
  process.capabilities = capabilities_of(config);
  process.no_new_privileges = config.no_new_privileges && !config.privileged;
  if (config.seccomp.empty() && !config.privileged)
    process.filter = runtime::filter_for(locations, process.capabilities);
  else if (!config.seccomp.empty() && config.seccomp != "unconfined")
    process.filter = runtime::filter_for(locations, process.capabilities, config.seccomp);
  process.limits = resource_limits_of(config);
  process.apparmor = config.apparmor;
  process.oom_score_adjust = config.oom_score_adjust;
  return process;
}

runtime::Setup launch_setup(const Container& container, const std::vector<std::string>& lower,
                            const volume::Volumes& volumes, const store::Locations& locations) {
  const auto& config = container.config;
  runtime::Setup setup;
  setup.id = container.id;
  setup.limits = limits_of(config);
  if (config.privileged)
    setup.devices = {{'c', -1, -1, "rwm"}, {'b', -1, -1, "rwm"}};
  else
    setup.devices = runtime::default_devices();
  auto devices = devices_of(config);
  setup.devices.insert(setup.devices.end(), devices.rules.begin(), devices.rules.end());

  monitor::LaunchSpec& launch = setup.launch;
  launch.hostname = hostname_of(container);
  launch.ids = container.ids;
  launch.lower = lower;
  launch.upper = upper_directory(locations, container.id);
  launch.work = work_directory(locations, container.id);
  launch.read_only_root = config.read_only;
  launch.mounts = all_mounts(container, volumes, locations);
  launch.shm_size = config.shm_size;
  launch.privileged = config.privileged;
  if (!config.privileged) {
    launch.masked_paths = runtime::default_masked_paths();
    launch.read_only_paths = runtime::default_read_only_paths();
  }
  launch.devices = std::move(devices.nodes);
  const bool own_network = owns_network(config);
  launch.network = own_network ? monitor::NetworkNamespace::own : monitor::NetworkNamespace::host;
  launch.sysctls = sysctls_of(config, runtime::default_sysctls(own_network));
  launch.cgroup = locations.instance + "/" + container.id;
  launch.process = confined_process(container, locations);
  launch.process.arguments = arguments_of(container);
  launch.process.environment = environment_of(container);
  launch.process.user = config.user.empty() ? container.image_config.user : config.user;
  if (!config.working_directory.empty())
    launch.process.working_directory = config.working_directory;
  else if (!container.image_config.working_dir.empty())
    launch.process.working_directory = container.image_config.working_dir;
  launch.process.terminal = config.terminal;
  launch.init = config.init;
  launch.open_stdin = config.open_stdin;
  launch.stop_signal = stop_signal_of(container);
  launch.restart = config.restart;
  launch.healthcheck = healthcheck_of(container);
  launch.log = log_settings_of(container);
  launch.event_journal = locations.events();
  launch.event_attributes = event_attributes(container);
  launch.on_exit = settle_command(container.id, locations);
  return setup;
}

std::string upper_directory(const store::Locations& locations, const std::string& id) {
  return locations.container(id) + "/upper";
}

std::string work_directory(const store::Locations& locations, const std::string& id) {
  return locations.container(id) + "/work";
}

std::string own_program() {
  if (const char* given = std::getenv("CONDUCTOR_PROGRAM"); given != nullptr && *given == '/') return given;
  std::array<char, 4096> path{};
  const auto length = readlink("/proc/self/exe", path.data(), path.size() - 1);
  if (length <= 0) return {};
  std::string program(path.data(), static_cast<std::size_t>(length));
  return program.ends_with("/conductor") ? program : std::string();
}

}  // namespace conductor::engine
