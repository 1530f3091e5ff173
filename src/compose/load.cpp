#include "compose/load.hpp"

#include "base/text.hpp"
#include "linux/fd.hpp"

#include <filesystem>

namespace conductor::compose {
namespace {

constexpr std::size_t largest_file = 10U << 20U;

std::string variable(const LoadOptions& options, const std::string& name) {
  const auto found = options.environment.find(name);
  return found == options.environment.end() ? std::string() : found->second;
}

std::string absolute(const LoadOptions& options, const std::string& path) {
  auto normal = (std::filesystem::path(options.current_directory) / path).lexically_normal().string();
  while (normal.size() > 1 && normal.ends_with('/')) normal.pop_back();
  return normal;
}

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::vector<std::string> named_files(const LoadOptions& options) {
  if (!options.files.empty()) return options.files;
  const std::string given = variable(options, "COMPOSE_FILE");
  if (given.empty()) return {};
  std::string separator = variable(options, "COMPOSE_PATH_SEPARATOR");
  return base::split(given, separator.empty() ? ':' : separator.front());
}

std::string searched_directory(const LoadOptions& options) {
  return options.directory.empty() ? options.current_directory : absolute(options, options.directory);
}

std::string given_name(const LoadOptions& options) {
  return options.project_name.empty() ? variable(options, "COMPOSE_PROJECT_NAME") : options.project_name;
}

std::map<std::string, std::string> file_variables(const LoadOptions& options, const std::string& directory) {
  std::map<std::string, std::string> variables;
  const auto add = [&](const std::string& path, const std::string& text) {
    for (const auto& [name, value] : parser::parse_env_file(text, path))
      if (value) variables[name] = *value;
  };
  for (const auto& file : options.env_files) {
    const std::string path = absolute(options, file);
    const auto text = linux::try_read_file(path, largest_file);
    if (!text) throw base::Error("env file " + path + " does not exist");
    add(path, *text);
  }
  if (!options.env_files.empty()) return variables;
  const std::string usual = directory + "/.env";
  if (const auto text = linux::try_read_file(usual, largest_file)) add(usual, *text);
  return variables;
}

struct Source {
  std::string shown;  // as the user named it
  std::string path;   // absolute
  std::string text;
};

Source read_source(const LoadOptions& options) {
  const auto path = find_file(options);
  if (!path)
    throw base::Error("no compose file in " + searched_directory(options))
        .with_hint("looked for " + base::join(file_names(), ", ") + "; name another with -f");
  if (*path == "-") return {"<stdin>", options.current_directory + "/-", linux::read_all(0, largest_file)};
  const auto named = named_files(options);
  const std::string shown = named.empty() ? path->substr(path->rfind('/') + 1) : named.front();
  return {shown, *path, linux::read_file(*path, largest_file)};
}

}  // namespace

std::vector<std::string> file_names() {
  return {"conductor.yaml", "conductor.yml",       "compose.yaml",
          "compose.yml",    "docker-compose.yaml", "docker-compose.yml"};
}

std::optional<std::string> find_file(const LoadOptions& options) {
  const auto named = named_files(options);
  if (named.size() > 1) throw base::Error("several compose files at a time are not supported yet");
  if (!named.empty()) return named.front() == "-" ? "-" : absolute(options, named.front());
  for (const auto& name : file_names()) {
    std::string path = searched_directory(options) + "/" + name;
    if (std::filesystem::exists(path)) return path;
  }
  return std::nullopt;
}

Project load(const LoadOptions& options) {
  Source source = read_source(options);
  ProjectSettings settings;
  settings.name = given_name(options);
  settings.directory = options.directory.empty() ? directory_of(source.path) : searched_directory(options);
  settings.path = source.path;
  settings.home = variable(options, "HOME");
  settings.profiles = options.profiles;
  if (const auto profiles = variable(options, "COMPOSE_PROFILES"); !profiles.empty() && options.profiles.empty())
    settings.profiles = base::split(profiles, ',');
  const auto from_files = file_variables(options, settings.directory);
  settings.lookup = [&](const std::string& name) -> std::optional<std::string> {
    for (const auto* variables : {&options.environment, &from_files})
      if (const auto found = variables->find(name); found != variables->end()) return found->second;
    return std::nullopt;
  };
  settings.real_path = [](const std::string& path) {
    std::error_code unreadable;
    auto real = std::filesystem::weakly_canonical(path, unreadable).string();
    return unreadable ? path : real;
  };
  settings.read_file = [](const std::string& path) { return linux::try_read_file(path, largest_file); };
  std::vector<base::Diagnostic> warnings;
  auto file = parser::parse_compose_file(source.text, source.shown, settings.lookup, &warnings);
  Project project = make_project(std::move(file), std::move(source.text), settings);
  project.warnings = std::move(warnings);
  return project;
}

std::string project_name_without_file(const LoadOptions& options) {
  std::string given = given_name(options);
  if (given.empty()) {
    const std::string directory = searched_directory(options);
    return normalised_project_name(directory.substr(directory.rfind('/') + 1));
  }
  if (normalised_project_name(given) != given) throw base::Error("project name '" + given + "' is not allowed");
  return given;
}

}  // namespace conductor::compose
