// The values of build's options, in docker's forms: lists of NAME=value fields, sizes, platforms. Pure but for what the
// environment and the file system are asked through `Surroundings`. Every function throws base::Error (exit code 125)
// naming the option and what was probably meant.
#pragma once

#include "builder/builder.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace conductor::cli {

struct Surroundings {
  std::function<std::optional<std::string>(const std::string& name)> variable;  // of our environment
  std::function<bool(const std::string& path)> is_file;                         // a regular one
  bool terminal_output = false;                                                 // standard output is a terminal
  static Surroundings ours();
};

// "type=local,dest=out": fields separated by commas, in quotes where a value holds one (RFC 4180). A field without "="
// has an empty value.
using OptionFields = std::vector<std::pair<std::string, std::string>>;
OptionFields split_fields(const std::string& option, const std::string& text);

// --build-arg and --label: NAME=value; NAME alone takes its value from our environment, and is left out where there is
// none. A label may have no value.
std::map<std::string, std::string> read_arguments(const std::vector<std::string>& texts, const Surroundings& around);
std::map<std::string, std::string> read_build_labels(const std::vector<std::string>& texts);

// --build-context NAME=PATH|docker-image://…|oci-layout://…|URL
std::map<std::string, std::string> read_contexts(const std::vector<std::string>& texts);

// --secret [type=file|env,]id=ID[,src=FILE|,env=NAME]: ID alone is a variable of that name, else a file.
builder::SecretSource read_secret(const std::string& text, const Surroundings& around);
// --ssh default|ID[=SOCKET]: without a socket the agent's of our environment.
builder::SshSource read_ssh(const std::string& text, const Surroundings& around);

// -o DIR | - | type=local|tar|oci|docker|image,dest=… Names of `name=` are added to `tags`.
builder::Output read_output(const std::string& text, std::vector<std::string>& tags, const Surroundings& around);
// --cache-from type=local,src=DIR and --cache-to type=local,dest=DIR: the directory.
std::string read_cache(const std::string& option, const std::string& text);

builder::NetworkChoice read_build_network(const std::string& text);
// --add-host NAME:ADDRESS or NAME=ADDRESS, as NAME:ADDRESS.
std::string read_build_host(const std::string& text);
// --platform: the machine's own alone, with or without the parts that it may leave out.
void check_platform(const std::string& text, const std::string& architecture);
// SOURCE_DATE_EPOCH: whole seconds since 1970.
std::int64_t read_epoch(const std::string& text);

// --call and --check.
struct BuildCall {
  enum class Kind { build, ast, outline, targets, check } kind = Kind::build;
  bool json = false;
};
BuildCall read_call(const std::string& text);

}  // namespace conductor::cli
