#include "compose/project.hpp"

#include "base/text.hpp"
#include "compose/collect.hpp"
#include "compose/config_hash.hpp"
#include "compose/endpoint_config.hpp"
#include "compose/labels.hpp"
#include "compose/service_config.hpp"
#include "image/image.hpp"

#include <algorithm>
#include <set>

namespace conductor::compose {
namespace {

bool name_character(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; }

std::string project_name(const ProjectSettings& settings, const parser::ComposeFile& file) {
  const std::string& given = settings.name.empty() ? file.name : settings.name;
  if (given.empty()) {
    const auto made = normalised_project_name(settings.directory.substr(settings.directory.rfind('/') + 1));
    if (!made.empty()) return made;
    throw base::Error("no project name can be made of the directory " + settings.directory)
        .with_hint("give one with -p");
  }
  if (normalised_project_name(given) != given)
    throw base::Error("project name '" + given + "' is not allowed")
        .with_hint("lower-case letters, digits, - and _, beginning with a letter or digit");
  return given;
}

// "service:condition:restart,…", as other tools write it; `down` reads it when the file is gone.
std::string depends_on_label(const std::vector<parser::Dependency>& dependencies) {
  const auto part = [](const parser::Dependency& dependency) {
    return dependency.service + ":" + std::string(base::enum_name(dependency.condition)) + ":" +
           (dependency.restart ? "true" : "false");
  };
  return base::join(collect(dependencies, part), ",");
}

bool is_active(const parser::Service& service, const std::vector<std::string>& profiles) {
  if (service.profiles.empty()) return true;
  return std::ranges::any_of(profiles, [&](const std::string& wanted) {
    return wanted == "*" || std::ranges::find(service.profiles, wanted) != service.profiles.end();
  });
}

std::vector<parser::Dependency> resolve_dependencies(Resolver& resolver, const parser::Service& service) {
  std::vector<parser::Dependency> result;
  for (const auto& dependency : service.depends_on) {
    const parser::Service* other = resolver.service(dependency.service);
    if (other == nullptr) {
      if (dependency.required)
        resolver.mistake(dependency.position, "depends_on names '" + dependency.service + "', which is no service");
      continue;
    }
    if (!dependency.required && !is_active(*other, resolver.settings.profiles)) continue;
    // Without a healthcheck of its own a service has its image's, which is looked at before anything is done.
    if (dependency.condition == parser::Condition::healthy && other->healthcheck && other->healthcheck->disable)
      resolver.mistake(dependency.position,
                       "the healthcheck of service '" + other->name + "' is disabled, so it never becomes healthy",
                       "use service_started");
    result.push_back(dependency);
  }
  return result;
}

// Of a build: a directory, or the URL of something else.
std::string context_place(const Resolver& resolver, const std::string& written) {
  const bool url = written.find("://") != std::string::npos || written.starts_with("git@");
  return url ? written : resolver.absolute(written);
}

std::optional<BuildSpec> resolve_build(const Resolver& resolver, const parser::Service& service) {
  if (!service.build) return std::nullopt;
  BuildSpec spec;
  spec.context = context_place(resolver, service.build->context);
  if (const auto& file = service.build->file; !file.empty())
    spec.file = file.starts_with("/") || !spec.context.starts_with("/") ? file : spec.context + "/" + file;
  spec.target = service.build->target;
  spec.args = service.build->args;
  spec.labels = service.build->labels;
  for (const auto& [name, place] : service.build->contexts) spec.contexts[name] = context_place(resolver, place);
  spec.tags = service.build->tags;
  spec.extra_hosts = service.build->extra_hosts;
  spec.no_cache_filter = service.build->no_cache_filter;
  spec.network = service.build->network;
  spec.shm_size = service.build->shm_size;
  spec.no_cache = service.build->no_cache;
  spec.pull = service.build->pull;
  return spec;
}

std::string resolve_image(Resolver& resolver, const parser::Service& service) {
  if (service.image.empty()) return resolver.project + "-" + service.name + ":latest";
  try {
    return image::parse_reference(service.image).text();
  } catch (const base::Error& e) {
    const auto place = service.places.find("image");
    resolver.mistake(place == service.places.end() ? service.position : place->second, e.message());
    return service.image;
  }
}

// Stamps name, number and our labels onto the pattern.
engine::ContainerConfig make_container(const Project& project, const parser::Service& written,
                                       const DesiredService& service, int number) {
  engine::ContainerConfig config = service.pattern;
  config.name = container_name(project.name, written, number);
  auto& labels = config.labels;
  labels[label::project] = project.name;
  labels[label::service] = service.name;
  labels[label::number] = std::to_string(number);
  labels[label::config_hash] = service.hash;
  labels[label::one_off] = "False";
  labels[label::config_files] = project.path;
  labels[label::working_directory] = project.directory;
  labels[label::depends_on] = depends_on_label(service.depends_on);
  if (service.own_image) labels[label::own_image] = "true";
  return config;
}

DesiredService resolve_service(Resolver& resolver, const Project& project, const parser::Service& written) {
  DesiredService service;
  service.name = written.name;
  service.position = written.position;
  service.places = written.places;
  service.active = is_active(written, resolver.settings.profiles);
  service.image = resolve_image(resolver, written);
  service.own_image = written.image.empty();
  service.build = resolve_build(resolver, written);
  service.depends_on = resolve_dependencies(resolver, written);
  for (const auto& volume : written.volumes)
    if (volume.value.kind == parser::VolumeKind::named) service.volumes.push_back(volume.value.source);
  service.networks = networks_of(resolver.file, written);
  service.network_of = shared_service(written);
  service.environment = resolve_environment(resolver, written);
  service.pattern = resolve_config(resolver, written, service.environment, service.image);
  service.hash = config_hash(service.pattern);
  if (!written.container_name.empty() && written.replicas > 1)
    resolver.mistake(written.position, "service '" + written.name + "' has container_name and more than one replica");
  for (int number = 1; number <= written.replicas; ++number)
    service.containers.push_back(make_container(project, written, service, number));
  return service;
}

// Depth first, dependencies before dependants. The parser has refused cycles; one that is left is cut.
void add_in_order(std::vector<DesiredService>& from, const std::string& name, std::set<std::string>& seen,
                  std::vector<DesiredService>& to) {
  const auto found = std::ranges::find(from, name, &DesiredService::name);
  if (found == from.end() || !seen.insert(name).second) return;
  for (const auto& dependency : found->depends_on) add_in_order(from, dependency.service, seen, to);
  to.push_back(std::move(*found));
}

std::vector<DesiredService> in_dependency_order(std::vector<DesiredService> services) {
  const auto names = collect(services, &DesiredService::name);
  std::set<std::string> seen;
  std::vector<DesiredService> ordered;
  for (const auto& name : names) add_in_order(services, name, seen, ordered);
  return ordered;
}

DesiredVolume resolve_volume(const std::string& project, const parser::VolumeSection& written) {
  DesiredVolume volume;
  volume.key = written.name;
  volume.name = volume_name(project, written);
  volume.external = written.external;
  volume.labels = written.labels;
  volume.labels[label::project] = project;
  volume.labels[label::volume] = written.name;
  volume.position = written.position;
  return volume;
}

void add_dependencies(const Project& project, const DesiredService& service, std::set<std::string>& wanted) {
  if (!wanted.insert(service.name).second) return;
  for (const auto& dependency : service.depends_on)
    if (const auto* other = project.find(dependency.service)) add_dependencies(project, *other, wanted);
}

}  // namespace

const DesiredService* Project::find(const std::string& service) const {
  const auto found = std::ranges::find(services, service, &DesiredService::name);
  return found == services.end() ? nullptr : &*found;
}

const DesiredService& Project::require(const std::string& service) const {
  if (const auto* found = find(service)) return *found;
  throw base::Error("no such service: " + service +
                    base::did_you_mean(service, collect(services, &DesiredService::name)));
}

const DesiredVolume* Project::find_volume(const std::string& key) const {
  const auto found = std::ranges::find(volumes, key, &DesiredVolume::key);
  return found == volumes.end() ? nullptr : &*found;
}

const DesiredNetwork* Project::find_network(const std::string& key) const {
  const auto found = std::ranges::find(networks, key, &DesiredNetwork::key);
  return found == networks.end() ? nullptr : &*found;
}

Project make_project(parser::ComposeFile file, std::string text, const ProjectSettings& settings) {
  Project project;
  project.name = project_name(settings, file);
  project.directory = settings.directory;
  project.file = file.file;
  project.path = settings.path;
  project.text = std::move(text);
  project.strict = file.strict;
  Resolver resolver{settings, file, project.name, {}};
  project.volumes = collect(file.volumes, [&](const auto& written) { return resolve_volume(project.name, written); });
  project.networks = resolve_networks(resolver);
  auto services =
      collect(file.services, [&](const auto& written) { return resolve_service(resolver, project, written); });
  if (!resolver.mistakes.empty()) throw base::SourceError(resolver.mistakes, project.text);
  project.services = in_dependency_order(std::move(services));
  project.source = std::move(file);
  return project;
}

std::string normalised_project_name(const std::string& text) {
  std::string name = base::lower(text);
  std::erase_if(name, [](char c) { return !name_character(c); });
  name.erase(0, std::min(name.find_first_not_of("-_"), name.size()));
  return name;
}

std::vector<const DesiredService*> select(const Project& project, const std::vector<std::string>& names,
                                          bool dependencies) {
  std::set<std::string> wanted;
  for (const auto& name : names) {
    const DesiredService& service = project.require(name);
    if (dependencies)
      add_dependencies(project, service, wanted);
    else
      wanted.insert(name);
  }
  if (names.empty())
    for (const auto& service : project.services)
      if (service.active) add_dependencies(project, service, wanted);
  std::vector<const DesiredService*> result;
  for (const auto& service : project.services)
    if (wanted.contains(service.name)) result.push_back(&service);
  return result;
}

}  // namespace conductor::compose
