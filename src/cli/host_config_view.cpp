#include "cli/host_config_view.hpp"

#include "cli/filters.hpp"
#include "engine/launch.hpp"

namespace conductor::cli {

namespace {

using base::Json;

Json text_map(const std::map<std::string, std::string>& values) { return base::to_json(values); }

Json log_config(const monitor::LogSettings& log) {
  const std::string type =
      log.driver == monitor::LogDriver::file ? "json-file" : std::string(base::enum_name(log.driver));
  Json options = Json::object();
  if (log.driver == monitor::LogDriver::file) {
    options.set("max-size", std::to_string(log.limit));
    options.set("max-file", std::to_string(log.files));
    options.set("compress", log.compress ? "true" : "false");
  }
  options.set("mode", log.blocking ? "blocking" : "non-blocking");
  if (!log.blocking) options.set("max-buffer-size", std::to_string(log.buffer));
  if (!log.tag.empty()) options.set("tag", log.tag);
  return Json::object().set("Type", type).set("Config", std::move(options));
}

std::string mount_words(const engine::MountConfig& mount) {
  std::string words = mount.read_only ? "ro" : "rw";
  if (!mount.propagation.empty()) words += "," + mount.propagation;
  if (!mount.copy) words += ",nocopy";
  return words;
}

void add_mounts(Json& json, const engine::ContainerConfig& config) {
  Json binds = Json::array(), tmpfs = Json::object();
  for (const auto& mount : config.mounts) {
    if (mount.kind == engine::MountKind::tmpfs)
      tmpfs.set(mount.target, mount.size > 0 ? "size=" + std::to_string(mount.size) : "");
    else
      binds.add(mount.source + ":" + mount.target + ":" + mount_words(mount));
  }
  json.set("Binds", std::move(binds));
  json.set("Tmpfs", std::move(tmpfs));
}

Json keys_of(const std::vector<std::string>& names) {
  Json json = Json::object();
  for (const auto& name : names) json.set(name, Json::object());
  return json;
}

}  // namespace

void add_host_config(Json& json, const engine::ContainerConfig& config) {
  add_mounts(json, config);
  json.set("UsernsMode", base::enum_name(config.user_namespace));
  json.set("ShmSize", config.shm_size);
  json.set("AutoRemove", config.auto_remove);
  json.set("Init", config.init);
  json.set("RestartPolicy", Json::object()
                                .set("Name", base::enum_name(config.restart.policy))
                                .set("MaximumRetryCount", config.restart.max_retries));
  json.set("LogConfig", log_config(config.log));
}

Json mounts_json(engine::Engine& engine, const engine::ContainerConfig& config) {
  Json mounts = Json::array();
  for (const auto& mount : config.mounts) {
    Json json = Json::object();
    const bool named = mount.kind == engine::MountKind::named;
    json.set("Type", base::enum_name(mount.kind));
    json.set("Name", named ? mount.source : "");
    json.set("Source", named ? engine.volumes().data_directory(mount.source) : mount.source);
    json.set("Destination", mount.target);
    json.set("Driver", named ? "local" : "");
    json.set("Mode", mount_words(mount));
    json.set("RW", !mount.read_only);
    json.set("Propagation",
             mount.kind == engine::MountKind::bind && mount.propagation.empty() ? "rprivate" : mount.propagation);
    json.set("Subpath", mount.subpath);
    mounts.add(std::move(json));
  }
  for (const auto& file : config.files)
    mounts.add(Json::object()
                   .set("Type", "file")
                   .set("Name", "")
                   .set("Source", file.source)
                   .set("Destination", file.target)
                   .set("Driver", "")
                   .set("Mode", "ro")
                   .set("RW", false)
                   .set("Propagation", "")
                   .set("Subpath", ""));
  return mounts;
}

Json process_config_json(const engine::Container& container) {
  const auto& config = container.config;
  const auto& image = container.image_config;
  Json json = Json::object();
  json.set("Image", config.image);
  json.set("Hostname", engine::hostname_of(container));
  json.set("User", config.user.empty() ? image.user : config.user);
  json.set("Env", base::to_json(engine::environment_of(container)));
  json.set("Entrypoint", base::to_json(config.entrypoint ? config.entrypoint : image.entrypoint));
  json.set("Cmd", base::to_json(config.command || config.entrypoint ? config.command : image.cmd));
  json.set("WorkingDir", config.working_directory.empty() ? image.working_dir : config.working_directory);
  json.set("Tty", config.terminal);
  json.set("OpenStdin", config.open_stdin);
  json.set("Labels", text_map(config.labels));
  json.set("ExposedPorts", keys_of(image.exposed_ports));
  json.set("Volumes", keys_of(image.volumes));
  json.set("StopSignal", config.stop_signal.empty() ? image.stop_signal : config.stop_signal);
  json.set("StopTimeout", std::chrono::duration_cast<std::chrono::seconds>(config.stop_grace).count());
  const auto& check = config.healthcheck;
  if (!check.test.empty())
    json.set("Healthcheck", Json::object()
                                .set("Test", base::to_json(check.test))
                                .set("Interval", check.interval.count())
                                .set("Timeout", check.timeout.count())
                                .set("StartPeriod", check.start_period.count())
                                .set("StartInterval", check.start_interval.count())
                                .set("Retries", check.retries));
  return json;
}

}  // namespace conductor::cli
