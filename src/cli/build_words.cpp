#include "cli/build_words.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "linux/terminal.hpp"
#include "parser/syntax.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

namespace conductor::cli {

namespace {

[[noreturn]] void refuse(const std::string& option, const std::string& message, const std::string& hint = {}) {
  throw base::Error("option " + option + ": " + message)
      .with_exit_code(base::exit_usage)
      .with_hint(hint.empty() ? "see 'conductor build --help'" : hint);
}

std::string shown(const std::string& text) { return "'" + base::escape_control(text) + "'"; }

[[noreturn]] void refuse_field(const std::string& option, const std::string& name,
                               const std::vector<std::string>& known) {
  refuse(option, "unknown field " + shown(name) + base::did_you_mean(name, known),
         "fields are " + base::join(known, ", "));
}

bool as_yes(const std::string& option, const std::string& name, const std::string& value) {
  if (value.empty() || value == "true" || value == "1") return true;
  if (value == "false" || value == "0") return false;
  refuse(option, name + " is true or false, not " + shown(value));
}

// NAME=value; no value where there is no "=".
std::pair<std::string, std::optional<std::string>> read_pair(const std::string& option, const std::string& text) {
  const auto equals = text.find('=');
  if (equals == 0 || text.empty()) refuse(option, shown(text) + " has no name before '='");
  if (equals == std::string::npos) return {text, std::nullopt};
  return {text.substr(0, equals), text.substr(equals + 1)};
}

}  // namespace

Surroundings Surroundings::ours() {
  return {[](const std::string& name) -> std::optional<std::string> {
            const char* value = std::getenv(name.c_str());
            return value == nullptr ? std::nullopt : std::optional<std::string>(value);
          },
          [](const std::string& path) {
            struct stat status{};
            return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
          },
          linux::is_terminal(STDOUT_FILENO)};
}

OptionFields split_fields(const std::string& option, const std::string& text) {
  std::vector<std::string> pieces(1);
  bool in_quotes = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"' && in_quotes && i + 1 < text.size() && text[i + 1] == '"')
      pieces.back() += text[i++];  // a doubled quote is one
    else if (text[i] == '"' && (in_quotes || pieces.back().empty()))
      in_quotes = !in_quotes;
    else if (text[i] == ',' && !in_quotes)
      pieces.emplace_back();
    else
      pieces.back() += text[i];
  }
  if (in_quotes) refuse(option, "a quote is not closed in " + shown(text));
  OptionFields fields;
  for (const auto& piece : pieces) {
    const auto equals = piece.find('=');
    std::string name = base::lower(base::trim(piece.substr(0, equals)));
    fields.emplace_back(std::move(name), equals == std::string::npos ? "" : piece.substr(equals + 1));
  }
  return fields;
}

std::map<std::string, std::string> read_arguments(const std::vector<std::string>& texts, const Surroundings& around) {
  std::map<std::string, std::string> arguments;
  for (const auto& text : texts) {
    auto [name, value] = read_pair("--build-arg", text);
    if (!value) value = around.variable(name);
    if (value) arguments[name] = *value;
  }
  return arguments;
}

std::map<std::string, std::string> read_build_labels(const std::vector<std::string>& texts) {
  std::map<std::string, std::string> labels;
  for (const auto& text : texts) {
    auto [name, value] = read_pair("--label", text);
    labels[name] = value.value_or("");
  }
  return labels;
}

std::map<std::string, std::string> read_contexts(const std::vector<std::string>& texts) {
  std::map<std::string, std::string> contexts;
  for (const auto& text : texts) {
    const auto [name, value] = read_pair("--build-context", text);
    if (!value || value->empty())
      refuse("--build-context", shown(text) + " is not NAME=PATH",
             "NAME=DIRECTORY, NAME=docker-image://IMAGE or NAME=URL");
    contexts[name] = *value;
  }
  return contexts;
}

builder::SecretSource read_secret(const std::string& text, const Surroundings& around) {
  const std::string option = "--secret";
  builder::SecretSource secret;
  std::string type;
  for (const auto& [name, value] : split_fields(option, text)) {
    if (name == "id")
      secret.id = value;
    else if (name == "type")
      type = value;
    else if (name == "src" || name == "source")
      secret.file = value;
    else if (name == "env")
      secret.environment = value;
    else
      refuse_field(option, name, {"id", "type", "src", "source", "env"});
  }
  if (secret.id.empty()) refuse(option, shown(text) + " has no id", "id=NAME,src=FILE or id=NAME,env=VARIABLE");
  if (!type.empty() && type != "file" && type != "env") refuse(option, "type is file or env, not " + shown(type));
  if (type == "env" && secret.environment.empty()) secret.environment = std::exchange(secret.file, "");
  if (secret.file.empty() && secret.environment.empty()) {
    const bool variable = type == "env" || (type.empty() && around.variable(secret.id));
    (variable ? secret.environment : secret.file) = secret.id;
  }
  if (!secret.file.empty() && !secret.environment.empty())
    refuse(option, shown(text) + " names both a file and a variable");
  if (!secret.file.empty() && !around.is_file(secret.file))
    refuse(option, "there is no file " + shown(secret.file) + " for the secret " + shown(secret.id));
  return secret;
}

builder::SshSource read_ssh(const std::string& text, const Surroundings& around) {
  const std::string option = "--ssh";
  const auto [id, path] = read_pair(option, text);
  builder::SshSource source{id, path.value_or("")};
  if (source.socket.empty()) source.socket = around.variable("SSH_AUTH_SOCK").value_or("");
  if (source.socket.empty())
    refuse(option, "there is no agent: SSH_AUTH_SOCK is not set",
           "start one with ssh-agent, or name its socket: " + base::escape_control(id) + "=SOCKET");
  if (around.is_file(source.socket))
    refuse(option, shown(source.socket) + " is a file, not the socket of an agent",
           "keys are used through an agent: ssh-add FILE, then --ssh " + base::escape_control(id));
  return source;
}

builder::Output read_output(const std::string& text, std::vector<std::string>& tags, const Surroundings& around) {
  const std::string option = "--output";
  using builder::OutputType;
  if (text.empty()) refuse(option, "needs a directory or type=…");
  if (text == "-") return {OutputType::tar, "-", {}, true};
  if (text.find('=') == std::string::npos) return {OutputType::local, text, {}, true};

  builder::Output output;
  std::string type;
  for (const auto& [name, value] : split_fields(option, text)) {
    if (name == "type") {
      type = value;
    } else if (name == "dest" || name == "destination") {
      output.destination = value;
    } else if (name == "tar") {
      output.archive = as_yes(option, name, value);
    } else if (name == "name") {
      for (const auto& tag : base::split(value, ',')) tags.push_back(tag);
    } else if (name == "compression") {
      if (value != "uncompressed" && value != "gzip" && value != "zstd")
        refuse(option, "compression is uncompressed, gzip or zstd, not " + shown(value));
      output.compression = value;
    } else if (name == "push" || name == "push-by-digest") {
      if (as_yes(option, name, value)) refuse(option, "images are not pushed to a registry yet");
    } else if (name != "oci-mediatypes" && name != "rewrite-timestamp" && name != "force-compression" &&
               name != "store" && name != "unpack") {  // as it always is here
      refuse_field(option, name, {"type", "dest", "name", "tar", "compression"});
    }
  }
  static constexpr std::array types = {
      std::pair{"local", OutputType::local},   std::pair{"tar", OutputType::tar},     std::pair{"oci", OutputType::oci},
      std::pair{"docker", OutputType::docker}, std::pair{"image", OutputType::store},
  };
  const auto known = std::find_if(types.begin(), types.end(), [&](const auto& entry) { return type == entry.first; });
  if (type == "registry" || type == "cacheonly") refuse(option, "type=" + type + " is not supported yet");
  if (known == types.end())
    refuse(option, type.empty() ? "no type in " + shown(text) : "unknown type " + shown(type),
           "type is local, tar, oci, docker or image");
  output.type = known->second;
  if (output.type == OutputType::store) return {};
  // As docker: an archive of its own form goes to the store unless a file is named.
  if (output.type == OutputType::docker && output.destination.empty()) return {};
  const bool directory = output.type == OutputType::local || (output.type == OutputType::oci && !output.archive);
  if (output.destination.empty() && !directory) output.destination = "-";
  if (directory && (output.destination.empty() || output.destination == "-"))
    refuse(option, "type=" + type + " needs dest=DIRECTORY");
  if (output.destination == "-" && around.terminal_output)
    refuse(option, "an archive is not written to a terminal", "name a file: dest=FILE, or send standard output to one");
  return output;
}

std::string read_cache(const std::string& option, const std::string& text) {
  const std::string place = option == "--cache-from" ? "src" : "dest";
  std::string type, directory;
  if (text.find('=') == std::string::npos)
    refuse(option, "a cache in a registry is not supported yet", "type=local," + place + "=DIR");
  for (const auto& [name, value] : split_fields(option, text)) {
    if (name == "type")
      type = value;
    else if (name == place)
      directory = value;
    else if (name == "mode" && option == "--cache-to") {
      if (value != "min" && value != "max") refuse(option, "mode is min or max, not " + shown(value));
    } else if (name != "compression" && name != "oci-mediatypes" && name != "ignore-error") {
      refuse_field(option, name, {"type", place, "mode"});
    }
  }
  if (type != "local") {
    static constexpr std::array others = {"registry", "gha", "s3", "azblob", "inline"};
    const bool known = std::find(others.begin(), others.end(), type) != others.end();
    refuse(option, known ? "type=" + type + " is not supported yet" : "unknown type " + shown(type),
           "type=local," + place + "=DIR");
  }
  if (directory.empty()) refuse(option, "type=local needs " + place + "=DIR");
  return directory;
}

builder::NetworkChoice read_build_network(const std::string& text) {
  if (text == "default" || text.empty()) return builder::NetworkChoice::standard;
  if (text == "none") return builder::NetworkChoice::none;
  if (text == "host") return builder::NetworkChoice::host;
  refuse("--network", shown(text) + " is not default, none or host");
}

std::string read_build_host(const std::string& text) {
  const auto entry = parser::parse_extra_host(text);
  return entry.name + ":" + entry.address;
}

void check_platform(const std::string& text, const std::string& architecture) {
  const std::string own = "linux/" + architecture;
  for (const auto& platform : base::split(text, ',')) {
    const std::string written = base::lower(platform);
    const bool same = written == own || written == "linux" || written == "local" || written == architecture ||
                      (architecture == "amd64" && (written == "linux/x86_64" || written == "linux/amd64/v1")) ||
                      (architecture == "arm64" && (written == "linux/aarch64" || written == "linux/arm64/v8"));
    if (!same)
      refuse("--platform", shown(platform) + " is not the platform of this machine", "images are built for " + own);
  }
}

std::int64_t read_epoch(const std::string& text) {
  const auto seconds = base::parse_number(text, INT64_MAX / 1'000'000'000);
  if (!seconds)
    throw base::Error("SOURCE_DATE_EPOCH is " + shown(text) + ", not whole seconds since 1970")
        .with_exit_code(base::exit_usage);
  return *seconds;
}

BuildCall read_call(const std::string& text) {
  const std::string option = "--call";
  static constexpr std::array kinds = {
      std::pair{"build", BuildCall::Kind::build},     std::pair{"ast", BuildCall::Kind::ast},
      std::pair{"outline", BuildCall::Kind::outline}, std::pair{"targets", BuildCall::Kind::targets},
      std::pair{"check", BuildCall::Kind::check},     std::pair{"lint", BuildCall::Kind::check},
  };
  const auto pieces = base::split(text, ',');
  const auto kind = std::find_if(kinds.begin(), kinds.end(), [&](const auto& k) { return pieces[0] == k.first; });
  if (kind == kinds.end())
    refuse(option, shown(pieces[0]) + " is not build, check, outline, targets or ast" +
                       base::did_you_mean(pieces[0], {"build", "check", "outline", "targets", "ast"}));
  BuildCall call{kind->second, false};
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    if (pieces[i] == "format=json")
      call.json = true;
    else if (pieces[i] != "format=text")
      refuse(option, shown(pieces[i]) + " is not format=json or format=text");
  }
  return call;
}

}  // namespace conductor::cli
