// volume create, ls, inspect and rm.
#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "cli/commands.hpp"
#include "cli/each.hpp"
#include "cli/filters.hpp"
#include "cli/output.hpp"
#include "store/records.hpp"

namespace conductor::cli {

namespace {

base::Json json_of(engine::Engine& engine, const volume::Volume& volume) {
  base::Json json = base::Json::object();
  json.set("Name", volume.name);
  json.set("Driver", "local");
  json.set("CreatedAt", base::format_time(volume.created));
  json.set("Mountpoint", engine.volumes().data_directory(volume.name));
  json.set("Labels", base::to_json(volume.labels));
  return json;
}

// The names of containers that mount it, running or not.
std::vector<std::string> users_of(engine::Engine& engine, const std::string& volume) {
  std::vector<std::string> users;
  for (const auto& observed : engine.list())
    for (const auto& mount : observed.container.config.mounts)
      if (mount.kind == engine::MountKind::named && mount.source == volume)
        users.push_back(observed.container.config.name);
  return users;
}

}  // namespace

int volume_create(Invocation& call) {
  std::vector<std::string> labels;
  std::string name;
  call.options().option("--label", labels, "a label, NAME=value", "LABEL");
  call.options().unsupported("-d --driver -o --opt");
  call.options().optional_word("NAME", name);
  call.parse();
  if (name.empty()) name = store::new_id();
  print_line(call.recovered_engine().volumes().create(name, read_labels(labels)).name);
  return 0;
}

int volume_list(Invocation& call) {
  bool quiet = false;
  std::string format;
  call.options().flag("-q,--quiet", quiet, "names alone");
  call.options().option("--format", format, "table, json or a template", "FORMAT");
  call.options().unsupported("-f --filter");
  call.parse();
  std::vector<base::Json> rows;
  for (const auto& volume : call.engine().volumes().list()) rows.push_back(json_of(call.engine(), volume));
  print(render_list({{"DRIVER", "Driver"}, {"VOLUME NAME", "Name"}}, rows, quiet ? "{{.Name}}" : format));
  return 0;
}

int volume_inspect(Invocation& call) {
  std::string format;
  std::vector<std::string> names;
  call.options().option("-f,--format", format, "json or a template", "FORMAT");
  call.options().words("VOLUME", names, 1);
  call.parse();
  base::Json found = base::Json::array();
  for (const auto& name : names) {
    const auto volume = call.engine().volumes().find(name);
    if (!volume) throw base::Error("no such volume: " + base::escape_control(name));
    base::Json one = json_of(call.engine(), *volume);
    if (!format.empty() && format != "json") print_line(expand_template(format, one));
    found.add(std::move(one));
  }
  constexpr int indent = 4;
  if (format.empty() || format == "json") print_line(found.dump(indent));
  return 0;
}

int volume_remove(Invocation& call) {
  bool force = false;
  std::vector<std::string> names;
  call.options().flag("-f,--force", force, "one that does not exist is fine");
  call.options().words("VOLUME", names, 1);
  call.parse();
  engine::Engine& engine = call.recovered_engine();
  return for_each_name(names, [&](const std::string& name) {
    if (!engine.volumes().remove(name, users_of(engine, name)) && !force)
      throw base::Error("no such volume: " + base::escape_control(name));
  });
}

}  // namespace conductor::cli
