// volume create, ls, inspect, rm and prune.
#include "base/error.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "cli/commands.hpp"
#include "cli/confirmation.hpp"
#include "cli/each.hpp"
#include "cli/filters.hpp"
#include "cli/output.hpp"
#include "cli/volume_view.hpp"
#include "image/layers.hpp"
#include "store/records.hpp"

#include <algorithm>
#include <map>

namespace conductor::cli {

namespace {

constexpr const char* anonymous_label = "conductor.anonymous";

// The names of containers that mount each volume, running or not.
using Users = std::map<std::string, std::vector<std::string>>;
Users users_of_all(engine::Engine& engine) {
  Users users;
  for (const auto& observed : engine.list())
    for (const auto& mount : observed.container.config.mounts)
      if (mount.kind == engine::MountKind::named) users[mount.source].push_back(observed.container.config.name);
  return users;
}

[[noreturn]] void refuse(const std::string& message) { throw base::Error(message).with_exit_code(base::exit_usage); }

bool yes_or_no(const std::string& filter, const std::string& value) {
  if (value == "true" || value == "1") return true;
  if (value != "false" && value != "0") refuse("filter " + filter + " is true or false");
  return false;
}

// Of the options of docker's driver "local" the one that means something of ours.
std::int64_t read_size(const std::vector<std::string>& options) {
  std::int64_t size = 0;
  for (const auto& option : options) {
    const auto equals = option.find('=');
    const std::string name = option.substr(0, equals);
    if (name != "size")
      refuse("option --opt: '" + base::escape_control(name) +
             "' is not supported: a volume is a folder of the store, and size=SIZE bounds it");
    const auto bytes = equals == std::string::npos ? std::nullopt : base::parse_size(option.substr(equals + 1));
    if (!bytes || *bytes <= 0) refuse("option --opt: size=SIZE takes a size such as 10g");
    size = *bytes;
  }
  return size;
}

bool holds(const std::string& key, const std::string& value, const volume::Volume& volume, const Users& users) {
  if (key == "name") return volume.name.find(value) != std::string::npos;
  if (key == "driver") return value == "local";
  if (key == "dangling") return yes_or_no(key, value) != users.contains(volume.name);
  return has_label(volume.labels, value);
}

}  // namespace

int volume_create(Invocation& call) {
  std::vector<std::string> labels, options;
  std::string name, driver = "local";
  call.options().option("--label", labels, "a label, NAME=value", "LABEL");
  call.options().option("-d,--driver", driver, "local: there is no other", "DRIVER");
  call.options().option("-o,--opt", options, "size=SIZE, where the file system can bound a folder", "OPTION");
  call.options().optional_word("NAME", name);
  call.parse();
  if (driver != "local") refuse("there is no volume driver '" + base::escape_control(driver) + "', only local");
  const std::int64_t size = read_size(options);
  if (name.empty()) name = store::new_id();
  print_line(call.recovered_engine().volumes().create(name, read_labels(labels), size).name);
  return 0;
}

int volume_list(Invocation& call) {
  bool quiet = false;
  std::string format;
  std::vector<std::string> filter_texts;
  call.options().flag("-q,--quiet", quiet, "names alone");
  call.options().option("-f,--filter", filter_texts, "only those, KEY=VALUE", "FILTER");
  call.options().option("--format", format, "table, json or a template", "FORMAT");
  call.parse();
  const Filters filters(filter_texts, {"dangling", "driver", "label", "name"});
  engine::Engine& engine = call.engine();
  const Users users = filters.names("dangling") ? users_of_all(engine) : Users();
  std::vector<base::Json> rows;
  for (const auto& volume : engine.volumes().list())
    if (filters.accept([&](const auto& key, const auto& value) { return holds(key, value, volume, users); }))
      rows.push_back(inspected(engine, volume));
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
  int code = 0;
  for (const auto& name : names) {
    const auto volume = call.engine().volumes().find(name);
    if (!volume) {
      say("no such volume: " + base::escape_control(name));
      code = 1;
      continue;
    }
    base::Json one = inspected(call.engine(), *volume);
    if (!format.empty() && format != "json") print_line(expand_template(format, one));
    found.add(std::move(one));
  }
  constexpr int indent = 4;
  if (format.empty() || format == "json") print_line(found.dump(indent));
  return code;
}

int volume_remove(Invocation& call) {
  bool force = false;
  std::vector<std::string> names;
  call.options().flag("-f,--force", force, "one that does not exist is fine");
  call.options().words("VOLUME", names, 1);
  call.parse();
  engine::Engine& engine = call.recovered_engine();
  return for_each_name(names, [&](const std::string& name) {
    if (!engine.volumes().remove(name, users_of_all(engine)[name]) && !force)
      throw base::Error("no such volume: " + base::escape_control(name));
  });
}

int volume_prune(Invocation& call) {
  bool force = false, all = false;
  std::vector<std::string> filter_texts;
  call.options().flag("-f,--force", force, "do not ask");
  call.options().flag("-a,--all", all, "volumes with a name, too");
  call.options().option("--filter", filter_texts, "only those, label=NAME[=VALUE] or all=true", "FILTER");
  call.parse();
  const Filters filters(filter_texts, {"all", "label"});
  engine::Engine& engine = call.recovered_engine();
  const auto accepted = [&](const volume::Volume& volume) {
    return filters.accept([&](const std::string& key, const std::string& value) {
      return key == "all" ? (all = yes_or_no(key, value), true) : has_label(volume.labels, value);
    });
  };
  const Users users = users_of_all(engine);
  std::vector<std::string> unused;
  for (const auto& volume : engine.volumes().list())
    if (!users.contains(volume.name) && accepted(volume) && (all || volume.labels.contains(anonymous_label)))
      unused.push_back(volume.name);
  if (!force)
    require_confirmation(std::string("remove ") + (all ? "all" : "anonymous") + " volumes that no container uses: " +
                         (unused.empty() ? "there are none" : base::join(unused, ", ")));
  if (!unused.empty()) print_line("Deleted Volumes:");
  std::int64_t bytes = 0;
  const int code = for_each_name(unused, [&](const std::string& name) {
    const std::int64_t size = image::content_size(engine.volumes().data_directory(name));
    if (engine.volumes().remove(name, users_of_all(engine)[name])) bytes += size;
  });
  print_line("Total reclaimed space: " + base::format_size(bytes));
  return code;
}

}  // namespace conductor::cli
