#include "engine/log_settings.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "monitor/journald.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace conductor::engine {

namespace {

using monitor::LogDriver;
using monitor::LogSettings;

constexpr std::array file_names = {"file", "json-file", "local"};
constexpr std::array placeholders = {"{{.Name}}", "{{.ID}}", "{{.FullID}}", "{{.ImageName}}"};
constexpr int most_files = 10'000;

[[noreturn]] void refuse(const std::string& key, const std::string& value, const std::string& expected) {
  throw base::Error("log option " + key + ": '" + base::escape_control(value) + "' is not " + expected)
      .with_exit_code(base::exit_usage);
}

LogDriver driver_of(const std::string& name) {
  if (name.empty() || std::find(file_names.begin(), file_names.end(), name) != file_names.end()) return LogDriver::file;
  if (name == "journald") return LogDriver::journald;
  if (name == "none") return LogDriver::none;
  constexpr std::array others = {"syslog", "gelf", "fluentd", "awslogs", "splunk", "gcplogs", "etwlogs"};
  const std::string shown = "log driver '" + base::escape_control(name) + "'";
  if (std::find(others.begin(), others.end(), name) != others.end())
    throw base::Error(shown + " is not supported; it is file, journald or none").with_exit_code(base::exit_usage);
  throw base::Error("unknown " + shown + base::did_you_mean(name, {"file", "json-file", "local", "journald", "none"}))
      .with_hint("log drivers: file (also json-file and local), journald, none")
      .with_exit_code(base::exit_usage);
}

bool read_boolean(const std::string& key, const std::string& value) {
  if (value == "true" || value == "1") return true;
  if (value == "false" || value == "0") return false;
  refuse(key, value, "true or false");
}

std::int64_t read_size(const std::string& key, const std::string& value) {
  const auto size = base::parse_size(value);
  if (!size || *size == 0) refuse(key, value, "a size such as 10m");
  return *size;
}

void check_tag(const std::string& tag) {
  std::string rest = tag;
  for (const std::string placeholder : placeholders)
    for (std::size_t at = 0; (at = rest.find(placeholder)) != std::string::npos;) rest.erase(at, placeholder.size());
  if (rest.find("{{") != std::string::npos)
    refuse("tag", tag, "text with {{.Name}}, {{.ID}}, {{.FullID}} or {{.ImageName}}");
}

void read_option(LogSettings& settings, const std::string& key, const std::string& value) {
  const bool file = settings.driver == LogDriver::file;
  if (key == "max-size" && file) {
    settings.limit = value == "-1" ? 0 : read_size(key, value);
  } else if (key == "max-file" && file) {
    const auto files = base::parse_number(value, most_files);
    if (!files || *files == 0) refuse(key, value, "a number of files, 1 to 10000");
    settings.files = static_cast<int>(*files);
  } else if (key == "compress" && file) {
    settings.compress = read_boolean(key, value);
  } else if (key == "mode") {
    if (value != "blocking" && value != "non-blocking") refuse(key, value, "blocking or non-blocking");
    settings.blocking = value == "blocking";
  } else if (key == "max-buffer-size") {
    settings.buffer = read_size(key, value);
  } else if (key == "tag" && settings.driver == LogDriver::journald) {
    check_tag(value);
    settings.tag = value;
  } else {
    const std::vector<std::string> known = {"max-size", "max-file", "compress", "mode", "max-buffer-size", "tag"};
    const bool misplaced = std::find(known.begin(), known.end(), key) != known.end();
    throw base::Error("log option '" + base::escape_control(key) + "' is not supported" +
                      (misplaced ? " by log driver " + std::string(base::enum_name(settings.driver))
                                 : base::did_you_mean(key, known)))
        .with_exit_code(base::exit_usage);
  }
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

}  // namespace

LogSettings log_settings(const std::string& driver, const std::vector<std::pair<std::string, std::string>>& options) {
  LogSettings settings;
  settings.driver = driver_of(driver);
  bool has_buffer = false;
  for (const auto& [key, value] : options) {
    if (settings.driver == LogDriver::none)
      throw base::Error("log driver none takes no options, and '" + base::escape_control(key) + "' is given")
          .with_exit_code(base::exit_usage);
    read_option(settings, key, value);
    has_buffer = has_buffer || key == "max-buffer-size";
  }
  if (has_buffer && settings.blocking)
    throw base::Error("log option max-buffer-size needs mode=non-blocking").with_exit_code(base::exit_usage);
  if (settings.compress && settings.files == 1)
    throw base::Error("log option compress needs max-file of at least 2: the present file is not compressed")
        .with_exit_code(base::exit_usage);
  return settings;
}

void require_log_driver(const LogSettings& settings) {
  if (settings.driver == LogDriver::journald && !monitor::has_journal())
    throw base::Error("log driver journald: nothing listens at " + std::string(monitor::journald_socket))
        .with_hint("is systemd-journald running? else choose --log-driver file");
}

LogSettings log_settings_of(const Container& container) {
  LogSettings settings = container.config.log;
  replace_all(settings.tag, "{{.Name}}", container.config.name);
  replace_all(settings.tag, "{{.ID}}", base::short_id(container.id));
  replace_all(settings.tag, "{{.FullID}}", container.id);
  replace_all(settings.tag, "{{.ImageName}}", container.config.image);
  return settings;
}

}  // namespace conductor::engine
