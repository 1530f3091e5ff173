// The parts of a service that have keys of their own or several forms.
#include "base/text.hpp"
#include "base/units.hpp"
#include "parser/compose_reader.hpp"

#include <algorithm>
#include <array>

namespace conductor::parser {

using Kind = YamlNode::Kind;

namespace {

// --- build ------------------------------------------------------------------------------------------------------

// An argument without a value takes that of the environment, or is left to the file's default.
std::map<std::string, std::string> build_arguments(ComposeReader& reader, const YamlNode& node) {
  std::map<std::string, std::string> result;
  for (auto& [name, value] : variables(reader, node)) {
    if (!value) value = reader.variable(name);
    if (value) result[name] = *value;
  }
  return result;
}

std::string build_network(ComposeReader& reader, const YamlNode& node) {
  const std::string written = text(reader, node);
  if (written != "default" && written != "none" && written != "host")
    reader.error(node.position, show(written) + " is no network of a build", "default, none or host");
  return written;
}

constexpr std::array build_keys{
    Key<BuildSection>{"context", into<&BuildSection::context, text>},
    Key<BuildSection>{"dockerfile", into<&BuildSection::file, text>},
    Key<BuildSection>{"target", into<&BuildSection::target, text>},
    Key<BuildSection>{"args", into<&BuildSection::args, build_arguments>},
    Key<BuildSection>{"labels", into<&BuildSection::labels, labels>},
    Key<BuildSection>{"no_cache", into<&BuildSection::no_cache, boolean>},
    Key<BuildSection>{"no_cache_filter", into<&BuildSection::no_cache_filter, text_or_texts>},
    Key<BuildSection>{"pull", into<&BuildSection::pull, boolean>},
    Key<BuildSection>{"network", into<&BuildSection::network, build_network>},
    Key<BuildSection>{"shm_size", into<&BuildSection::shm_size, size>},
    Key<BuildSection>{"extra_hosts", into<&BuildSection::extra_hosts, extra_hosts>},
    Key<BuildSection>{"additional_contexts", into<&BuildSection::contexts, labels>},
    Key<BuildSection>{"tags", into<&BuildSection::tags, texts>},
};
constexpr auto build_later =
    std::to_array<std::string_view>({"dockerfile_inline", "entitlements", "ssh", "cache_from", "cache_to", "provenance",
                                     "sbom", "isolation", "privileged", "secrets", "ulimits", "platforms"});
constexpr Level<BuildSection> build_level{"'build'", build_keys, build_later};

// --- healthcheck ------------------------------------------------------------------------------------------------

void read_test(ComposeReader& reader, const YamlNode& node, HealthcheckSection& health) {
  if (node.kind == Kind::scalar) {
    health.test = {"/bin/sh", "-c", node.text};
    return;
  }
  auto parts = texts(reader, node);
  const std::string form = parts.empty() ? "" : parts.front();
  if (form == "NONE" && parts.size() == 1) {
    health.disable = true;
  } else if (form == "CMD" && parts.size() > 1) {
    health.test.assign(parts.begin() + 1, parts.end());
  } else if (form == "CMD-SHELL" && parts.size() == 2) {
    health.test = {"/bin/sh", "-c", parts[1]};
  } else {
    reader.error(node.position, "a list of 'test' begins with NONE, CMD or CMD-SHELL",
                 "[CMD, program, argument...] or [CMD-SHELL, 'line']");
  }
}

constexpr std::array healthcheck_keys{
    Key<HealthcheckSection>{"test", read_test},
    Key<HealthcheckSection>{"interval", into<&HealthcheckSection::interval, duration>},
    Key<HealthcheckSection>{"timeout", into<&HealthcheckSection::timeout, duration>},
    Key<HealthcheckSection>{"start_period", into<&HealthcheckSection::start_period, duration>},
    Key<HealthcheckSection>{"start_interval", into<&HealthcheckSection::start_interval, duration>},
    Key<HealthcheckSection>{"retries", into<&HealthcheckSection::retries, count>},
    Key<HealthcheckSection>{"disable", into<&HealthcheckSection::disable, boolean>},
};
constexpr Level<HealthcheckSection> healthcheck_level{"'healthcheck'", healthcheck_keys, {}};

// --- depends_on and env_file ------------------------------------------------------------------------------------

Condition condition(ComposeReader& reader, const YamlNode& node) {
  Condition result = Condition::started;
  const std::string name = text(reader, node);
  if (base::enum_parse(name, result)) return result;
  std::vector<std::string> names;
  for (const auto& [value, known] : enum_names(Condition{})) names.emplace_back(known);
  reader.error(node.position, "unknown condition " + show(name), "expected " + base::join(names, ", "));
  return result;
}

constexpr std::array dependency_keys{
    Key<Dependency>{"condition", into<&Dependency::condition, condition>},
    Key<Dependency>{"restart", into<&Dependency::restart, boolean>},
    Key<Dependency>{"required", into<&Dependency::required, boolean>},
};
constexpr Level<Dependency> dependency_level{"a dependency", dependency_keys, {}};

void read_path(ComposeReader& reader, const YamlNode& node, EnvFile& file) {
  file.value = text(reader, node);
  file.position = node.position;
}
constexpr std::array env_file_keys{
    Key<EnvFile>{"path", read_path},
    Key<EnvFile>{"required", into<&EnvFile::required, boolean>},
};
constexpr std::array<std::string_view, 1> env_file_later{"format"};
constexpr Level<EnvFile> env_file_level{"an environment file", env_file_keys, env_file_later};

// --- ports: the long form becomes the short one, which is then read ---------------------------------------------

struct LongPort {
  std::string target, published, protocol, host_ip, publish_scope, mode = "ingress", name, app_protocol;
};

// On one machine there is one way to publish; the specification has two words.
std::string port_mode(ComposeReader& reader, const YamlNode& node) {
  std::string mode = text(reader, node);
  if (mode != "host" && mode != "ingress")
    reader.error(node.position, "unknown mode " + show(mode), "expected host or ingress");
  return mode;
}

constexpr std::array port_keys{
    Key<LongPort>{"target", into<&LongPort::target, text>},
    Key<LongPort>{"published", into<&LongPort::published, text>},
    Key<LongPort>{"protocol", into<&LongPort::protocol, text>},
    Key<LongPort>{"host_ip", into<&LongPort::host_ip, text>},
    Key<LongPort>{"mode", into<&LongPort::mode, port_mode>},
    Key<LongPort>{"name", into<&LongPort::name, text>},
    Key<LongPort>{"app_protocol", into<&LongPort::app_protocol, text>},
    Key<LongPort>{"publish_scope", into<&LongPort::publish_scope, publish_scope>},
    Key<LongPort>{"x-publish-scope", into<&LongPort::publish_scope, publish_scope>},
};
constexpr Level<LongPort> port_level{"a port", port_keys, {}};

std::string short_form(const LongPort& port) {
  std::string result = port.host_ip.find(':') == std::string::npos ? port.host_ip : "[" + port.host_ip + "]";
  if (!result.empty()) result += ":";
  if (!port.published.empty() || !result.empty()) result += port.published + ":";
  return result + port.target + (port.protocol.empty() ? "" : "/" + port.protocol);
}

// --- volumes ----------------------------------------------------------------------------------------------------

// The long form is spelled as a --mount and read by its parser.
struct LongVolume {
  std::string type, source, target, propagation, size, mode, subpath, recursive;
  bool read_only = false, no_copy = false;
};
constexpr std::array bind_keys{Key<LongVolume>{"propagation", into<&LongVolume::propagation, text>},
                               Key<LongVolume>{"recursive", into<&LongVolume::recursive, text>}};
constexpr std::array<std::string_view, 2> bind_later{"create_host_path", "selinux"};
constexpr Level<LongVolume> bind_level{"'bind'", bind_keys, bind_later};
constexpr std::array tmpfs_keys{Key<LongVolume>{"size", into<&LongVolume::size, text>},
                                Key<LongVolume>{"mode", into<&LongVolume::mode, text>}};
constexpr Level<LongVolume> tmpfs_level{"'tmpfs'", tmpfs_keys, {}};
constexpr std::array named_keys{Key<LongVolume>{"nocopy", into<&LongVolume::no_copy, boolean>},
                                Key<LongVolume>{"subpath", into<&LongVolume::subpath, text>}};
constexpr std::array<std::string_view, 1> named_later{"labels"};
constexpr Level<LongVolume> named_level{"'volume'", named_keys, named_later};

constexpr std::array volume_keys{
    Key<LongVolume>{"type", into<&LongVolume::type, text>},
    Key<LongVolume>{"source", into<&LongVolume::source, text>},
    Key<LongVolume>{"target", into<&LongVolume::target, text>},
    Key<LongVolume>{"read_only", into<&LongVolume::read_only, boolean>},
    Key<LongVolume>{"bind",
                    [](ComposeReader& in, const YamlNode& node, LongVolume& to) { in.read(node, bind_level, to); }},
    Key<LongVolume>{"tmpfs",
                    [](ComposeReader& in, const YamlNode& node, LongVolume& to) { in.read(node, tmpfs_level, to); }},
    Key<LongVolume>{"volume",
                    [](ComposeReader& in, const YamlNode& node, LongVolume& to) { in.read(node, named_level, to); }},
};
constexpr std::array<std::string_view, 2> volume_later{"consistency", "image"};
constexpr Level<LongVolume> volume_level{"a volume", volume_keys, volume_later};

bool is_recursive(const std::string& word) {
  if (word == "disabled") return false;
  if (!word.empty() && word != "enabled" && word != "readonly")
    throw base::Error("bind.recursive is enabled, disabled or readonly, not " + show(word));
  return true;
}

VolumeMount checked(const LongVolume& written) {
  VolumeMount mount;
  mount.source = written.source;
  mount.target = written.target;
  mount.read_only = written.read_only;
  mount.propagation = written.propagation;
  mount.subpath = written.subpath;
  mount.copy = !written.no_copy;
  mount.recursive = is_recursive(written.recursive);
  if (!written.mode.empty()) mount.mode = parse_mode(written.mode);
  if (written.type == "bind")
    mount.kind = VolumeKind::bind;
  else if (written.type == "tmpfs")
    mount.kind = VolumeKind::tmpfs;
  else if (written.type == "volume")
    mount.kind = written.source.empty() ? VolumeKind::anonymous : VolumeKind::named;
  else
    throw base::Error(written.type.empty()
                          ? "a volume needs a 'type': bind, volume or tmpfs"
                          : "type " + show(written.type) + " is not supported yet; expected bind, volume or tmpfs");
  if (!written.size.empty()) {
    const auto bytes = base::parse_size(written.size);
    if (!bytes) throw base::Error("expected a size such as 64m, not " + show(written.size));
    mount.size = *bytes;
  }
  check_mount(mount);
  return mount;
}

// What a file says is the same at each start.
PortMapping fixed_port_mapping(const std::string& form) {
  PortMapping mapping = parse_port_mapping(form);
  if (mapping.last_host_port != 0)
    throw base::Error(show(form) +
                      ": a free port of a range is chosen by run -p alone; write one port, or none for any");
  return mapping;
}

}  // namespace

std::optional<BuildSection> build_section(ComposeReader& reader, const YamlNode& node) {
  BuildSection section;
  section.position = node.position;
  section.context = ".";
  if (node.kind == Kind::scalar)
    section.context = node.text;
  else if (node.kind == Kind::null)
    reader.error(node.position, "expected the path of a context, or a map");
  else
    reader.read(node, build_level, section);
  return section;
}

std::optional<HealthcheckSection> healthcheck_section(ComposeReader& reader, const YamlNode& node) {
  HealthcheckSection section;
  section.position = node.position;
  reader.read(node, healthcheck_level, section);
  return section;
}

std::vector<Dependency> dependencies(ComposeReader& reader, const YamlNode& node) {
  std::vector<Dependency> result;
  if (node.kind == Kind::map) {
    for (const auto& entry : node.entries) {
      Dependency dependency;
      dependency.service = entry.key;
      dependency.position = entry.position;
      reader.read(entry.value, dependency_level, dependency);
      result.push_back(std::move(dependency));
    }
  } else if (reader.is_list(node, "services")) {
    for (const auto& item : node.items) {
      Dependency dependency;
      dependency.service = text(reader, item);
      dependency.position = item.position;
      result.push_back(std::move(dependency));
    }
  }
  return result;
}

std::vector<EnvFile> env_files(ComposeReader& reader, const YamlNode& node) {
  std::vector<EnvFile> result;
  const auto add = [&](const YamlNode& item) {
    EnvFile& file = result.emplace_back();
    file.position = item.position;
    if (item.kind == Kind::map)
      reader.read(item, env_file_level, file);
    else
      file.value = text(reader, item);
    if (file.value.empty()) reader.error(item.position, "the path of an environment file is missing");
  };
  if (node.kind == Kind::scalar)
    add(node);
  else if (reader.is_list(node, "paths"))
    std::for_each(node.items.begin(), node.items.end(), add);
  return result;
}

std::vector<Placed<PortMapping>> port_mappings(ComposeReader& reader, const YamlNode& node) {
  std::vector<Placed<PortMapping>> result;
  if (!reader.is_list(node, "ports")) return result;
  for (const auto& item : node.items) {
    if (item.kind != Kind::map) {
      reader.at_text(item,
                     [&](const std::string& form) { result.push_back({fixed_port_mapping(form), item.position}); });
      continue;
    }
    LongPort written;
    reader.read(item, port_level, written);
    reader.at(item, [&] {
      if (written.target.empty()) throw base::Error("a port needs a 'target'");
      PortMapping mapping = fixed_port_mapping(short_form(written));
      mapping.publish_scope = written.publish_scope;
      mapping.mode = written.mode;
      mapping.name = written.name;
      mapping.app_protocol = written.app_protocol;
      result.push_back({std::move(mapping), item.position});
    });
  }
  return result;
}

std::vector<Placed<VolumeMount>> volume_mounts(ComposeReader& reader, const YamlNode& node) {
  std::vector<Placed<VolumeMount>> result;
  if (!reader.is_list(node, "volumes")) return result;
  for (const auto& item : node.items) {
    LongVolume written;
    if (item.kind != Kind::map) {
      reader.at_text(item, [&](const std::string& form) { result.push_back({parse_volume(form), item.position}); });
    } else {
      reader.read(item, volume_level, written);
      reader.at(item, [&] { result.push_back({checked(written), item.position}); });
    }
  }
  return result;
}

}  // namespace conductor::parser
