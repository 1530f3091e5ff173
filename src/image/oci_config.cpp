#include "image/oci_config.hpp"

#include "base/json.hpp"
#include "base/units.hpp"

namespace conductor::image {
namespace {

using base::Json;

void set_text(Json& json, const char* name, const std::string& value) {
  if (!value.empty()) json.set(name, value);
}

void set_number(Json& json, const char* name, std::int64_t value) {
  if (value != 0) json.set(name, value);
}

void set_list(Json& json, const char* name, const std::vector<std::string>& list) {
  if (!list.empty()) json.set(name, base::to_json(list));
}

// Sets of names are objects whose values are empty objects.
void set_names(Json& json, const char* name, const std::vector<std::string>& names) {
  if (names.empty()) return;
  Json set = Json::object();
  for (const auto& each : names) set.set(each, Json::object());
  json.set(name, std::move(set));
}

// An empty list, "CMD []", is not the same as none.
void set_command(Json& json, const char* name, const std::optional<std::vector<std::string>>& command) {
  if (command) json.set(name, base::to_json(*command));
}

Json healthcheck(const Healthcheck& check) {
  Json json = Json::object();
  set_list(json, "Test", check.test);
  set_number(json, "Interval", check.interval);
  set_number(json, "Timeout", check.timeout);
  set_number(json, "StartPeriod", check.start_period);
  set_number(json, "StartInterval", check.start_interval);
  set_number(json, "Retries", check.retries);
  return json;
}

Json configuration(const Config& config) {
  Json json = Json::object();
  set_text(json, "User", config.user);
  set_names(json, "ExposedPorts", config.exposed_ports);
  set_list(json, "Env", config.env);
  set_command(json, "Entrypoint", config.entrypoint);
  set_command(json, "Cmd", config.cmd);
  set_names(json, "Volumes", config.volumes);
  set_text(json, "WorkingDir", config.working_dir);
  if (!config.labels.empty()) json.set("Labels", base::to_json(config.labels));
  set_text(json, "StopSignal", config.stop_signal);
  if (config.healthcheck) json.set("Healthcheck", healthcheck(*config.healthcheck));
  set_list(json, "OnBuild", config.on_build);
  set_list(json, "Shell", config.shell);
  return json;
}

Json history(const History& entry) {
  Json json = Json::object();
  if (entry.created != 0) json.set("created", oci_time(entry.created * 1'000'000'000));
  set_text(json, "created_by", entry.created_by);
  set_text(json, "comment", entry.comment);
  if (entry.empty_layer) json.set("empty_layer", true);
  return json;
}

}  // namespace

std::string oci_time(std::int64_t unix_ns) {
  std::string text = base::format_time(unix_ns);  // nine digits and "Z"
  text.pop_back();
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text + "Z";
}

std::string oci_config(const Image& image, const std::vector<std::string>& diff_ids) {
  Json json = Json::object();
  if (image.created != 0) json.set("created", oci_time(image.created));
  set_text(json, "author", image.author);
  json.set("architecture", image.architecture);
  json.set("os", image.os);
  json.set("config", configuration(image.config));
  Json root = Json::object();
  root.set("type", "layers");
  root.set("diff_ids", base::to_json(diff_ids));
  json.set("rootfs", std::move(root));
  if (!image.history.empty()) {
    Json entries = Json::array();
    for (const auto& entry : image.history) entries.add(history(entry));
    json.set("history", std::move(entries));
  }
  return json.dump();
}

}  // namespace conductor::image
