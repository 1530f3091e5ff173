// Where a container's output goes, from docker's words.
#pragma once

#include "engine/container.hpp"

#include <string>
#include <utility>
#include <vector>

namespace conductor::engine {

// `driver` as docker names it: file (or json-file, local), journald, none; empty: file. `options`: max-size, max-file,
// compress, mode, max-buffer-size, tag. Throws Error that names what is wrong or not supported.
monitor::LogSettings log_settings(const std::string& driver,
                                  const std::vector<std::pair<std::string, std::string>>& options);
// Throws Error when this machine cannot do it.
void require_log_driver(const monitor::LogSettings& settings);
// With {{.Name}}, {{.ID}}, {{.FullID}} and {{.ImageName}} of the tag filled in.
monitor::LogSettings log_settings_of(const Container& container);

}  // namespace conductor::engine
