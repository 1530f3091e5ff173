#include "cli/container_view.hpp"

#include "base/text.hpp"
#include "base/units.hpp"
#include "cli/filters.hpp"
#include "cli/host_config_view.hpp"
#include "cli/limits_view.hpp"
#include "cli/network_view.hpp"
#include "cli/security_view.hpp"
#include "cli/terminal_text.hpp"
#include "engine/launch.hpp"
#include "image/layers.hpp"
#include "linux/fd.hpp"
#include "linux/ip_address.hpp"
#include "monitor/log.hpp"

#include <algorithm>

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

// docker's words for them: a volume's name, the place of a bind.
std::string mounts_text(const engine::ContainerConfig& config, bool whole) {
  constexpr std::size_t shown = 15;
  std::vector<std::string> sources;
  for (const auto& mount : config.mounts)
    if (!mount.source.empty()) sources.push_back(whole ? mount.source : fit(mount.source, shown));
  return base::join(sources, ",");
}

std::int64_t count_volumes(const engine::ContainerConfig& config) {
  return std::count_if(config.mounts.begin(), config.mounts.end(),
                       [](const auto& mount) { return mount.kind == engine::MountKind::named; });
}

Json graph_driver(engine::Engine& engine, const engine::Container& container) {
  image::Image image;
  image.layers = container.layers;
  const auto lower = engine.images().lower_directories(image);
  return Json::object()
      .set("Name", "overlay")
      .set("Data", Json::object()
                       .set("LowerDir", base::join(lower, ":"))
                       .set("UpperDir", engine::upper_directory(engine.locations(), container.id))
                       .set("WorkDir", engine::work_directory(engine.locations(), container.id)));
}

// Program and arguments; nothing of them where an image names none.
void add_arguments(Json& json, const engine::Container& container) {
  std::vector<std::string> arguments;
  try {
    arguments = engine::arguments_of(container);
  } catch (const base::Error&) {
    arguments.clear();
  }
  json.set("Path", arguments.empty() ? "" : arguments.front());
  json.set("Args", base::to_json(arguments.empty() ? arguments
                                                   : std::vector<std::string>(arguments.begin() + 1, arguments.end())));
}

// Of the file that is written first; empty without one.
std::string log_path(engine::Engine& engine, const engine::Container& container) {
  if (container.config.log.driver != monitor::LogDriver::file) return {};
  return monitor::log_file_name(engine.locations().container(container.id) + "/log", 1);
}

// Bytes; of a log with mode=non-blocking.
std::int64_t dropped_of_log(engine::Engine& engine, const engine::Container& container) {
  const auto file = monitor::dropped_log_name(engine.locations().container(container.id) + "/log");
  return base::parse_number(linux::try_read_file(file).value_or("")).value_or(0);
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
  json.set("Mounts", mounts_text(container.config, whole));
  json.set("LocalVolumes", std::to_string(count_volumes(container.config)));
  json.set("Address", observed.endpoint ? linux::to_text(observed.endpoint->address) : "");
  return json;
}

ContainerSize size_of(engine::Engine& engine, const engine::Container& container) {
  ContainerSize size;
  size.written = image::content_size(engine::upper_directory(engine.locations(), container.id));
  size.whole = size.written;
  for (const auto& layer : container.layers) size.whole += engine.images().layer_size(layer);
  return size;
}

base::Json inspected(engine::Engine& engine, const engine::Observed& observed) {
  const auto& container = observed.container;
  const std::string directory = engine.locations().container(container.id);
  Json json = Json::object();
  json.set("Id", container.id);
  json.set("Name", container.config.name);
  json.set("Created", base::format_time(container.created));
  add_arguments(json, container);
  json.set("Image", "sha256:" + container.image_id);
  json.set("State", state_json(observed.status));
  json.set("RestartCount", observed.status.restarts);
  json.set("Platform", "linux");
  json.set("HostsPath", directory + "/" + engine::hosts_file);
  json.set("HostnamePath", directory + "/" + engine::hostname_file);
  json.set("ResolvConfPath", directory + "/" + engine::resolver_file);
  json.set("LogPath", log_path(engine, container));
  json.set("LogDropped", dropped_of_log(engine, container));
  json.set("Config", process_config_json(container));
  Json host = host_config(container.config);
  add_limits(host, container.config);
  add_host_config(host, container.config);
  add_confinement(host, container.config);
  json.set("HostConfig", std::move(host));
  json.set("GraphDriver", graph_driver(engine, container));
  json.set("NetworkSettings", network_settings(engine, observed));
  json.set("Mounts", mounts_json(engine, container.config));
  Json asked = base::to_json(container.config);
  // What a file in memory holds is nobody's business.
  asked.set("files", Json::array());
  json.set("Asked", std::move(asked));
  return json;
}

}  // namespace conductor::cli
