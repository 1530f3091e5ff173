// One service of a compose file → the configuration of its containers.
#pragma once

#include "compose/project.hpp"

#include <map>
#include <string>
#include <vector>

namespace conductor::compose {

// Gathers mistakes while a project is resolved.
struct Resolver {
  const ProjectSettings& settings;
  const parser::ComposeFile& file;
  std::string project;
  std::vector<base::Diagnostic> mistakes;

  void mistake(const base::Position& position, std::string message, std::string hint = {});
  // An absolute path from one as written: below the project's directory, or the home directory for ~/.
  std::string absolute(const std::string& path) const;
  const parser::Service* service(const std::string& name) const;
};

// Files of env_file in order, `environment` over them; a name without value takes the variable of that name, or is left
// out.
std::map<std::string, std::string> resolve_environment(Resolver& resolver, const parser::Service& service);

// The configuration but for name and number.
engine::ContainerConfig resolve_config(Resolver& resolver, const parser::Service& service,
                                       const std::map<std::string, std::string>& environment, const std::string& image);

// PROJECT_key, or the name the file gives.
std::string volume_name(const std::string& project, const parser::VolumeSection& volume);
// The group that the containers of a service share.
std::string group_name(const std::string& project, const std::string& service);
// "PROJECT-SERVICE-NUMBER", or the name the file gives.
std::string container_name(const std::string& project, const parser::Service& service, int number);

}  // namespace conductor::compose
