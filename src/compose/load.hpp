// From words on the command line and files on disk to a project.
#pragma once

#include "compose/project.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace conductor::compose {

struct LoadOptions {
  std::vector<std::string> files;                  // -f; "-": standard input
  std::string project_name;                        // -p
  std::string directory;                           // --project-directory
  std::vector<std::string> env_files;              // --env-file; none: .env of the project's directory, if there
  std::vector<std::string> profiles;               // --profile
  std::string current_directory;                   // absolute
  std::map<std::string, std::string> environment;  // of the process; wins over env files
};

// Names a project's file may have, in the order they are looked for.
std::vector<std::string> file_names();

// The file that would be loaded, absolute; nothing when none is named and none is there. COMPOSE_FILE counts as -f.
std::optional<std::string> find_file(const LoadOptions& options);

// Throws Error when there is no file, base::SourceError for mistakes in it.
Project load(const LoadOptions& options);

// The project that is meant when there need not be a file: -p, COMPOSE_PROJECT_NAME, or the directory's name.
std::string project_name_without_file(const LoadOptions& options);

}  // namespace conductor::compose
