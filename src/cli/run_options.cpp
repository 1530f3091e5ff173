#include "cli/run_options.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "cli/filters.hpp"
#include "cli/output.hpp"
#include "linux/fd.hpp"
#include "parser/syntax.hpp"
#include "store/records.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>

namespace conductor::cli {

namespace {

[[noreturn]] void refuse(const std::string& option, const std::string& value, const std::string& expected) {
  throw base::Error("option " + option + ": '" + base::escape_control(value) + "' is not " + expected)
      .with_exit_code(base::exit_usage);
}

std::chrono::nanoseconds duration(const std::string& option, const std::string& text,
                                  std::chrono::nanoseconds otherwise) {
  return text.empty() ? otherwise : std::chrono::nanoseconds(parse_seconds_ns(option, text));
}

std::string absolute(const std::string& path) {
  if (path.starts_with('/')) return path;
  std::array<char, PATH_MAX> directory{};
  if (getcwd(directory.data(), directory.size()) == nullptr)
    throw base::Error::from_errno("reading the current folder");
  if (path.starts_with("~/"))
    if (const char* home = std::getenv("HOME"); home != nullptr) return home + path.substr(1);
  return std::string(directory.data()) + "/" + path;
}

// z and Z: a label of SELinux, where there is SELinux.
void check_relabel(const std::string& target) {
  const std::string shown = base::escape_control(target);
  if (access("/sys/fs/selinux/enforce", F_OK) == 0)
    throw base::Error("option -v: z and Z are not supported on a machine with SELinux: " + shown)
        .with_hint("label the folder with chcon -Rt container_file_t");
  say("note: there is no SELinux here; z and Z of " + shown + " have nothing to do");
}

engine::MountConfig to_mount(const parser::VolumeMount& volume) {
  engine::MountConfig mount;
  mount.target = volume.target;
  mount.read_only = volume.read_only;
  mount.size = volume.size;
  mount.inodes = volume.inodes;
  mount.propagation = volume.propagation;
  mount.mode = volume.mode;
  mount.allow_exec = volume.allow_exec;
  mount.subpath = volume.subpath;
  mount.recursive = volume.recursive;
  mount.copy = volume.copy;
  if (volume.relabel) check_relabel(volume.target);
  switch (volume.kind) {
    case parser::VolumeKind::bind:
      mount.kind = engine::MountKind::bind;
      mount.source = absolute(volume.source);
      break;
    case parser::VolumeKind::named:
      mount.kind = engine::MountKind::named;
      mount.source = volume.source;
      break;
    case parser::VolumeKind::anonymous:
      mount.kind = engine::MountKind::named;
      mount.source = store::new_id();
      break;
    case parser::VolumeKind::tmpfs:
      mount.kind = engine::MountKind::tmpfs;
      break;
  }
  return mount;
}

}  // namespace

monitor::Restart parse_restart(const std::string& text) {
  monitor::Restart restart;
  const std::string name = text.substr(0, text.find(':'));
  if (!base::enum_parse(name, restart.policy))
    refuse("--restart", text, "no, always, on-failure[:N] or unless-stopped");
  if (name.size() == text.size()) return restart;
  const auto retries = base::parse_number(text.substr(name.size() + 1), 1'000'000);
  if (!retries || restart.policy != monitor::RestartPolicy::on_failure) refuse("--restart", text, "on-failure:N");
  restart.max_retries = static_cast<int>(*retries);
  return restart;
}

std::vector<std::string> read_environment(const std::vector<std::string>& files,
                                          const std::vector<std::string>& variables) {
  std::vector<std::string> environment;
  const auto from_ours = [&](const std::string& name) {
    if (const char* value = std::getenv(name.c_str()); value != nullptr) environment.push_back(name + "=" + value);
  };
  for (const auto& file : files)
    for (const auto& variable : parser::parse_env_file(linux::read_file(file), file)) {
      if (variable.value)
        environment.push_back(variable.name + "=" + *variable.value);
      else
        from_ours(variable.name);
    }
  for (const auto& variable : variables) {
    if (variable.empty() || variable.front() == '=') refuse("--env", variable, "NAME=value or NAME");
    if (variable.find('=') != std::string::npos)
      environment.push_back(variable);
    else
      from_ours(variable);
  }
  return environment;
}

void RunOptions::declare(Options& options) {
  options.option("--name", name_, "name of the container", "NAME");
  options.flag("-i,--interactive", plain_.open_stdin, "pass standard input on");
  options.flag("-t,--tty", plain_.terminal, "give the command a terminal");
  options.flag("--rm", plain_.auto_remove, "remove the container when it has ended");
  options.option("-e,--env", environment_, "an environment variable, NAME=value or NAME", "VARIABLE");
  options.option("--env-file", env_files_, "a file of environment variables", "FILE");
  options.option("-w,--workdir", plain_.working_directory, "working directory", "DIR");
  options.option("-u,--user", plain_.user, "user and group, by name or number", "USER[:GROUP]");
  options.option("--entrypoint", entrypoint_, "program that runs instead of the image's entrypoint", "PROGRAM");
  options.flag("--init", plain_.init, "run a small init as first process");
  options.option("-l,--label", labels_, "a label, NAME=value", "LABEL");

  network_.declare(options);
  users_.declare(options);
  log_.declare(options);

  options.option("-v,--volume", volumes_, "a volume or a folder of this machine", "SOURCE:TARGET[:ro]");
  options.option("--mount", mounts_, "a mount, type=bind,source=…,target=…", "MOUNT");
  options.option("--tmpfs", tmpfs_, "a file system in memory", "TARGET[:OPTIONS]");
  options.size("--shm-size", shm_size_, "size of /dev/shm");

  limits_.declare(options);

  security_.declare(options);

  options.option("--restart", restart_, "no, always, on-failure[:N] or unless-stopped", "POLICY");
  options.option("--stop-signal", plain_.stop_signal, "signal that asks it to end", "SIGNAL");
  options.option("--stop-timeout", stop_timeout_, "seconds until it is killed", "SECONDS");
  options.option("--health-cmd", health_command_, "command that tells whether it is healthy", "COMMAND");
  options.option("--health-interval", health_interval_, "time between checks", "DURATION");
  options.option("--health-timeout", health_timeout_, "time a check may take", "DURATION");
  options.option("--health-start-period", health_start_period_, "time in which failures do not count", "DURATION");
  options.option("--health-start-interval", health_start_interval_, "time between checks while it starts", "DURATION");
  options.number("--health-retries", health_retries_, "failures in a row that make it unhealthy", "N");
  options.flag("--no-healthcheck", no_healthcheck_, "no check");

  options.unsupported(
      "--add-device --annotation --cgroup-parent --cgroupns --gpus --group-add "
      "--ipc --isolation --label-file --pid --platform --pull "
      "--runtime --storage-opt --uts --volume-driver --volumes-from -q --quiet");
}

engine::ContainerConfig RunOptions::config(const std::vector<std::string>& words) const {
  engine::ContainerConfig config = plain_;
  config.name = name_.value_or("");
  if (name_ && name_->empty()) refuse("--name", "", "a name");
  config.image = words.front();
  if (words.size() > 1) config.command = std::vector<std::string>(words.begin() + 1, words.end());
  if (entrypoint_) {
    config.entrypoint.emplace();
    if (!entrypoint_->empty()) config.entrypoint->push_back(*entrypoint_);
  }
  config.environment = read_environment(env_files_, environment_);
  config.labels = read_labels(labels_);
  if (restart_) config.restart = parse_restart(*restart_);
  if (stop_timeout_) config.stop_grace = duration("--stop-timeout", *stop_timeout_, config.stop_grace);
  security_.read(config);
  if (shm_size_) config.shm_size = *shm_size_;
  config.limits = limits_.limits();
  config.oom_score_adjust = limits_.oom_score_adjust();
  network_.read(config);
  users_.read(config);
  config.log = log_.settings();
  read_mounts(config);
  read_health(config);
  return config;
}

void RunOptions::read_mounts(engine::ContainerConfig& config) const {
  for (const auto& text : volumes_) config.mounts.push_back(to_mount(parser::parse_volume(text)));
  for (const auto& text : mounts_) {
    config.mounts.push_back(to_mount(parser::parse_mount(text)));
    const auto& mount = config.mounts.back();
    // Unlike -v, which makes a folder that is missing.
    if (mount.kind == engine::MountKind::bind && access(mount.source.c_str(), F_OK) != 0)
      throw base::Error("option --mount: there is no " + base::escape_control(mount.source) + " on this machine")
          .with_exit_code(base::exit_usage);
  }
  for (const auto& text : tmpfs_) config.mounts.push_back(to_mount(parser::parse_tmpfs(text)));
}

void RunOptions::read_health(engine::ContainerConfig& config) const {
  auto& check = config.healthcheck;
  if (no_healthcheck_) check.test = {"NONE"};  // not the image's either
  if (no_healthcheck_ || !health_command_) return;
  check.test = {"/bin/sh", "-c", *health_command_};
  check.interval = duration("--health-interval", health_interval_, check.interval);
  check.timeout = duration("--health-timeout", health_timeout_, check.timeout);
  check.start_period = duration("--health-start-period", health_start_period_, check.start_period);
  check.start_interval = duration("--health-start-interval", health_start_interval_, check.start_interval);
  if (health_retries_) check.retries = static_cast<int>(std::min<std::int64_t>(*health_retries_, INT_MAX));
}

}  // namespace conductor::cli
