// The file as a whole: its top level.
#include "parser/compose_file.hpp"

#include "parser/compose_reader.hpp"

#include <algorithm>
#include <array>

namespace conductor::parser {

using Kind = YamlNode::Kind;

namespace {

// --- the top level ----------------------------------------------------------------------------------------------

void read_version(ComposeReader& reader, const YamlNode& node, ComposeFile&) {
  reader.warning(node.position, "'version' is obsolete and has no effect");
}

void read_name(ComposeReader& reader, const YamlNode& node, ComposeFile& file) {
  file.name = text(reader, node);
  const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  const auto inner = [&](char c) { return allowed(c) || c == '-' || c == '_'; };
  if (file.name.empty() || !allowed(file.name.front()) || !std::all_of(file.name.begin(), file.name.end(), inner))
    reader.error(node.position, show(file.name) + " is no name of a project",
                 "lower-case letters, digits, '-' and '_', beginning with a letter or digit");
}

void read_services(ComposeReader& reader, const YamlNode& node, ComposeFile& file) {
  if (!reader.is_map(node, "'services'")) return;
  for (const auto& entry : node.entries)
    if (!entry.key.starts_with("x-")) file.services.push_back(read_service(reader, entry));
}

void read_driver(ComposeReader& reader, const YamlNode& node, VolumeSection&) {
  const std::string driver = text(reader, node);
  if (driver != "local")
    reader.error(node.position, "driver " + show(driver) + " is not supported yet", "expected local");
}

constexpr std::array volume_keys{
    Key<VolumeSection>{"name", into<&VolumeSection::real_name, text>},
    Key<VolumeSection>{"external", into<&VolumeSection::external, boolean>},
    Key<VolumeSection>{"labels", into<&VolumeSection::labels, labels>},
    Key<VolumeSection>{"driver", read_driver},
};
constexpr std::array<std::string_view, 1> volume_later{"driver_opts"};
constexpr Level<VolumeSection> volume_level{"a volume", volume_keys, volume_later};

void read_volumes(ComposeReader& reader, const YamlNode& node, ComposeFile& file) {
  if (!reader.is_map(node, "'volumes'")) return;
  for (const auto& entry : node.entries) {
    if (entry.key.starts_with("x-")) continue;
    VolumeSection& volume = file.volumes.emplace_back();
    volume.name = entry.key;
    volume.position = entry.position;
    if (!is_key_name(volume.name))
      reader.error(entry.position, show(volume.name) + " is no name of a volume", "letters, digits, '.', '_' and '-'");
    reader.read(entry.value, volume_level, volume);
  }
}

void read_isolation(ComposeReader& reader, const YamlNode& node, ComposeFile& file) {
  const std::string isolation = text(reader, node);
  if (isolation != "strict" && isolation != "open")
    reader.error(node.position, "unknown isolation " + show(isolation), "expected strict or open");
  file.strict = isolation == "strict";
}
constexpr std::array conductor_keys{
    Key<ComposeFile>{"isolation", read_isolation},
    Key<ComposeFile>{"publish_scope", into<&ComposeFile::publish_scope, publish_scope>},
};
constexpr Level<ComposeFile> conductor_level{"'x-conductor'", conductor_keys, {}};

constexpr std::array file_keys{
    Key<ComposeFile>{"name", read_name},
    Key<ComposeFile>{"networks", read_networks},
    Key<ComposeFile>{"services", read_services},
    Key<ComposeFile>{"version", read_version},
    Key<ComposeFile>{"volumes", read_volumes},
    Key<ComposeFile>{"x-conductor", [](ComposeReader& in, const YamlNode& node,
                                       ComposeFile& to) { in.read(node, conductor_level, to); }},
};
constexpr auto file_later = std::to_array<std::string_view>({"configs", "include", "models", "secrets"});
constexpr Level<ComposeFile> file_level{"a compose file", file_keys, file_later};

// In a file of this name reach is explicit.
bool is_own_name(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  return name == "conductor.yaml" || name == "conductor.yml";
}

}  // namespace

ComposeFile parse_compose_file(std::string_view text, const std::string& file,
                               const std::function<std::optional<std::string>(const std::string&)>& lookup,
                               std::vector<base::Diagnostic>* warnings) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  Diagnostics diagnostics(text);
  YamlNode tree = parse_yaml(text, file, diagnostics);
  diagnostics.finish();
  ComposeReader reader(diagnostics, lookup, warnings);
  ComposeFile result;
  result.file = file;
  result.strict = is_own_name(file);
  reader.interpolate_values(tree);
  reader.read(tree, file_level, result);
  if (diagnostics.clean() && result.services.empty())
    reader.error({file, 0, 0}, "the file has no services", "expected 'services:' and below it 'name:'");
  check_references(reader, result);
  diagnostics.finish();
  return result;
}

}  // namespace conductor::parser
