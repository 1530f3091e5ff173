#include "cli/image_view.hpp"

#include "base/text.hpp"
#include "base/units.hpp"
#include "cli/terminal_text.hpp"

#include <array>

namespace conductor::cli {

using base::Json;

base::Json listed(const image::Listed& listed, bool whole, std::int64_t now_ns) {
  const bool named = !listed.reference.name.empty();
  Json json = Json::object();
  json.set("Repository", named ? listed.reference.name : "<none>");
  json.set("Tag", named ? listed.reference.tag : "<none>");
  json.set("ID", whole ? image_digest(listed.image) : base::short_id(listed.image.id));
  json.set("CreatedAt", base::format_time(listed.image.created));
  json.set("CreatedSince", base::format_ago(std::chrono::nanoseconds(now_ns - listed.image.created)) + " ago");
  json.set("Size", base::format_size(listed.image.size));
  return json;
}

namespace {

// {"80/tcp": {}, …}, as docker writes sets; null when empty.
Json set_of(const std::vector<std::string>& names) {
  if (names.empty()) return {};
  Json json = Json::object();
  for (const auto& name : names) json.set(name, Json::object());
  return json;
}

Json or_null(const std::vector<std::string>& values) { return values.empty() ? Json() : base::to_json(values); }

Json healthcheck_json(const image::Healthcheck& check) {
  Json json = Json::object();
  json.set("Test", base::to_json(check.test));
  const std::array times = {std::pair{"Interval", check.interval}, std::pair{"Timeout", check.timeout},
                            std::pair{"StartPeriod", check.start_period},
                            std::pair{"StartInterval", check.start_interval},
                            std::pair{"Retries", static_cast<std::int64_t>(check.retries)}};
  for (const auto& [name, value] : times)
    if (value != 0) json.set(name, value);
  return json;
}

Json root_file_system(const image::Images& images, const image::Image& image) {
  Json layers = Json::array();
  for (const auto& layer : image.layers) layers.add(images.diff_id(layer));
  return Json::object().set("Type", "layers").set("Layers", std::move(layers));
}

}  // namespace

std::string image_digest(const image::Image& image) { return "sha256:" + image.id; }

base::Json config_json(const image::Config& config) {
  Json json = Json::object();
  json.set("User", config.user);
  json.set("ExposedPorts", set_of(config.exposed_ports));
  json.set("Env", base::to_json(config.env));
  json.set("Entrypoint", base::to_json(config.entrypoint));
  json.set("Cmd", base::to_json(config.cmd));
  json.set("WorkingDir", config.working_dir);
  json.set("Volumes", set_of(config.volumes));
  json.set("OnBuild", or_null(config.on_build));
  json.set("Labels", config.labels.empty() ? Json() : base::to_json(config.labels));
  if (!config.stop_signal.empty()) json.set("StopSignal", config.stop_signal);
  if (!config.shell.empty()) json.set("Shell", base::to_json(config.shell));
  if (config.healthcheck) json.set("Healthcheck", healthcheck_json(*config.healthcheck));
  return json;
}

base::Json inspected(const image::Images& images, const std::vector<image::Listed>& all, const image::Image& image) {
  Json names = Json::array();
  for (const auto& other : all)
    if (other.image.id == image.id && !other.reference.name.empty()) names.add(other.reference.text());
  Json json = Json::object();
  json.set("Id", image_digest(image));
  json.set("RepoTags", std::move(names));
  json.set("RepoDigests", Json::array());
  json.set("Comment", image.history.empty() ? "" : image.history.back().comment);
  json.set("Created", base::format_time(image.created));
  json.set("Author", image.author);
  json.set("Architecture", image.architecture);
  json.set("Os", image.os);
  json.set("Size", image.size);
  json.set("RootFS", root_file_system(images, image));
  json.set("Layers", base::to_json(image.layers));
  json.set("Config", config_json(image.config));
  return json;
}

std::vector<base::Json> history_rows(const image::Image& image,
                                     const std::function<std::int64_t(const std::string& layer)>& size_of,
                                     HistoryStyle style, std::int64_t now_ns) {
  constexpr std::size_t shown_instruction = 45;
  std::vector<Json> rows;
  std::size_t layers = image.layers.size();
  const auto add = [&](const image::History& entry) {
    const std::int64_t size = entry.empty_layer || layers == 0 ? 0 : size_of(image.layers[--layers]);
    // A step without a time of its own is as old as the image.
    const std::int64_t created = entry.created == 0 ? image.created : entry.created * 1'000'000'000;
    Json row = Json::object();
    row.set("ID", !rows.empty() ? "<missing>" : style.whole ? image_digest(image) : base::short_id(image.id));
    row.set("CreatedAt", created == 0 ? "" : base::format_time(created));
    const std::string age = created == 0 ? "" : base::format_ago(std::chrono::nanoseconds(now_ns - created)) + " ago";
    row.set("CreatedSince", style.human || age.empty() ? age : base::format_time(created));
    row.set("CreatedBy", style.whole ? entry.created_by : fit(entry.created_by, shown_instruction));
    row.set("Size", style.human ? base::format_size(size) : std::to_string(size));
    row.set("Comment", entry.comment);
    rows.push_back(std::move(row));
  };
  for (auto entry = image.history.rbegin(); entry != image.history.rend(); ++entry) add(*entry);
  while (layers > 0) add({});
  return rows;
}

}  // namespace conductor::cli
