// Labels of a project's containers, volumes and networks. The first group is what other tools look for.
#pragma once

#include <string_view>

namespace conductor::compose::label {

inline constexpr char project[] = "com.docker.compose.project";
inline constexpr char service[] = "com.docker.compose.service";
inline constexpr char number[] = "com.docker.compose.container-number";
inline constexpr char config_hash[] = "com.docker.compose.config-hash";
inline constexpr char one_off[] = "com.docker.compose.oneoff";
inline constexpr char config_files[] = "com.docker.compose.project.config_files";
inline constexpr char working_directory[] = "com.docker.compose.project.working_dir";
inline constexpr char depends_on[] = "com.docker.compose.depends_on";  // "service:condition:restart,…"
inline constexpr char volume[] = "com.docker.compose.volume";
inline constexpr char network[] = "com.docker.compose.network";

// Set when the image was named after the project, so that `down --rmi local` knows it without the file.
inline constexpr char own_image[] = "io.conductor.compose.own-image";

// Ours to write: not part of what a user declares.
constexpr bool is_reserved(std::string_view name) {
  return name.starts_with("com.docker.compose.") || name.starts_with("io.conductor.");
}

}  // namespace conductor::compose::label
