// network ls and inspect.
#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/filters.hpp"
#include "cli/network_options.hpp"
#include "cli/network_view.hpp"
#include "cli/output.hpp"

namespace conductor::cli {

namespace {

// Whether a filter of `network ls` holds for a line of it.
bool holds(const std::string& key, const std::string& value, const base::Json& line, const Labels& labels) {
  const std::string& name = *line.find("Name")->string();
  const bool made = name != links_network;
  if (key == "name") return name.find(value) != std::string::npos;
  if (key == "id") return name.starts_with(value);
  if (key == "driver") return value == "routed" || value == "bridge";
  if (key == "scope") return value == "local";
  if (key == "type") return value == (made ? "custom" : "builtin");
  if (key == "internal") return *line.find("Internal")->string() == value;
  if (key == "dangling") return made && (*line.find("Containers")->integer() == 0) == (value == "true" || value == "1");
  return has_label(labels, value);
}

}  // namespace

int network_list(Invocation& call) {
  bool quiet = false, whole = false;
  std::string format;
  std::vector<std::string> filter_texts;
  call.options().flag("-q,--quiet", quiet, "names alone");
  call.options().flag("--no-trunc", whole, "as always: nothing is shortened");
  call.options().option("-f,--filter", filter_texts, "only those, KEY=VALUE", "FILTER");
  call.options().option("--format", format, "table, json or a template", "FORMAT");
  call.parse();
  const Filters filters(filter_texts, {"name", "id", "driver", "scope", "type", "internal", "dangling", "label"});
  engine::Engine& engine = call.watchful_engine();
  const auto containers = engine.list();
  std::vector<base::Json> rows;
  const auto add = [&](base::Json line, const Labels& labels) {
    const auto accepted = [&](const auto& key, const auto& value) { return holds(key, value, line, labels); };
    if (filters.accept(accepted)) rows.push_back(std::move(line));
  };
  add(listed_links(engine, containers), {});
  for (const auto& network : engine.network().networks())
    add(listed(network, containers, engine.network().settings().ipv6()), network.labels);
  const std::vector<Column> columns = {{"NAME", "Name"},       {"DRIVER", "Driver"},     {"SCOPE", "Scope"},
                                       {"SUBNETS", "Subnets"}, {"INTERNAL", "Internal"}, {"CONTAINERS", "Containers"}};
  print(render_list(columns, rows, quiet ? "{{.Name}}" : format));
  return 0;
}

int network_inspect(Invocation& call) {
  bool verbose = false;
  std::string format;
  std::vector<std::string> names;
  call.options().option("-f,--format", format, "json or a template", "FORMAT");
  call.options().flag("-v,--verbose", verbose, "as always");
  call.options().words("NETWORK", names, 1);
  call.parse();
  base::Json found = base::Json::array();
  int code = 0;
  for (const auto& name : names) {
    try {
      engine::Engine& engine = call.engine();
      const bool links = name == links_network || name == "bridge";
      base::Json one = links ? inspected_links(engine) : inspected(engine, require_network(engine, name));
      if (!format.empty() && format != "json") print_line(expand_template(format, one));
      found.add(std::move(one));
    } catch (const base::Error& e) {
      say(base::escape_control(e.message()));
      if (!e.hint().empty()) print_error("  " + e.hint());
      code = 1;
    }
  }
  constexpr int indent = 4;
  if (format.empty() || format == "json") print_line(found.dump(indent));
  return code;
}

}  // namespace conductor::cli
