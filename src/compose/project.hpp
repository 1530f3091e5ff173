// The desired state: a compose file with everything resolved. Names, paths, images and the configuration of every
// container.
#pragma once

#include "base/fields.hpp"
#include "base/source.hpp"
#include "engine/container.hpp"
#include "parser/compose_file.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace conductor::compose {

// Where an image of the project comes from; the fields of builder::BuildOptions that a compose file can say.
struct BuildSpec {
  std::string context;  // absolute
  std::string file;     // absolute; empty: the context's own
  std::string target;
  std::map<std::string, std::string> args, labels;
  std::map<std::string, std::string> contexts;  // additional_contexts: name → absolute directory, image or URL
  std::vector<std::string> tags, extra_hosts, no_cache_filter;
  std::string network;  // default, none, host; empty: default
  std::optional<std::int64_t> shm_size;
  bool no_cache = false, pull = false;
};
template <base::Is<BuildSpec> S, class V>
void fields(S& s, V&& v) {
  v("context", s.context), v("file", s.file), v("target", s.target), v("args", s.args), v("labels", s.labels);
  v("contexts", s.contexts), v("tags", s.tags), v("extra_hosts", s.extra_hosts);
  v("no_cache_filter", s.no_cache_filter), v("network", s.network), v("shm_size", s.shm_size);
  v("no_cache", s.no_cache), v("pull", s.pull);
}

struct DesiredService {
  std::string name;
  base::Position position;
  bool active = true;      // false: its profile is not asked for
  std::string image;       // a whole reference
  bool own_image = false;  // named after the project, because `image` is not written
  std::optional<BuildSpec> build;
  std::vector<parser::Dependency> depends_on;       // of services in the file
  std::vector<std::string> volumes;                 // keys of the named volumes it mounts
  std::vector<std::string> networks;                // keys of the networks it is in
  std::string network_of;                           // service whose network it shares (network_mode: service:NAME)
  std::map<std::string, std::string> environment;   // env_file and environment together
  engine::ContainerConfig pattern;                  // without what a container's number decides
  std::string hash;                                 // of the pattern
  std::vector<engine::ContainerConfig> containers;  // number N is at N - 1
  std::map<std::string, base::Position> places;     // of the keys as written
};

struct DesiredVolume {
  std::string key;
  std::string name;  // as the volume store knows it
  bool external = false;
  std::map<std::string, std::string> labels;
  base::Position position;
};

struct DesiredNetwork {
  std::string key;
  network::NetworkConfig config;  // with its name on this machine
  bool external = false;
  base::Position position;
};

struct Project {
  std::string name;
  std::string directory;  // absolute; relative paths of the file start here
  std::string file;       // as the user named it
  std::string path;       // the same, absolute
  std::string text;       // of the file, for messages
  bool strict = true;
  std::vector<DesiredService> services;  // each after what it depends on, else in the order written
  std::vector<DesiredVolume> volumes;
  std::vector<DesiredNetwork> networks;  // with "default" where a service is in it
  std::vector<base::Diagnostic> warnings;
  parser::ComposeFile source;

  const DesiredService* find(const std::string& service) const;
  // Throws Error with what was probably meant.
  const DesiredService& require(const std::string& service) const;
  const DesiredVolume* find_volume(const std::string& key) const;
  const DesiredNetwork* find_network(const std::string& key) const;
};

// What a compose file does not say itself.
struct ProjectSettings {
  std::string name;                   // -p or COMPOSE_PROJECT_NAME; empty: the file's, else the directory's
  std::string directory;              // absolute
  std::string path;                   // of the file, absolute
  std::string home;                   // for paths that begin with ~/
  std::vector<std::string> profiles;  // "*": all
  std::function<std::string(const std::string&)> real_path;  // of a bind's source, links followed; may be empty
  std::function<std::optional<std::string>(const std::string&)> lookup;     // variables
  std::function<std::optional<std::string>(const std::string&)> read_file;  // env files, by absolute path
};

// Pure but for the functions of `settings`. Throws base::SourceError with every mistake, Error for a bad project name.
Project make_project(parser::ComposeFile file, std::string text, const ProjectSettings& settings);

// Lower case, letters, digits, - and _ only, beginning with a letter or digit: what a directory's name becomes.
std::string normalised_project_name(const std::string& text);

// The project's services that are meant by names on the command line; none: all active ones. With `dependencies`, what
// they depend on too. In the project's order. Throws Error for an unknown name.
std::vector<const DesiredService*> select(const Project& project, const std::vector<std::string>& names,
                                          bool dependencies);

}  // namespace conductor::compose
