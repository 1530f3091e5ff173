#include "cli/container_view.hpp"

#include "base/text.hpp"
#include "base/units.hpp"
#include "cli/filters.hpp"
#include "cli/limits_view.hpp"
#include "cli/network_view.hpp"
#include "cli/security_view.hpp"
#include "engine/launch.hpp"
#include "linux/ip_address.hpp"

namespace conductor::cli {

namespace {

using base::Json;

// A reading of the command that a person recognises; the arguments themselves are in `inspect`.
std::string command_text(const engine::Container& container, bool whole) {
  std::string text;
  try {
    text = base::join(engine::arguments_of(container), " ");
  } catch (const base::Error&) {
    return {};
  }
  constexpr std::size_t shown = 20;
  if (!whole && text.size() > shown) text = text.substr(0, shown - 1) + "…";
  return "\"" + text + "\"";
}

Json json_of(const std::map<std::string, std::string>& labels) { return base::to_json(labels); }

std::string time_text(std::int64_t time) { return time == 0 ? "0001-01-01T00:00:00Z" : base::format_time(time); }

Json state_json(const monitor::Status& status) {
  Json state = Json::object();
  state.set("Status", state_word(status));
  state.set("Running", status.phase == monitor::Phase::running);
  state.set("Paused", status.paused);
  state.set("Restarting", status.phase == monitor::Phase::restarting);
  state.set("OOMKilled", status.out_of_memory);
  state.set("Pid", status.process.pid);
  state.set("ExitCode", status.exit_code);
  state.set("Error", status.error);
  state.set("StartedAt", time_text(status.started_at));
  state.set("FinishedAt", time_text(status.finished_at));
  if (status.health != monitor::Health::none) {
    Json health = Json::object();
    health.set("Status", base::enum_name(status.health));
    health.set("FailingStreak", status.failing_streak);
    Json results = Json::array();
    for (const auto& result : status.health_log)
      results.add(Json::object()
                      .set("Start", time_text(result.started_at))
                      .set("End", time_text(result.finished_at))
                      .set("ExitCode", result.exit_code)
                      .set("Output", result.output));
    health.set("Log", std::move(results));
    state.set("Health", std::move(health));
  }
  return state;
}

Json config_json(const engine::Container& container) {
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
  json.set("Labels", json_of(config.labels));
  return json;
}

Json mounts_json(const engine::ContainerConfig& config) {
  Json mounts = Json::array();
  for (const auto& mount : config.mounts) {
    Json json = Json::object();
    json.set("Type", base::enum_name(mount.kind));
    json.set(mount.kind == engine::MountKind::named ? "Name" : "Source", mount.source);
    json.set("Destination", mount.target);
    json.set("RW", !mount.read_only);
    mounts.add(std::move(json));
  }
  return mounts;
}

}  // namespace

std::string state_word(const monitor::Status& status) {
  return status.paused ? "paused" : std::string(base::enum_name(status.phase));
}

std::string status_text(const monitor::Status& status, std::int64_t now_ns) {
  const auto age = [&](std::int64_t since) { return base::format_ago(std::chrono::nanoseconds(now_ns - since)); };
  const std::string code = status.exit_code < 0 ? "unknown" : std::to_string(status.exit_code);
  switch (status.phase) {
    case monitor::Phase::created:
      return "Created";
    case monitor::Phase::restarting:
      return "Restarting (" + code + ") " + age(status.finished_at) + " ago";
    case monitor::Phase::exited:
      return "Exited (" + code + ")" + (status.finished_at > 0 ? " " + age(status.finished_at) + " ago" : "");
    case monitor::Phase::running:
      break;
  }
  std::string text = "Up " + age(status.started_at);
  if (status.paused) return text + " (Paused)";
  if (status.health == monitor::Health::starting) return text + " (health: starting)";
  if (status.health != monitor::Health::none) text += " (" + std::string(base::enum_name(status.health)) + ")";
  return text;
}

std::string ports_text(const engine::Observed& observed, const PortsView& view) {
  if (!observed.endpoint) return {};
  return ports_text(observed.endpoint->config.publish, observed.container.image_config.exposed_ports, view);
}

base::Json listed(const engine::Observed& observed, const PortsView& view, bool whole, std::int64_t now_ns) {
  const auto& container = observed.container;
  Json json = Json::object();
  json.set("ID", whole ? container.id : base::short_id(container.id));
  json.set("Image", container.config.image);
  json.set("Command", command_text(container, whole));
  json.set("CreatedAt", base::format_time(container.created));
  json.set("RunningFor", base::format_ago(std::chrono::nanoseconds(now_ns - container.created)) + " ago");
  json.set("Status", status_text(observed.status, now_ns));
  json.set("State", state_word(observed.status));
  json.set("Health", base::enum_name(observed.status.health));
  json.set("ExitCode", observed.status.exit_code);
  json.set("Ports", ports_text(observed, view));
  json.set("Names", container.config.name);
  json.set("Labels", labels_text(container.config.labels));
  json.set("Networks", networks_text(container.config));
  json.set("Address", observed.endpoint ? linux::to_text(observed.endpoint->address) : "");
  return json;
}

base::Json inspected(engine::Engine& engine, const engine::Observed& observed) {
  const auto& container = observed.container;
  Json json = Json::object();
  json.set("Id", container.id);
  json.set("Name", container.config.name);
  json.set("Created", base::format_time(container.created));
  json.set("Image", "sha256:" + container.image_id);
  json.set("State", state_json(observed.status));
  json.set("RestartCount", observed.status.restarts);
  json.set("Config", config_json(container));
  Json host = host_config(container.config);
  add_limits(host, container.config);
  add_confinement(host, container.config);
  json.set("HostConfig", std::move(host));
  json.set("NetworkSettings", network_settings(engine, observed));
  json.set("Mounts", mounts_json(container.config));
  json.set("Asked", base::to_json(container.config));
  return json;
}

}  // namespace conductor::cli
